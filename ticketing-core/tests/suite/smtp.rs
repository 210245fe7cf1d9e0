//! Mail over SMTP, against a real server on the loopback interface that does what it is told to.
#![cfg(feature = "smtp")]

use crate::support::smtp_server::{Authority, Behaviour, Server, Tls};
use mail_parser::{MessageParser, MimeHeaders as _};
use std::time::{Duration, Instant};
use ticketing_core::mailer::smtp::{SmtpConfig, SmtpLogin, SmtpMailer, SmtpSecurity};
use ticketing_core::mailer::{Attachment, Mail, MailError, Mailer as _};

const PASSWORD: &str = "correct horse";

fn mail() -> Mail {
    let png = Attachment::new("ticket-1.png", "image/png", (0..=255).collect::<Vec<u8>>());
    let inline = png.clone().with_content_id("ticket-1@example.com".to_owned());
    Mail::new(
        "tickets.abc@example.com",
        "ada@example.com".parse().unwrap(),
        "Your ticket: Ọdún 🎷",
        "Ọdún\n.\nA line that is a dot, and one that begins with two:\n..x",
        "<p>Ọdún <img src=\"cid:ticket-1@example.com\">",
    )
    .with_attachments(vec![inline, png])
}

fn config(server: &Server, security: SmtpSecurity) -> SmtpConfig {
    let mut config = SmtpConfig::new("localhost", "Ada's Tickets <tickets@example.com>");
    config.port = server.port;
    config.security = security;
    config.send_timeout = Duration::from_secs(10);
    config.connect_timeout = Duration::from_secs(5);
    config
}

fn mailer(server: &Server) -> SmtpMailer {
    SmtpMailer::new(config(server, SmtpSecurity::Plain)).unwrap()
}

fn login(password: &str) -> Option<SmtpLogin> {
    Some(SmtpLogin::new("box", password))
}

/// The same behaviour of a server that takes one command at a time, and of one that takes several.
fn both(behaviour: Behaviour) -> [Behaviour; 2] {
    [false, true].map(|pipelining| Behaviour { pipelining, ..behaviour })
}

/// No error repeats who was written to, or the password.
fn words(result: Result<(), MailError>) -> (bool, String) {
    let error = result.unwrap_err();
    let text = error.to_string();
    assert!(!text.contains("ada") && !text.contains(PASSWORD) && !text.contains("wrong horse"), "{text}");
    (matches!(error, MailError::Refused(_)), text)
}

#[tokio::test]
async fn a_mail_arrives_as_it_was_written() {
    let server = Server::start(Behaviour::default()).await;
    mailer(&server).send(&mail()).await.unwrap();
    let seen = server.seen();
    assert_eq!(seen.mails.len(), 1);
    assert!(seen.in_clear.iter().any(|line| line == "MAIL FROM:<tickets@example.com>"), "{:?}", seen.in_clear);
    assert!(seen.in_clear.iter().any(|line| line == "RCPT TO:<ada@example.com>"));
    let parsed = MessageParser::new().parse(&seen.mails[0]).unwrap();
    assert_eq!(parsed.message_id(), Some("tickets.abc@example.com"));
    assert_eq!(parsed.subject(), Some("Your ticket: Ọdún 🎷"));
    assert_eq!(parsed.from().unwrap().first().unwrap().name(), Some("Ada's Tickets"));
    assert_eq!(parsed.header_raw("Auto-Submitted").map(str::trim), Some("auto-generated"));
    assert_eq!(parsed.body_text(0).unwrap().replace("\r\n", "\n").trim_end(), mail().text);
    assert_eq!(parsed.body_html(0).unwrap().trim_end(), mail().html);
    let images: Vec<_> = parsed.parts.iter().filter(|part| part.attachment_name() == Some("ticket-1.png")).collect();
    assert_eq!(images.len(), 2);
    assert!(images.iter().all(|image| image.contents() == mail().attachments[0].content));
    assert_eq!((images[0].content_id(), images[1].content_id()), (Some("ticket-1@example.com"), None));
}

