//! Characters that are not seen, and that change how others are seen.
//!
//! `gpj.exe` behind U+202E is shown as `exe.jpg`; a zero-width space makes two names that look alike. Emoji are
//! built with some of them (ZWJ, tags), and there they stay lawful: `👩‍💻` is one picture.

/// Finds the first such character that is not part of an emoji.
pub(super) fn find(text: &str) -> Option<char> {
    if text.is_ascii() {
        return None;
    }
    let mut before = None;
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        if is_invisible(char) && !joins_emoji(before, char, chars.peek().copied()) {
            return Some(char);
        }
        before = Some(char);
    }
    None
}

/// Tells whether a character is a bidirectional, zero-width or other invisible format control.
pub(super) fn is_invisible(char: char) -> bool {
    matches!(char,
        // Soft hyphen, Arabic letter mark, Mongolian vowel separator.
        '\u{ad}' | '\u{61c}' | '\u{180e}'
        // Zero-width space and joiners, direction marks; line and paragraph separator, embeddings and overrides.
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        // Word joiner, invisible operators, isolates, deprecated format characters.
        | '\u{2060}'..='\u{206f}'
        // Byte order mark, interlinear annotation, tags.
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Tells whether an invisible character holds an emoji together: ZWJ between two pictures, tags after a flag.
fn joins_emoji(before: Option<char>, char: char, after: Option<char>) -> bool {
    let tag = |char| matches!(char, '\u{e0020}'..='\u{e007f}');
    match char {
        '\u{200d}' => {
            // U+FE0F asks for the coloured form, U+1F3FB… for a skin tone: both end a picture.
            before.is_some_and(|char| is_picture(char) || char == '\u{fe0f}') && after.is_some_and(is_picture)
        }
        _ if tag(char) => before.is_some_and(|before| before == '\u{1f3f4}' || tag(before)),
        _ => false,
    }
}

/// Tells whether a character lies in a block of pictures (wider than Extended_Pictographic, all of it visible).
fn is_picture(char: char) -> bool {
    matches!(char, '\u{2190}'..='\u{21ff}' | '\u{2300}'..='\u{23ff}' | '\u{2600}'..='\u{27bf}'
        | '\u{2b00}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_controls_and_spares_emoji() {
        for text in ["plain", "雪", "👩\u{200d}💻", "❤\u{fe0f}\u{200d}🔥", "🏴\u{e0067}\u{e0062}\u{e007f}"]
        {
            assert_eq!(find(text), None, "{text}");
        }
        for (text, char) in [
            ("a\u{200d}b", '\u{200d}'),
            ("👩\u{200d}", '\u{200d}'),
            ("\u{202e}gpj", '\u{202e}'),
            ("\u{feff}a", '\u{feff}'),
            ("a\u{e0061}", '\u{e0061}'),
            ("a\u{2028}b", '\u{2028}'),
            ("a\u{200b}", '\u{200b}'),
        ] {
            assert_eq!(find(text), Some(char), "{text:?}");
        }
    }
}
