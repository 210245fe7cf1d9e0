//! Untrusted text in one line: a subject, a name, a title.

/// The maximum length, in characters. RFC 5322 (2.1.1) limits a header line to 998 bytes; a title is far below.
const MAX_CHARS: usize = 240;

/// `text` in one line, without anything that could act as another header, line or direction.
///
/// CR, LF, NUL, every other control character and the line and paragraph separators of Unicode become spaces (OWASP ASVS
/// 5.0, 1.3.11), and runs of spaces become one. Marks that change the reading direction are removed: with them, `gpj.exe` reads
/// `exe.jpg`.
pub(crate) fn one_line(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let breaks = |c: char| c.is_whitespace() || c.is_control();
    let kept: String = text.chars().filter(|c| !turns(*c)).collect();
    let words: Vec<&str> = kept.split(breaks).filter(|word| !word.is_empty()).collect();
    let line = words.join(" ");
    line.chars().take(MAX_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn nothing_that_breaks_a_line_is_left() {
        for (text, line) in [
            ("Jazz\r\nBcc: all@example.com", "Jazz Bcc: all@example.com"),
            ("a\0b\u{7f}c\u{85}d\u{2028}e\u{2029}f\u{b}g", "a b c d e f g"),
            ("  two   spaces ", "two spaces"),
            ("\u{202e}evil\u{2066}", "evil"),
            ("Ọdún Ìjẹ́bú 🎷", "Ọdún Ìjẹ́bú 🎷"),
            ("\r\n", ""),
        ] {
            assert_eq!(one_line(text), line);
        }
        assert_eq!(one_line(&"x".repeat(5000)).len(), 240);
    }
}
