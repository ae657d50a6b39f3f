//! A source file as the house rules see it: its tokens without comments and literals, and the paths they form.
//!
//! A small lexer of our own is enough: the rules ask for names, not for meaning, and `syn` would be one more build.

/// Keywords that may stand right before a path or its `::`.
const KEYWORDS: &[&str] =
    &["as", "dyn", "else", "for", "if", "impl", "in", "match", "mut", "ref", "return", "use", "where"];

/// A word or a mark of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its text; `::` is one mark, any other mark is one character.
    pub text: String,
    /// Its line, from 1.
    pub line: usize,
}

/// A path such as `crate::zip::Entry`; the groups of a `use` are spread out, a glob is a last segment `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// The segments; `self` and `super` at the beginning are resolved to `crate::…`.
    pub segments: Vec<String>,
    /// Whether it begins with `::`, and so names a crate.
    pub is_global: bool,
    /// Its line, from 1.
    pub line: usize,
}

/// A file of the package.
pub struct Source {
    /// Its path from the package's root.
    pub path: String,
    /// Its text.
    pub text: String,
    /// Its tokens.
    pub tokens: Vec<Token>,
    /// Its paths.
    pub paths: Vec<Path>,
}

impl Source {
    /// Reads a text as the file of this path.
    pub fn new(path: &str, text: &str) -> Source {
        let tokens = tokenize(text);
        let paths = find_paths(path, &tokens);
        Source { path: path.to_owned(), text: text.to_owned(), tokens, paths }
    }

    /// The area in `src` it belongs to; `None` for `lib.rs` and files outside of `src`.
    pub fn area(&self) -> Option<String> {
        module(&self.path).into_iter().next()
    }
}

/// The modules a file of `src` stands for: `src/zip/local.rs` is `zip`, `local`.
fn module(path: &str) -> Vec<String> {
    let Some(inner) = path.strip_prefix("src/").and_then(|path| path.strip_suffix(".rs")) else {
        return Vec::new();
    };
    let mut parts: Vec<String> = inner.split('/').map(str::to_owned).collect();
    if parts.last().is_some_and(|last| last == "mod") || parts == ["lib"] {
        parts.pop();
    }
    parts
}

/// Splits a text into tokens; comments, texts and characters are left out.
fn tokenize(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < chars.len() {
        let end = match chars[at] {
            c if c.is_whitespace() => at + 1,
            '/' if chars.get(at + 1) == Some(&'/') => {
                chars[at..].iter().position(|c| *c == '\n').map_or(chars.len(), |length| at + length)
            }
            '/' if chars.get(at + 1) == Some(&'*') => block_comment_end(&chars, at),
            '"' => text_end(&chars, at),
            'r' | 'b' | 'c' if literal_end(&chars, at).is_some() => literal_end(&chars, at).unwrap_or(at + 1),
            '\'' => character_end(&chars, at),
            c if c.is_alphanumeric() || c == '_' => {
                let length = chars[at..].iter().position(|c| !c.is_alphanumeric() && *c != '_');
                let end = length.map_or(chars.len(), |length| at + length);
                tokens.push(Token { text: chars[at..end].iter().collect(), line });
                end
            }
            ':' if chars.get(at + 1) == Some(&':') => {
                tokens.push(Token { text: "::".to_owned(), line });
                at + 2
            }
            c => {
                tokens.push(Token { text: c.to_string(), line });
                at + 1
            }
        };
        line += chars[at..end].iter().filter(|c| **c == '\n').count();
        at = end;
    }
    tokens
}

/// The end of a block comment; these nest.
fn block_comment_end(chars: &[char], from: usize) -> usize {
    let (mut at, mut depth) = (from, 0_usize);
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (at, depth) = (at + 2, depth + 1),
            ('*', Some('/')) => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    chars.len()
}