/// RFC 2920: only where the server says so, and only the commands before the mail itself.
#[tokio::test]
async fn commands_are_sent_together_where_the_server_takes_that() {
    for behaviour in both(Behaviour::default()) {
        let server = Server::start(behaviour).await;
        let mailer = mailer(&server);
        mailer.send(&mail()).await.unwrap();
        mailer.send(&mail()).await.unwrap();
        let seen = server.seen();
        assert_eq!((seen.mails.len(), seen.connections), (2, 1));
        for sent in &seen.mails {
            let parsed = MessageParser::new().parse(sent).unwrap();
            assert_eq!(parsed.body_text(0).unwrap().replace("\r\n", "\n").trim_end(), mail().text);
        }
        // RCPT and DATA came while MAIL and RCPT were not answered.
        assert_eq!(seen.ahead, if behaviour.pipelining { 4 } else { 0 });
    }
}

#[tokio::test]
async fn over_starttls_and_tls_nothing_that_matters_goes_in_clear() {
    let authority = Authority::new();
    for (tls, security) in [(Tls::StartTls, SmtpSecurity::StartTls), (Tls::FromTheStart, SmtpSecurity::Tls)] {
        let behaviour = Behaviour { password: Some(PASSWORD), ..Behaviour::default() };
        let server = Server::start_tls(behaviour, tls, &authority).await;
        let mut config = config(&server, security);
        config.login = login(PASSWORD);
        config.extra_root_pem = Some(authority.pem());
        let mailer = SmtpMailer::new(config).unwrap();
        mailer.send(&mail()).await.unwrap();
        mailer.send(&mail()).await.unwrap();
        let seen = server.seen();
        assert_eq!((seen.mails.len(), seen.connections), (2, 1));
        let in_clear: Vec<&str> = seen.in_clear.iter().filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(in_clear, if security == SmtpSecurity::Tls { vec![] } else { vec!["EHLO", "STARTTLS"] });
    }
}

#[tokio::test]
async fn a_refused_recipient_or_mail_is_refused_for_good() {
    for (behaviour, answer) in [
        (Behaviour { recipient: "550 5.1.1 <ada@example.com>: no such user", ..Behaviour::default() }, "550 5.1.1"),
        (Behaviour { recipient: "550 <ada@example.com> unknown", ..Behaviour::default() }, "550"),
        (Behaviour { data: "554 5.6.0 not for ada@example.com", ..Behaviour::default() }, "554 5.6.0"),
        (Behaviour { taken: "552 5.3.4 too big for ada@example.com", ..Behaviour::default() }, "552 5.3.4"),
    ] {
        for behaviour in both(behaviour) {
            let server = Server::start(behaviour).await;
            let mailer = mailer(&server);
            let (refused, text) = words(mailer.send(&mail()).await);
            assert!(refused && text.contains(answer), "{text}");
            assert!(server.seen().mails.len() == usize::from(behaviour.taken.starts_with("552")));
        }
    }
}

#[tokio::test]
async fn temporary_failures_are_retried_later() {
    for (behaviour, answer) in [
        (Behaviour { greeting: "421 too busy", ..Behaviour::default() }, "421"),
        (Behaviour { greeting: "554 go away", ..Behaviour::default() }, "554"),
        (Behaviour { greeting: "ada@example.com HTTP/1.1 400", ..Behaviour::default() }, "not respond in SMTP"),
        (Behaviour { sender: "553 5.7.1 sender not yours", ..Behaviour::default() }, "553 5.7.1"),
        (Behaviour { recipient: "450 4.2.1 <ada@example.com> greylisted", ..Behaviour::default() }, "450 4.2.1"),
        (Behaviour { recipient: "550 5.7.1 no relay for ada@example.com", ..Behaviour::default() }, "550 5.7.1"),
        (Behaviour { recipient: "530 log in first", ..Behaviour::default() }, "530"),
        (Behaviour { taken: "451 4.3.0 disk", ..Behaviour::default() }, "451 4.3.0"),
    ] {
        for behaviour in both(behaviour) {
            let server = Server::start(behaviour).await;
            let mailer = mailer(&server);
            let (refused, text) = words(mailer.send(&mail()).await);
            assert!(!refused && text.contains(answer), "{text}");
        }
    }
    let nobody = Server::start(Behaviour::default()).await;
    let mailer = mailer(&nobody);
    nobody.stop().await;
    let (refused, text) = words(mailer.send(&mail()).await);
    assert!(!refused && text.contains("cannot be reached"), "{text}");
}

