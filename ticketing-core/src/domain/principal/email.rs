use crate::domain::id::AccountId;
use crate::domain::text::{composed, is_combining_mark};

/// The domain of addresses that were erased.
const ERASED_DOMAIN: &str = "erased.invalid";

/// An e-mail address: one `@`, no spaces or control characters, at most 254 bytes (RFC 5321, 4.5.3.1).
///
/// Two spellings of one mailbox are one address: letters are composed (NFC), and the part behind the `@` is in lower case and in
/// Unicode, also if it was typed in ASCII (`xn--…`, RFC 5890) or in wide letters. In [`EmailAddress::key`], by which accounts are
/// told apart, the whole address is in lower case.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "Stored", into = "String")]
pub struct EmailAddress(String);

/// An address as it was stored, perhaps when one mailbox could still have two spellings.
#[derive(serde::Deserialize)]
struct Stored(String);

impl TryFrom<Stored> for EmailAddress {
    type Error = EmailError;

    fn try_from(stored: Stored) -> Result<Self, EmailError> {
        Self::as_stored(&stored.0)
    }
}

impl EmailAddress {
    /// What stands in the place of the address of a buyer who was erased, or of a mail to them. Nobody has it, since nobody can: the domain is
    /// reserved (RFC 2606, 2).
    pub fn erased() -> Self {
        Self(format!("erased@{ERASED_DOMAIN}"))
    }

    /// The same for an account, whose address is unique.
    pub(crate) fn of_erased(id: AccountId) -> Self {
        Self(format!("erased-{id}@{ERASED_DOMAIN}"))
    }

    /// Whether it stands for an address that was erased.
    pub fn is_erased(&self) -> bool {
        self.0.rsplit_once('@').is_some_and(|(_, domain)| domain == ERASED_DOMAIN)
    }

    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address in lower case, which is unique among accounts.
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }

    /// The address for logs: the first letter and the domain.
    pub fn masked(&self) -> String {
        let (local, domain) = self.0.split_once('@').unwrap_or((&self.0, ""));
        format!("{}***@{domain}", local.chars().next().unwrap_or('*'))
    }

    /// The address with its domain in ASCII (RFC 5890), for servers that know no other.
    pub fn with_ascii_domain(&self) -> String {
        let (local, domain) = self.0.rsplit_once('@').unwrap_or((&self.0, ""));
        let domain = idna::domain_to_ascii(domain).unwrap_or_else(|_| domain.to_owned());
        format!("{local}@{domain}")
    }

    /// The keys that an account with this mailbox may have: its own first. Accounts were made before spellings were made one.
    pub(crate) fn keys(&self) -> Vec<String> {
        let mut keys = vec![self.key()];
        if !is_plain(&self.0) {
            let today = self.0.parse().unwrap_or_else(|_: EmailError| self.clone());
            keys.extend([today.key(), today.with_ascii_domain().to_lowercase()]);
            let mut known = std::collections::HashSet::new();
            keys.retain(|key| known.insert(key.clone()));
        }
        keys
    }

    /// An address as it was stored: checked, and not spelt anew.
    pub(crate) fn as_stored(text: &str) -> Result<Self, EmailError> {
        let (local, domain) = text.rsplit_once('@').ok_or(EmailError)?;
        // First of all, for it changes what there is to check: `İ` becomes two characters, of which one is no letter.
        let domain = domain.to_lowercase();
        // `atext` and the dot of RFC 5322 plus non-ASCII letters (RFC 6531): what mail servers take without quoting.
        let local_ok = |c: char| is_letter(c) || "!#$%&'*+-/=?^_`{|}~.".contains(c);
        let label_ok = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with(|c| c == '-' || is_combining_mark(c))
                && !label.ends_with('-')
                && label.chars().all(|c| is_letter(c) || c == '-')
        };
        let local_fits = (1..=64).contains(&local.len())
            && !local.starts_with(|c| c == '.' || is_combining_mark(c))
            && !local.ends_with('.')
            && !local.contains("..")
            // What looks like an encoded word (RFC 2047) is decoded by some who read mail, and goes to somebody else.
            && !local.contains("=?")
            && local.chars().all(local_ok);
        if local.len() + 1 + domain.len() > 254
            || !local_fits
            || !domain.contains('.')
            || !domain.split('.').all(label_ok)
        {
            return Err(EmailError);
        }
        Ok(Self(format!("{local}@{domain}")))
    }
}

