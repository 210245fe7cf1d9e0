//! Common passwords: what an attacker tries first (OWASP ASVS 5.0, 6.2.4).

use crate::domain::text;

/// One password a line after a few comments, sorted by bytes.
const LIST: &str = include_str!("common.txt");

/// Whether the password is one of the commonest, in any case and whatever blanks surround it, or blank.
pub(crate) fn is_common(password: &str) -> bool {
    let key = text::key(password.trim());
    key.is_empty() || entries().any(|entry| entry == key)
}

/// Whether the password is one of the names that its owner tells everybody, such as the e-mail address.
pub(crate) fn is_public<'a>(password: &str, names: impl IntoIterator<Item = &'a str>) -> bool {
    let key = text::key(password.trim());
    names.into_iter().any(|name| text::key(name.trim()) == key)
}

/// Read through from its beginning: hashing the password takes a thousand times longer.
fn entries() -> impl Iterator<Item = &'static str> {
    LIST.lines().filter(|line| !line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_three_thousand_passwords_that_could_be_chosen() {
        let all: Vec<&str> = entries().collect();
        assert_eq!(all.len(), 3000);
        assert!(all.is_sorted() && all.windows(2).all(|pair| pair[0] != pair[1]));
        for entry in all {
            assert!(entry.chars().count() >= 8 && text::key(entry.trim()) == entry, "{entry:?}");
        }
    }

    #[test]
    fn a_common_password_is_found_in_any_case_and_among_blanks() {
        for common in
            ["password", "PassWord", "12345678", "qwertyuiop", " iloveyou ", "password123", "        ", "\u{3000}\t"]
        {
            assert!(is_common(common), "{common:?}");
        }
        for uncommon in ["correct horse battery", "password of my own", "ünbekannt", "12345678 12345678"] {
            assert!(!is_common(uncommon), "{uncommon:?}");
        }
    }

    #[test]
    fn an_address_and_its_parts_are_no_secret() {
        let names = ["ada.obi@example.com", "ada.obi", "Ada_Obi"];
        for public in ["ada.obi@example.com", "ADA.OBI@example.com", " ada.obi", "ada_obi"] {
            assert!(is_public(public, names), "{public}");
        }
        assert!(!is_public("ada.obi@example.com!", names));
    }
}
