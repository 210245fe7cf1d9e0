//! Text as people see it: what looks the same is the same text.
//!
//! A letter with an accent is one character or several, depending on the keyboard that it was typed on. Text is composed (Unicode's
//! form NFC) where it enters the engine. What was stored before that was the rule stays as it is, so it is looked up in the
//! [spellings] that it may have.

use unicode_normalization::UnicodeNormalization as _;
pub(crate) use unicode_normalization::char::is_combining_mark;

/// The text with every letter and its accents as one character, where there is one.
pub(crate) fn composed(text: &str) -> String {
    text.nfc().collect()
}

/// The text with every accent as a character of its own.
fn decomposed(text: &str) -> String {
    text.nfd().collect()
}

/// The text for comparisons: composed, in lower case.
pub(crate) fn key(text: &str) -> String {
    composed(text).to_lowercase()
}

/// The keys of the same text in every form that it may be stored in: today's first.
pub(crate) fn spellings(text: &str) -> Vec<String> {
    let mut keys = vec![key(text)];
    for other in [text.to_lowercase(), decomposed(text).to_lowercase()] {
        if !keys.contains(&other) {
            keys.push(other);
        }
    }
    keys
}

/// Whether there is nothing to see: no character, or only blanks, control characters, and characters without a shape.
pub(crate) fn is_blank(text: &str) -> bool {
    !text.chars().any(|c| !c.is_whitespace() && !c.is_control() && !is_combining_mark(c) && !is_invisible(c))
}

/// Unicode's `Default_Ignorable_Code_Point`, and the empty pattern of Braille.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// A password for hashing, by PRECIS's profile OpaqueString (RFC 8265, 4.2): every blank is a space, and letters are composed.
/// Case and width count. Nothing is rejected: whatever somebody can type is a password.
#[cfg(feature = "accounts")]
pub(crate) fn opaque(password: &str) -> String {
    let is_blank =
        |c: char| matches!(c, '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}');
    password.chars().map(|c| if is_blank(c) { ' ' } else { c }).nfc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_looks_the_same_has_one_key() {
        for (one, other) in [
            ("Café", "Cafe\u{301}"),
            ("ÅNGSTRÖM", "A\u{30a}ngstro\u{308}m"),
            ("\u{212b}", "å"),
            ("Ọdún", "O\u{323}du\u{301}n"),
            ("한글", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}"),
            ("クラブ", "クラフ\u{3099}"),
            ("\u{212a}", "k"),
        ] {
            assert_eq!(key(one), key(other), "{one}");
            assert_eq!(composed(&decomposed(one)), composed(one));
        }
        assert_ne!(key("Cafe"), key("Café"));
    }

    #[test]
    fn spellings_are_todays_key_and_what_was_stored_before() {
        assert_eq!(spellings("Plain"), ["plain"]);
        assert_eq!(spellings("É"), ["é", "e\u{301}"]);
        assert_eq!(spellings("E\u{301}"), ["é", "e\u{301}"]);
    }

    #[test]
    fn what_cannot_be_seen_is_blank() {
        for blank in
            ["", " ", "\u{a0}\u{3000}\t", "\u{200b}", "\u{2060}\u{feff}", "\u{3164}", "\u{2800}", "\u{301}", "\u{202e}"]
        {
            assert!(is_blank(blank), "{blank:?}");
        }
        for visible in ["李", "O", "Ø", "π", "?", "1", "🎷", "\u{200b}x", "e\u{301}", "ྀཀ"] {
            assert!(!is_blank(visible), "{visible:?}");
        }
    }

    #[cfg(feature = "accounts")]
    #[test]
    fn a_password_is_composed_and_its_blanks_are_spaces() {
        assert_eq!(opaque("pa\u{300}sse\u{a0}mot\u{3000}x"), "pàsse mot x");
        for kept in ["correct horse battery", " PassWord ", "ｐａｓｓ", "tab\there", "🎷\u{200d}🎷"] {
            assert_eq!(opaque(kept), kept);
        }
        // An accent on a blank stays behind a space.
        assert_eq!(opaque("\u{a0}\u{301}"), " \u{301}");
    }
}