/// The end of a text that begins with its quote.
fn text_end(chars: &[char], from: usize) -> usize {
    let mut at = from + 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

/// The end of a text with a prefix (`b"…"`, `r#"…"#`, `b'…'`), when one begins here.
fn literal_end(chars: &[char], from: usize) -> Option<usize> {
    let mut at = from;
    while matches!(chars.get(at), Some('b' | 'c' | 'r')) && at < from + 2 {
        at += 1;
    }
    let is_raw = chars[at - 1] == 'r';
    let hashes = chars[at..].iter().take_while(|c| **c == '#').count();
    match chars.get(at + hashes)? {
        '"' if is_raw => {
            let close: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
            let begin = at + hashes + 1;
            let length = chars[begin..].windows(close.len()).position(|window| window == close)?;
            Some(begin + length + close.len())
        }
        '"' if hashes == 0 => Some(text_end(chars, at)),
        '\'' if hashes == 0 && chars[from] == 'b' => Some(character_end(chars, at)),
        _ => None,
    }
}

/// The end of a character, or of a lifetime's mark.
fn character_end(chars: &[char], from: usize) -> usize {
    match (chars.get(from + 1), chars.get(from + 2)) {
        (Some('\\'), _) => {
            let escaped = (from + 3).min(chars.len());
            let length = chars[escaped..].iter().position(|c| *c == '\'');
            length.map_or(chars.len(), |length| escaped + length + 1)
        }
        (Some(_), Some('\'')) => from + 3,
        _ => from + 1,
    }
}

/// Finds all paths of two segments and more, resolved from the module they stand in.
fn find_paths(file: &str, tokens: &[Token]) -> Vec<Path> {
    let mut modules = module(file);
    // The depth of braces at which each inline module was opened.
    let mut opened = Vec::new();
    let (mut depth, mut at, mut found) = (0_usize, 0, Vec::new());
    while at < tokens.len() {
        let word = tokens[at].text.as_str();
        match word {
            "mod" if tokens.get(at + 2).is_some_and(|next| next.text == "{") => {
                modules.push(tokens[at + 1].text.clone());
                opened.push(depth);
                at += 2;
                continue;
            }
            "{" => depth += 1,
            "}" => {
                depth = depth.saturating_sub(1);
                if opened.last() == Some(&depth) {
                    opened.pop();
                    modules.pop();
                }
            }
            _ => {}
        }
        let follows_dot = at > 0 && tokens[at - 1].text == ".";
        let begins = word == "::" || (is_word(word) && !KEYWORDS.contains(&word));
        if begins && !follows_dot {
            let mut paths = Vec::new();
            at = spread(tokens, at, &[], &mut paths);
            for mut path in paths {
                path.segments = resolve(path.segments, &modules);
                found.push(path);
            }
        } else {
            at += 1;
        }
    }
    found.retain(|path| path.segments.len() > 1);
    found
}

/// Reads a path or a `use` tree at `at`; returns where it ends.
fn spread(tokens: &[Token], mut at: usize, prefix: &[String], found: &mut Vec<Path>) -> usize {
    let line = tokens[at].line;
    let is_global = prefix.is_empty() && tokens[at].text == "::";
    at += usize::from(is_global);
    let mut segments = prefix.to_vec();
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            "{" if is_global || !segments.is_empty() => {
                at += 1;
                while tokens.get(at).is_some_and(|token| token.text != "}") {
                    at = match tokens[at].text.as_str() {
                        "," => at + 1,
                        _ => spread(tokens, at, &segments, found),
                    };
                }
                return at + 1;
            }
            word if is_word(word) || word == "*" => segments.push(word.to_owned()),
            _ => break,
        }
        at += 1;
        let text = |at: usize| tokens.get(at).map(|token| token.text.as_str());
        if text(at) == Some("as") && text(at + 2) != Some("::") {
            at += 2;
        }
        match (tokens.get(at).map(|token| token.text.as_str()), tokens.get(at + 1)) {
            (Some("::"), Some(next)) if is_word(&next.text) || matches!(next.text.as_str(), "{" | "*") => {
                at += 1
            }
            _ => break,
        }
    }
    found.push(Path { segments, is_global, line });
    // Whatever stood here, the reader moves on.
    at.max(at.min(tokens.len())).max(1)
}

/// Turns `self::x` and `super::x` into `crate::…::x`.
fn resolve(segments: Vec<String>, modules: &[String]) -> Vec<String> {
    let is_relative = |segment: &&String| matches!(segment.as_str(), "self" | "super");
    let relative = segments.iter().take_while(is_relative).count();
    if relative == 0 || segments.len() == 1 {
        return segments;
    }
    let ups = segments[..relative].iter().filter(|segment| *segment == "super").count();
    let base = &modules[..modules.len().saturating_sub(ups)];
    let root = std::iter::once("crate".to_owned());
    root.chain(base.iter().cloned()).chain(segments[relative..].iter().cloned()).collect()
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

#[test]
fn tokens_leave_out_comments_and_literals() {
    let text = "a // b\n/* c /* d */ e */ \"f \\\" g\" r#\"h\"i\"# b\"j\" 'k' '\\'' b'l' &'m n::o br";
    let words: Vec<_> = tokenize(text).into_iter().map(|token| (token.text, token.line)).collect();
    let expected = [("a", 1), ("&", 2), ("m", 2), ("n", 2), ("::", 2), ("o", 2), ("br", 2)];
    assert_eq!(words, expected.map(|(word, line)| (word.to_owned(), line)));
}

#[test]
fn paths_are_spread_out_and_resolved() {
    let text =
        "use crate::{a::{self, B as C}, d::*};\nuse ::redis::X; fn f() { x as crate::u::V; x.y::<z::Z>(); super::e::f() }
        mod tests { use super::*; fn g() { self::h(); super::super::i() } } fn j() { self::k(); }";
    let source = Source::new("src/zip/local.rs", text);
    let shown: Vec<_> = source.paths.iter().map(|path| path.segments.join("::")).collect();
    let local = "crate::zip::local";
    let expected = [
        "crate::a::self",
        "crate::a::B",
        "crate::d::*",
        "redis::X",
        "crate::u::V",
        "z::Z",
        "crate::zip::e::f",
    ];
    let inner =
        [format!("{local}::*"), format!("{local}::tests::h"), "crate::zip::i".into(), format!("{local}::k")];
    assert_eq!(shown, expected.map(str::to_owned).into_iter().chain(inner).collect::<Vec<_>>());
    assert!(source.paths[3].is_global && !source.paths[0].is_global);
    assert_eq!(source.area().as_deref(), Some("zip"));
}
