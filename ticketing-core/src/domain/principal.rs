//! Who somebody is: an account of ours, or an identity of the embedding application.

use super::id::AccountId;

/// Who acts: buys, organises, scans.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Principal {
    /// An account of ours.
    Account(AccountId),
    /// An identity of the embedding application, under the id that the application gives it (1 to 200 characters).
    External(String),
}

impl Principal {
    /// The account's id, where it is an account of ours.
    pub fn account(&self) -> Option<AccountId> {
        match self {
            Self::Account(id) => Some(*id),
            Self::External(_) => None,
        }
    }

    /// The application's own id, where it is one of its identities.
    pub fn external(&self) -> Option<&str> {
        match self {
            Self::Account(_) => None,
            Self::External(id) => Some(id),
        }
    }
}

impl std::fmt::Display for Principal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Account(id) => write!(f, "account {id}"),
            Self::External(id) => write!(f, "external {id}"),
        }
    }
}

/// Who buys, and where the tickets are mailed to.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Buyer {
    /// Who: the tickets are theirs.
    pub who: Principal,
    /// Where the tickets go.
    pub email: EmailAddress,
}

/// An e-mail address: one `@`, no spaces or control characters, at most 254 bytes (RFC 5321, 4.5.3.1).
///
/// The part behind the `@` is lower-cased, and so is the whole address in [`EmailAddress::key`], by which accounts are told apart.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EmailAddress(String);

impl EmailAddress {
    /// The address as it is written to.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address in lower case: two accounts cannot share one.
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }

    /// For logs: the first letter and the domain.
    pub fn masked(&self) -> String {
        let (local, domain) = self.0.split_once('@').unwrap_or((&self.0, ""));
        format!("{}***@{domain}", local.chars().next().unwrap_or('*'))
    }
}

impl std::str::FromStr for EmailAddress {
    type Err = EmailError;

    fn from_str(text: &str) -> Result<Self, EmailError> {
        let (local, domain) = text.rsplit_once('@').ok_or(EmailError)?;
        // First of all, for it changes what there is to check: `İ` becomes two characters, of which one is no letter.
        let domain = domain.to_lowercase();
        // `atext` and the dot of RFC 5322 plus non-ASCII letters (RFC 6531): what mail servers take without quoting.
        let local_ok = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
        let label_ok = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        };
        let local_fits = (1..=64).contains(&local.len())
            && !local.starts_with('.')
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