/// A letter, a digit, or an accent that has no letter of its own, as Thai and Hindi are written.
fn is_letter(c: char) -> bool {
    c.is_alphanumeric() || is_combining_mark(c)
}

/// Whether there is only one spelling of a domain or a whole address.
fn is_plain(text: &str) -> bool {
    text.is_ascii() && !text.to_ascii_lowercase().contains("xn--")
}

impl std::str::FromStr for EmailAddress {
    type Err = EmailError;

    fn from_str(text: &str) -> Result<Self, EmailError> {
        // Otherwise somebody could take the place of an account that is to be erased.
        typed(text).and_then(|address| if address.is_erased() { Err(EmailError) } else { Ok(address) })
    }
}

/// An address that somebody typed, in the one spelling of today.
fn typed(text: &str) -> Result<EmailAddress, EmailError> {
    let as_stored = EmailAddress::as_stored;
    if is_plain(text) {
        return as_stored(text);
    }
    let (local, domain) = text.rsplit_once('@').ok_or(EmailError)?;
    let local = composed(local);
    if is_plain(domain) {
        return as_stored(&format!("{local}@{domain}"));
    }
    let ascii = idna::domain_to_ascii_strict(domain).map_err(|_| EmailError)?;
    let in_ascii = as_stored(&format!("{local}@{ascii}"))?;
    // A few domains have characters that are no letters. They stay in ASCII.
    let (domain, outcome) = idna::domain_to_unicode(&ascii);
    let in_unicode = outcome.map_err(|_| EmailError).and_then(|()| as_stored(&format!("{local}@{domain}")));
    Ok(in_unicode.unwrap_or(in_ascii))
}

impl TryFrom<String> for EmailAddress {
    type Error = EmailError;

    fn try_from(text: String) -> Result<Self, EmailError> {
        text.parse()
    }
}

impl From<EmailAddress> for String {
    fn from(address: EmailAddress) -> Self {
        address.0
    }
}

impl std::fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Addresses of people stay out of logs.
impl std::fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.masked())
    }
}