#[tokio::test]
async fn a_slow_server_times_out_and_is_retried_later() {
    let silent = Behaviour { greeting: "", ..Behaviour::default() };
    let stalls = Behaviour { taken: "", ..Behaviour::default() };
    for (behaviour, seconds) in [(silent, "200 ms"), (stalls, "400 ms")] {
        let server = Server::start(behaviour).await;
        let mut config = config(&server, SmtpSecurity::Plain);
        config.connect_timeout = Duration::from_millis(200);
        config.send_timeout = Duration::from_millis(400);
        let mailer = SmtpMailer::new(config).unwrap();
        let start = Instant::now();
        let (refused, text) = words(mailer.send(&mail()).await);
        assert!(!refused && text.contains(seconds), "{text}");
        // The limits that are set, and not the defaults of 10 and 30 seconds; with room for a machine that is busy.
        assert!(start.elapsed() < Duration::from_secs(9), "{:?}", start.elapsed());
    }
}

#[tokio::test]
async fn a_mail_whose_answer_is_lost_is_sent_again_under_the_same_id() {
    for behaviour in both(Behaviour { cut_after_first_mail: true, ..Behaviour::default() }) {
        let server = Server::start(behaviour).await;
        let mailer = mailer(&server);
        assert!(!words(mailer.send(&mail()).await).0);
        mailer.send(&mail()).await.unwrap();
        let seen = server.seen();
        let ids: Vec<_> = seen
            .mails
            .iter()
            .map(|mail| MessageParser::new().parse(mail).unwrap().message_id().unwrap().to_owned())
            .collect();
        assert_eq!(ids, ["tickets.abc@example.com", "tickets.abc@example.com"]);
        assert_eq!(seen.connections, 2);
    }
}

#[tokio::test]
async fn a_connection_closed_by_the_server_does_not_count_as_a_try() {
    for behaviour in both(Behaviour { mails_per_connection: 1, ..Behaviour::default() }) {
        let server = Server::start(behaviour).await;
        let mailer = mailer(&server);
        for _ in 0..3 {
            mailer.send(&mail()).await.unwrap();
        }
        let seen = server.seen();
        assert_eq!((seen.mails.len(), seen.connections), (3, 3));
    }
}

#[tokio::test]
async fn many_mails_at_once_share_the_pool() {
    let server = Server::start(Behaviour::default()).await;
    let mut config = config(&server, SmtpSecurity::Plain);
    config.pool_size = 3;
    let mailer = std::sync::Arc::new(SmtpMailer::new(config).unwrap());
    let sends: Vec<_> = (0..40)
        .map(|n| {
            let (mailer, mut mail) = (std::sync::Arc::clone(&mailer), mail());
            mail.message_id = format!("{n}@x");
            tokio::spawn(async move { mailer.send(&mail).await })
        })
        .collect();
    for send in sends {
        send.await.unwrap().unwrap();
    }
    let seen = server.seen();
    assert_eq!(seen.mails.len(), 40);
    assert!(seen.connections <= 3, "{}", seen.connections);
}

/// Without TCP_NODELAY each takes 44 ms, since the dot at the end waits for an answer to what is before it.
#[tokio::test]
async fn a_mail_does_not_wait_for_nagle() {
    let server = Server::start(Behaviour::default()).await;
    let mailer = mailer(&server);
    let mut times = Vec::new();
    for _ in 0..20 {
        let start = Instant::now();
        mailer.send(&mail()).await.unwrap();
        times.push(start.elapsed());
    }
    // The first ones are answered at once in any case; and of the others, a busy machine may slow down some.
    let fastest = times[10..].iter().min().unwrap();
    assert!(*fastest < Duration::from_millis(30), "{times:?}");
}

