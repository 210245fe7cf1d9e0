//! A mail on the wire and in `.eml` files (RFC 5322 and MIME, RFC 2045 to 2049).
//!
//! Everything is 7-bit, so that no server needs an extension to carry it, except for addresses that are not ASCII.
//! The header fields are the same for every mail. Only the subject contains text of other people, sanitized.

use super::line::one_line;
use super::{Attachment, Mail, MailError};
use crate::domain::principal::EmailAddress;
use lettre::Address;
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue, MessageId};
use lettre::message::{Attachment as Part, Body, Mailbox, Message, MultiPart, SinglePart};

/// Reads `Ada's Tickets <tickets@example.com>` or a bare address.
pub(super) fn mailbox(from: &str) -> crate::error::Result<Mailbox> {
    let wanted = || {
        crate::error::Error::Configuration(
            "the sender must be an address such as Tickets <tickets@example.com>".to_owned(),
        )
    };
    let mut mailbox: Mailbox = from.trim().parse().map_err(|_| wanted())?;
    mailbox.name = mailbox.name.map(|name| one_line(&name)).filter(|name| !name.is_empty());
    Ok(mailbox)
}

/// The mail as a message from `from`, dated now. [`MailError::Refused`] if it cannot be encoded.
pub(super) fn build(from: &Mailbox, mail: &Mail) -> Result<Message, MailError> {
    let (inline, attached): (Vec<&Attachment>, Vec<&Attachment>) =
        mail.attachments.iter().partition(|attachment| attachment.content_id.is_some());
    let html = SinglePart::html(crlf(&mail.html));
    let alternative = MultiPart::alternative().singlepart(SinglePart::plain(crlf(&mail.text)));
    let mut body = if inline.is_empty() {
        alternative.singlepart(html)
    } else {
        let related = inline.into_iter().try_fold(MultiPart::related().singlepart(html), add)?;
        alternative.multipart(related)
    };
    if !attached.is_empty() {
        body = attached.into_iter().try_fold(MultiPart::mixed().multipart(body), add)?;
    }
    Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, recipient(&mail.to)?))
        .subject(subject(&mail.subject))
        .header(MessageId::from(format!("<{}>", id(&mail.message_id)?)))
        // Out-of-office robots leave such a mail alone (RFC 3834, 5).
        .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned()))
        .multipart(body)
        .map_err(|error| MailError::Refused(format!("the mail cannot be put into a message: {error}")))
}

/// Only the domain is converted to ASCII (RFC 5890), so that servers without SMTPUTF8 accept it.
fn recipient(to: &EmailAddress) -> Result<Address, MailError> {
    let refused = || MailError::Refused("the recipient's address is not usable".to_owned());
    let (local, domain) = to.as_str().rsplit_once('@').ok_or_else(refused)?;
    let domain = idna::domain_to_ascii(domain).map_err(|_| refused())?;
    Address::new(local, domain).map_err(|_| refused())
}

/// An encoded word (RFC 2047) that somebody typed is not decoded: it would bypass this sanitizing.
fn subject(subject: &str) -> String {
    one_line(subject).replace("=?", "= ?")
}

/// What is allowed between the angle brackets of a Message-ID or Content-ID (RFC 5322, 3.6.4, without its obsolete forms).
fn id(id: &str) -> Result<&str, MailError> {
    let atom = |text: &str| {
        let atext = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
        text.split('.').all(|part| !part.is_empty() && part.bytes().all(atext))
    };
    match id.split_once('@') {
        Some((left, right)) if id.len() <= 250 && atom(left) && atom(right) => Ok(id),
        _ => Err(MailError::Refused("the Message-ID must have the form left@right".to_owned())),
    }
}

fn add(parts: MultiPart, attachment: &Attachment) -> Result<MultiPart, MailError> {
    let content_type = ContentType::parse(&attachment.content_type)
        .map_err(|_| MailError::Refused("an attachment's content type is invalid".to_owned()))?;
    let legal = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '.') { c } else { '-' };
    let name: String = attachment.file_name.chars().map(legal).collect();
    let part = match &attachment.content_id {
        Some(content_id) => Part::new_inline_with_name(id(content_id)?.to_owned(), name),
        None => Part::new(name),
    };
    // Always: text that goes as it is could bring a line's end that is none to others.
    let base64 = ContentTransferEncoding::Base64;
    let content = Body::new_with_encoding(attachment.content.clone(), base64)
        .map_err(|_| MailError::Refused("an attachment cannot be encoded".to_owned()))?;
    Ok(parts.singlepart(part.body(content, content_type)))
}