/// The text is not an e-mail address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an e-mail address such as ada@example.com")]
pub struct EmailError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_mail_servers_take_are_taken() {
        for good in ["ada@example.com", "a.b+c@Example.CO.uk", "ünï@exämple.de", "o'neil@x-y.io"] {
            assert!(good.parse::<EmailAddress>().is_ok(), "{good}");
        }
        assert_eq!("Ada@Example.COM".parse::<EmailAddress>().unwrap().as_str(), "Ada@example.com");
        assert_eq!("Ada@Example.COM".parse::<EmailAddress>().unwrap().key(), "ada@example.com");
    }

    #[test]
    fn the_spellings_of_one_mailbox_are_one_address() {
        for (one, other) in [
            ("twin@example.com", "twin@ｅxample.com"),
            ("twin@example.com", "twin@ＥＸＡＭＰＬＥ．com"),
            ("twin@example.com", "twin@example。com"),
            ("twin@exämple.de", "twin@xn--exmple-cua.de"),
            ("twin@exämple.de", "twin@XN--EXMPLE-CUA.DE"),
            ("twin@exämple.de", "twin@exa\u{308}mple.de"),
            ("twin@exämple.de", "twin@EXÄMPLE.de"),
            ("jörg@example.com", "jo\u{308}rg@example.com"),
            ("한글@example.com", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}@example.com"),
            ("a@भारत.भारत", "a@xn--h2brj9c.xn--h2brj9c"),
        ] {
            let (one, other): (EmailAddress, EmailAddress) = (one.parse().unwrap(), other.parse().unwrap());
            assert_eq!((one.as_str(), one.key()), (other.as_str(), other.key()));
            assert_eq!(one.as_str().parse(), Ok(one.clone()), "an address that was read reads the same again");
        }
        assert_eq!("Jörg@Exämple.DE".parse::<EmailAddress>().unwrap().as_str(), "Jörg@exämple.de");
        // Only the domain has rules for wide letters: in front of the `@` they are another mailbox.
        assert_ne!("ａda@example.com".parse::<EmailAddress>(), "ada@example.com".parse());
        // Not the same domain (RFC 5891).
        assert_ne!("a@straße.de".parse::<EmailAddress>(), "a@strasse.de".parse());
    }

    #[test]
    fn addresses_of_every_script_are_taken() {
        for good in [
            "李@example.com",
            "น้ำ@example.com",
            "हिन्दी@example.com",
            "संपर्क@डाटामेल.भारत",
            "a@paral·lel.cat",
            "x@北京.中国",
        ] {
            let address: EmailAddress = good.parse().unwrap();
            assert!(address.with_ascii_domain().rsplit_once('@').unwrap().1.is_ascii(), "{good}");
            assert_eq!(EmailAddress::as_stored(address.as_str()), Ok(address));
        }
        for bad in [
            "a@xn--a.de",
            "a@xn--.de",
            "a@-ä.de",
            "a@ä..de",
            "a@ä",
            "\u{301}a@example.com",
            "a@\u{301}ä.de",
            "a@ä_b.de",
        ] {
            assert_eq!(bad.parse::<EmailAddress>(), Err(EmailError), "{bad}");
        }
    }

    #[test]
    fn a_stored_address_keeps_its_spelling() {
        for stored in ["twin@ｅxample.com", "twin@xn--exmple-cua.de", "a@example.com"] {
            let read: EmailAddress = serde_json::from_value(stored.into()).unwrap();
            assert_eq!((read.as_str(), read.key().as_str()), (stored, stored));
            assert_eq!(read, EmailAddress::as_stored(stored).unwrap());
        }
        assert!(serde_json::from_value::<EmailAddress>("a@b.c\r\nBcc: x@y.z".into()).is_err());
        let keys = |text: &str| EmailAddress::as_stored(text).unwrap().keys();
        assert_eq!(keys("Ada@example.com"), ["ada@example.com"]);
        assert_eq!(keys("twin@ｅxample.com"), ["twin@ｅxample.com", "twin@example.com"]);
        assert_eq!(keys("twin@exämple.de"), ["twin@exämple.de", "twin@xn--exmple-cua.de"]);
        assert_eq!(keys("twin@xn--exmple-cua.de"), ["twin@xn--exmple-cua.de", "twin@exämple.de"]);
    }

    #[test]
    fn nothing_that_could_become_a_header_or_a_second_recipient_is_taken() {
        for bad in [
            "",
            "ada",
            "@example.com",
            "ada@",
            "ada@localhost",
            "a@b@c.de",
            "a b@c.de",
            "a@c.de\r\nBcc: x@y.de",
            "a@c.de\0",
            "a,b@c.de",
            "<a@c.de>",
            "a@c..de",
            "a@-c.de",
            ".a@c.de",
            "a..b@c.de",
            "a@c.de\u{2028}",
            "\"a\"@c.de",
            "erased-5@erased.invalid",
            "a@ERASED.invalid",
        ] {
            assert_eq!(bad.parse::<EmailAddress>(), Err(EmailError), "{bad:?}");
        }
        assert!(format!("{}@example.com", "x".repeat(65)).parse::<EmailAddress>().is_err());
    }

    #[test]
    fn debug_hides_the_person() {
        let address: EmailAddress = "ada@example.com".parse().unwrap();
        assert_eq!(format!("{address:?}"), "a***@example.com");
    }
}
