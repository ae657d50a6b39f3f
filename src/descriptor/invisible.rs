//! Characters that are not seen, and that change how others are seen.
//!
//! `gpj.exe` behind U+202E is shown as `exe.jpg`; a zero-width space makes two names that look alike. Emoji and some
//! ideographs are built with such characters (ZWJ, tags, variation selectors), and there they stay lawful: `👩‍💻` is one
//! picture.

use icu_properties::CodePointSetData;
use icu_properties::props::{DefaultIgnorableCodePoint, Emoji, Ideographic};

/// Finds the first such character that is no part of an emoji or ideograph.
pub(super) fn find(text: &str) -> Option<char> {
    if text.is_ascii() {
        return None;
    }
    judged(text).find_map(|(char, is_seen)| (!is_seen).then_some(char))
}

/// Leaves out what [`find`] finds.
pub(super) fn without(text: &str) -> String {
    judged(text).filter_map(|(char, is_seen)| is_seen.then_some(char)).collect()
}

/// Tells of every character whether it is seen, by itself or as a part of the one before it.
fn judged(text: &str) -> impl Iterator<Item = (char, bool)> {
    let mut before = None;
    text.char_indices().map(move |(at, char)| {
        let after = &text[at + char.len_utf8()..];
        let is_seen = !is_invisible(char) || before.is_some_and(|before| is_part(before, char, after));
        before = is_seen.then_some(char);
        (char, is_seen)
    })
}

/// Tells whether a character is blank, bidirectional, zero-width or another invisible format control.
fn is_invisible(char: char) -> bool {
    // Joiners, selectors, fillers, tags, bidirectional controls and the code points that are kept for more of them
    // (Unicode 5.21); besides these the line and paragraph separators, the empty Braille pattern and the interlinear
    // annotations.
    !char.is_ascii() && CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(char)
        || matches!(char, '\u{2028}' | '\u{2029}' | '\u{2800}' | '\u{fff9}'..='\u{fffb}')
}

/// Tells whether an invisible character belongs to the visible one before it (Unicode Technical Standard 51, 1.4).
fn is_part(before: char, char: char, after: &str) -> bool {
    let next = after.chars().next();
    match char {
        // A zero-width joiner stands between two pictures; U+FE0F asks for the coloured form of the first.
        '\u{200d}' => (is_picture(before) || before == '\u{fe0f}') && next.is_some_and(is_picture),
        // As text, or as a picture: a digit is one with a keycap around it only.
        '\u{fe0e}' | '\u{fe0f}' if is_keycap_base(before) => next == Some('\u{20e3}'),
        '\u{fe0e}' | '\u{fe0f}' => CodePointSetData::new::<Emoji>().contains(before),
        // The forms of an ideograph: of the compatibility blocks, and those of the Ideographic Variation Database.
        '\u{fe00}'..='\u{fe02}' | '\u{e0100}'..='\u{e01ef}' => {
            CodePointSetData::new::<Ideographic>().contains(before)
        }
        // A flag is spelt in tags, with one that ends it. All of it is judged where it begins.
        _ if is_tag(char) && before == '\u{1f3f4}' => after.trim_start_matches(is_tag).starts_with(TAGS_END),
        _ if is_tag(char) || char == TAGS_END => is_tag(before),
        _ => false,
    }
}

/// What ends the tags of a flag.
const TAGS_END: char = '\u{e007f}';

/// Tells whether a character is a tag that spells something.
fn is_tag(char: char) -> bool {
    matches!(char, '\u{e0020}'..='\u{e007e}')
}

/// Tells whether a character can have a keycap around it.
fn is_keycap_base(char: char) -> bool {
    matches!(char, '0'..='9' | '#' | '*')
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
            ("a\u{fe0f}\u{200d}👩", '\u{fe0f}'),
        ] {
            assert_eq!(find(text), Some(char), "{text:?}");
            assert_eq!(find(&without(text)), None, "{text:?}");
        }
    }
}