/// Every line ends in CRLF, and neither character stands alone: a lone one is how a mail smuggles a second one past a server
/// that reads it as the end of the first.
fn crlf(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 32);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' => {
                let _ = chars.next_if_eq(&'\n');
                out.push_str("\r\n");
            }
            '\n' => out.push_str("\r\n"),
            '\0' => {}
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mail() -> Mail {
        let png = |content_id: Option<&str>| Attachment {
            file_name: "ticket-1.png".to_owned(),
            content_type: "image/png".to_owned(),
            content: vec![0x89, b'P', b'N', b'G', 0, 255],
            content_id: content_id.map(str::to_owned),
        };
        Mail {
            message_id: "tickets.abc@example.com".to_owned(),
            to: "ada@example.com".parse().unwrap(),
            subject: "Your ticket".to_owned(),
            text: "Hello\n.\nbye".to_owned(),
            html: "<p>Hello <img src=\"cid:ticket-1@example.com\">".to_owned(),
            attachments: vec![png(Some("ticket-1@example.com")), png(None)],
        }
    }

    fn wire(from: &str, mail: &Mail) -> String {
        let bytes = build(&mailbox(from).unwrap(), mail).unwrap().formatted();
        String::from_utf8(bytes).unwrap()
    }

    /// The top header fields' names, in order.
    fn fields(wire: &str) -> Vec<&str> {
        let (head, _) = wire.split_once("\r\n\r\n").unwrap();
        let starts = head.split("\r\n").filter(|line| !line.starts_with([' ', '\t']));
        starts.map(|line| line.split_once(':').unwrap().0).collect()
    }

    const FIELDS: [&str; 8] =
        ["From", "To", "Subject", "Message-ID", "Auto-Submitted", "MIME-Version", "Date", "Content-Type"];

    #[test]
    fn the_parts_nest_as_mail_programs_expect() {
        let wire = wire("Box office <box@example.com>", &mail());
        let mut kinds = Vec::new();
        let mut rest = wire.as_str();
        while let Some(at) = rest.find("Content-Type: ") {
            rest = &rest[at + 14..];
            kinds.push(rest.split([';', '\r']).next().unwrap());
        }
        assert_eq!(
            kinds,
            [
                "multipart/mixed",
                "multipart/alternative",
                "text/plain",
                "multipart/related",
                "text/html",
                "image/png",
                "image/png"
            ]
        );
        assert_eq!(fields(&wire), FIELDS);
        assert!(
            wire.contains("From: \"Box office\" <box@example.com>\r\n") && wire.contains("To: ada@example.com\r\n")
        );
        assert!(wire.contains("Message-ID: <tickets.abc@example.com>\r\n"));
        assert!(wire.contains("Content-ID: <ticket-1@example.com>\r\n"));
    }

    #[test]
    fn a_mail_without_images_needs_no_more_than_two_parts() {
        let wire = wire("box@example.com", &Mail { attachments: Vec::new(), ..mail() });
        assert!(
            wire.contains("multipart/alternative") && !wire.contains("multipart/mixed") && !wire.contains("related")
        );
    }

    #[test]
    fn what_cannot_be_a_message_is_refused() {
        for id in ["", "abc", "a b@c", "a@b\r\nBcc: x@y", "a@b>", ".a@b", "a@", "a@b@c"] {
            let built = build(&mailbox("box@example.com").unwrap(), &Mail { message_id: id.to_owned(), ..mail() });
            assert!(matches!(built, Err(MailError::Refused(_))), "{id:?}");
        }
        for from in ["", "box", "a@b.c, d@e.f", "box@example.com\r\nBcc: x@y.z"] {
            assert!(mailbox(from).is_err(), "{from:?}");
        }
    }

    #[test]
    fn a_foreign_domain_is_written_in_ascii_and_a_foreign_name_as_it_is() {
        let to = |to: &str| wire("Bühne <box@example.com>", &Mail { to: to.parse().unwrap(), ..mail() });
        assert!(to("ada@exämple.de").is_ascii());
        assert!(to("ada@exämple.de").contains("To: ada@xn--exmple-cua.de\r\n"));
        assert!(to("ädä@example.de").contains("To: ädä@example.de\r\n"));
    }

    proptest! {
        /// OWASP ASVS 5.0, 1.3.11.
        #[test]
        fn no_text_adds_a_header_or_a_line_that_is_not_7_bit(
            subject in "(\\PC|[\r\n\0\u{85}\u{2028}:]|\r\nBcc: a@b\\.c|=\\?utf-8\\?q\\?=0A\\?=){0,60}",
            name in "(\\PC|[\r\n\0\u{2028}\"\\\\<>]){0,30}",
            text in "(\\PC|[\r\n\0.]){0,80}",
        ) {
            let mut from = mailbox("box@example.com").unwrap();
            from.name = Some(one_line(&name)).filter(|name| !name.is_empty());
            let mail = Mail { subject, html: text.clone(), text, ..mail() };
            let wire = String::from_utf8(build(&from, &mail).unwrap().formatted()).unwrap();
            prop_assert_eq!(fields(&wire), FIELDS);
            prop_assert!(wire.is_ascii() && !wire.contains('\0'));
            prop_assert!(!wire.replace("\r\n", "").contains(['\r', '\n']));
            prop_assert!(wire.split("\r\n").all(|line| line.len() <= 998));
            let parsed = mail_parser::MessageParser::new().parse(wire.as_bytes()).unwrap();
            let parsed_to = parsed.to().unwrap();
            prop_assert_eq!(parsed_to.iter().count(), 1);
            prop_assert_eq!(parsed_to.first().unwrap().address(), Some("ada@example.com"));
            prop_assert_eq!(parsed.from().unwrap().first().unwrap().address(), Some("box@example.com"));
        }
    }
}