#[tokio::test]
async fn a_certificate_of_another_authority_or_name_is_not_trusted() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    for (tls, security) in [(Tls::StartTls, SmtpSecurity::StartTls), (Tls::FromTheStart, SmtpSecurity::Tls)] {
        for (authority, host) in [(&theirs, "localhost"), (&ours, "127.0.0.1")] {
            let server = Server::start_tls(Behaviour::default(), tls, authority).await;
            let mut config = config(&server, security);
            config.host = host.to_owned();
            config.login = login(PASSWORD);
            config.extra_root_pem = Some(ours.pem());
            let (refused, text) = words(SmtpMailer::new(config).unwrap().send(&mail()).await);
            assert!(!refused && text.contains("certificate"), "{text}");
            let seen = server.seen();
            assert!(seen.mails.is_empty() && !seen.in_clear.iter().any(|line| line.starts_with("AUTH")));
        }
    }
}

#[tokio::test]
async fn a_server_without_starttls_gets_neither_password_nor_mail() {
    let server = Server::start(Behaviour { password: Some(PASSWORD), ..Behaviour::default() }).await;
    let mut config = config(&server, SmtpSecurity::StartTls);
    config.login = login(PASSWORD);
    let (refused, text) = words(SmtpMailer::new(config).unwrap().send(&mail()).await);
    assert!(!refused && text.contains("STARTTLS"), "{text}");
    let seen = server.seen();
    let verbs: Vec<&str> = seen.in_clear.iter().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(verbs, ["EHLO"]);
    assert!(seen.mails.is_empty());
}

/// CVE-2011-0411: answers that somebody put in before TLS began were taken for the server's own afterwards.
#[tokio::test]
async fn answers_from_before_tls_are_not_believed() {
    let authority = Authority::new();
    let injected = "\r\n250 somebody else\r\n250 ok\r\n250 ok\r\n354 go on\r\n250 taken, believe me";
    let behaviour = Behaviour { injected, recipient: "550 no", ..Behaviour::default() };
    let server = Server::start_tls(behaviour, Tls::StartTls, &authority).await;
    let mut config = config(&server, SmtpSecurity::StartTls);
    config.extra_root_pem = Some(authority.pem());
    let (refused, text) = words(SmtpMailer::new(config).unwrap().send(&mail()).await);
    assert!(!refused && text.contains("STARTTLS failed"), "{text}");
    assert!(server.seen().mails.is_empty());
}

#[tokio::test]
async fn a_wrong_password_is_retried_until_the_operator_fixes_it() {
    let authority = Authority::new();
    let behaviour = Behaviour { password: Some(PASSWORD), ..Behaviour::default() };
    let server = Server::start_tls(behaviour, Tls::StartTls, &authority).await;
    let mut config = config(&server, SmtpSecurity::StartTls);
    config.login = login("wrong horse");
    config.extra_root_pem = Some(authority.pem());
    let (refused, text) = words(SmtpMailer::new(config).unwrap().send(&mail()).await);
    assert!(!refused && text.contains("535") && text.contains("login"), "{text}");
    assert!(server.seen().mails.is_empty());
}

#[tokio::test]
async fn a_non_ascii_address_needs_a_server_with_smtputf8() {
    let plain = Server::start(Behaviour::default()).await;
    let to = |to: &str| {
        let mut mail = mail();
        mail.to = to.parse().unwrap();
        mail
    };
    // The domain has an ASCII form, and only the name before it has none.
    mailer(&plain).send(&to("ada@exämple.de")).await.unwrap();
    assert!(plain.seen().in_clear.iter().any(|line| line == "RCPT TO:<ada@xn--exmple-cua.de>"));
    let (refused, text) = words(mailer(&plain).send(&to("ädä@example.com")).await);
    assert!(refused && text.contains("SMTPUTF8"), "{text}");
    let modern = Server::start(Behaviour { smtputf8: true, ..Behaviour::default() }).await;
    mailer(&modern).send(&to("ädä@example.com")).await.unwrap();
    let seen = modern.seen();
    assert!(seen.in_clear.iter().any(|line| line == "MAIL FROM:<tickets@example.com> SMTPUTF8 BODY=8BITMIME"));
}

/// Other pools start tasks when they are made and dropped, and abort the process where there is no runtime.
#[test]
fn a_mailer_is_made_and_dropped_outside_a_runtime() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(Server::start(Behaviour::default()));
    let unused = mailer(&server);
    let used = mailer(&server);
    runtime.block_on(used.send(&mail())).unwrap();
    drop(unused);
    // With an open connection in it, and after the end of the runtime that made the connection.
    drop(server);
    drop(runtime);
    drop(used);
}
