//! E-mail addresses, and mails with other people's text in them: nothing becomes a header, a recipient or a second mail.

use crate::harness::{Seen, fuzz};
use mail_parser::{MessageParser, MimeHeaders};
use std::path::PathBuf;
use ticketing_core::domain::principal::EmailAddress;
use ticketing_core::mailer::files::FileMailer;
use ticketing_core::mailer::{Attachment, Mail, MailError, Mailer};

fn address(input: &[u8]) -> Seen {
    let Ok(text) = std::str::from_utf8(input) else { return Ok("no text".to_owned()) };
    let Ok(read) = text.parse::<EmailAddress>() else { return Ok(format!("refused {}", text.len().min(300) / 8)) };
    let written = read.as_str();
    // What is stored is read again.
    if written.parse() != Ok(read.clone()) {
        return Err(format!("{written:?} does not read back"));
    }
    let is_dangerous = |c: char| c.is_control() || c.is_whitespace() || "<>()[],;:\\\"".contains(c);
    if written.len() > 254 || written.chars().any(is_dangerous) || written.matches('@').count() != 1 {
        return Err(format!("{written:?} is no address"));
    }
    let first: String = written.chars().take(1).collect();
    let local = written.split('@').next().unwrap_or_default();
    // Stars for stars tell nothing.
    let is_told = format!("{read:?}").contains(written) && local.chars().skip(1).any(|c| c != '*');
    if !read.masked().starts_with(&format!("{first}***@")) || is_told {
        return Err("a log would tell the address".to_owned());
    }
    // As another program reads it.
    let mail = format!("To: {written}\r\n\r\n");
    let parsed = MessageParser::new().parse(mail.as_bytes());
    let to = parsed.as_ref().and_then(|mail| mail.to()).and_then(|to| to.first()).and_then(|to| to.address());
    match to {
        Some(to) if to == written => Ok(format!("accepted {} {}", written.len() / 8, written.is_ascii())),
        to => Err(format!("{written:?} is {to:?} to another reader")),
    }
}

#[test]
fn an_address_is_one_address() {
    fuzz(
        "addresses",
        &["@", ".", "İ", "ß", "ẞ", "xn--", ",", "\r\nBcc: ", "<", "\u{202e}", "\"", "aaaaaaaaaaaaaaaa"],
        address,
    );
}

/// Between fields of an input.
const SEPARATOR: u8 = 0x1e;

/// The fields of every mail, in their order.
const FIELDS: [&str; 8] =
    ["From", "To", "Subject", "Message-ID", "Auto-Submitted", "MIME-Version", "Date", "Content-Type"];

struct Post {
    folder: PathBuf,
    runtime: tokio::runtime::Runtime,
}

impl Post {
    fn new() -> Self {
        // In memory where there is such a folder: every mail is flushed.
        let memory = PathBuf::from("/dev/shm");
        let parent = if memory.is_dir() { memory } else { std::env::temp_dir() };
        let folder = parent.join(format!("ticketing-fuzz-{}", std::process::id()));
        Self { folder, runtime: tokio::runtime::Builder::new_current_thread().build().unwrap() }
    }

    /// The bytes that would go over the wire.
    fn send(&self, from: &str, mail: &Mail) -> Option<Result<Vec<u8>, MailError>> {
        let mailer = FileMailer::new(&self.folder, from).ok()?;
        let path = mailer.path(&mail.message_id);
        if path.parent() != Some(&self.folder) {
            return Some(Err(MailError::Later(format!("{path:?} is elsewhere"))));
        }
        Some(self.runtime.block_on(mailer.send(mail)).map(|()| {
            let bytes = std::fs::read(&path).unwrap();
            std::fs::remove_file(path).unwrap();
            bytes
        }))
    }
}

impl Drop for Post {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn mail(post: &Post, input: &[u8]) -> Seen {
    let fields: Vec<String> =
        input.split(|byte| *byte == SEPARATOR).map(|field| String::from_utf8_lossy(field).into_owned()).collect();
    let field = |index: usize| fields.get(index).map_or("", String::as_str);
    let Ok(to) = field(0).parse::<EmailAddress>() else { return Ok("no recipient".to_owned()) };
    let attachment = Attachment::new(field(5), field(6), field(3))
        .with_content_id(Some(field(7).to_owned()).filter(|id| !id.is_empty()));
    let attachments = if field(6).is_empty() { vec![] } else { vec![attachment] };
    let mail = Mail::new(field(4), to, field(1), field(2), field(3)).with_attachments(attachments);
    let from = format!("{} <box@example.com>", field(8));
    let bytes = match post.send(&from, &mail) {
        None => return Ok("no sender".to_owned()),
        Some(Err(MailError::Refused(why))) => return Ok(format!("refused: {why}")),
        Some(Err(error)) => return Err(error.to_string()),
        Some(Ok(bytes)) => bytes,
    };
    check(&mail, &bytes)?;
    Ok(format!("sent {} {}", mail.attachments.len(), (bytes.len() / 128).min(30)))
}

fn check(mail: &Mail, bytes: &[u8]) -> Result<(), String> {
    let wire = std::str::from_utf8(bytes).map_err(|_| "the mail is no UTF-8".to_owned())?;
    let head = wire.split_once("\r\n\r\n").map_or(wire, |(head, _)| head);
    let names: Vec<&str> = head
        .split("\r\n")
        .filter(|line| !line.starts_with([' ', '\t']))
        .map(|line| line.split_once(':').map_or(line, |(name, _)| name))
        .collect();
    if names != FIELDS {
        return Err(format!("its header fields are {names:?}"));
    }
    // A line's end that is none to somebody else ends the mail where another begins.
    if wire.replace("\r\n", "").contains(['\r', '\n', '\0']) || wire.split("\r\n").any(|line| line.len() > 998) {
        return Err("a line does not end as lines do".to_owned());
    }
    let (local, domain) = mail.to.as_str().split_once('@').unwrap_or_default();
    if local.is_ascii() && !wire.is_ascii() {
        return Err("it is not 7-bit".to_owned());
    }
    let parsed = MessageParser::new().parse(bytes).ok_or("nobody could read it")?;
    let domain = idna_of(domain)?;
    let to: Vec<Option<&str>> = parsed.to().into_iter().flat_map(|to| to.iter()).map(|to| to.address()).collect();
    if to != [Some(format!("{local}@{domain}").as_str())] {
        return Err(format!("it goes to {to:?}"));
    }
    let from: Vec<Option<&str>> =
        parsed.from().into_iter().flat_map(|from| from.iter()).map(|from| from.address()).collect();
    if from != [Some("box@example.com")] {
        return Err(format!("it comes from {from:?}"));
    }
    if parsed.cc().is_some() || parsed.bcc().is_some() || parsed.reply_to().is_some() {
        return Err("it has further recipients".to_owned());
    }
    if parsed.message_id() != Some(&mail.message_id) {
        return Err(format!("its id is {:?}", parsed.message_id()));
    }
    if parsed.subject().unwrap_or_default().chars().any(char::is_control) {
        return Err(format!("its subject is {:?}", parsed.subject()));
    }
    // Whatever the text holds, it is the text, and comes whole.
    let plain = |text: &str| text.replace("\r\n", "\n").replace('\r', "\n").replace('\0', "").trim_end().to_owned();
    let text = parsed.body_text(0).unwrap_or_default();
    if plain(&text) != plain(&mail.text) {
        return Err(format!("its text is {text:?}"));
    }
    let files: Vec<_> = parsed.attachments().collect();
    match (&mail.attachments[..], &files[..]) {
        ([], []) => Ok(()),
        ([sent], [came]) if came.contents() == sent.content => {
            let name = came.attachment_name().unwrap_or_default();
            if name.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c)) {
                Ok(())
            } else {
                Err(format!("its file is {name:?}"))
            }
        }
        (sent, came) => Err(format!("{} files were sent and {} came", sent.len(), came.len())),
    }
}

/// As the sender puts it; that it is right is said by what reads the whole mail.
fn idna_of(domain: &str) -> Result<String, String> {
    idna::domain_to_ascii(domain).map_err(|_| "a domain that cannot be written was written".to_owned())
}

#[test]
fn no_text_becomes_a_header_a_recipient_or_a_second_mail() {
    let words = [
        "\u{1e}",
        "\r\n",
        "\r\nBcc: eve@example.com",
        "\r\n\r\n",
        "\n.\n",
        "\r",
        "\0",
        "=?utf-8?q?=0A?=",
        "image/png",
        "; name=\"",
        "text/html; charset=utf-8",
        "a@b",
        "\u{2028}",
        "\u{202e}",
        "é",
        "--",
        "boundary=",
        "\"",
        "\\",
        "<",
        ">",
    ];
    let post = Post::new();
    fuzz("mails", &words, |input| mail(&post, input));
}
