//! An SMTP server (RFC 5321) on the loopback interface that does what it is told to, and remembers what it saw.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// What it answers, each in one line. An empty answer never comes.
#[derive(Clone, Copy)]
pub(crate) struct Behaviour {
    pub(crate) greeting: &'static str,
    pub(crate) sender: &'static str,
    pub(crate) recipient: &'static str,
    pub(crate) data: &'static str,
    pub(crate) taken: &'static str,
    /// The one password it takes; without it, it knows no AUTH.
    pub(crate) password: Option<&'static str>,
    pub(crate) smtputf8: bool,
    /// Takes several commands at once (RFC 2920).
    pub(crate) pipelining: bool,
    /// What somebody on the line adds to the answer to STARTTLS, while that can still be done.
    pub(crate) injected: &'static str,
    /// Keeps the first mail, but is gone before it says so.
    pub(crate) cut_after_first_mail: bool,
    pub(crate) mails_per_connection: usize,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            greeting: "220 test ESMTP",
            sender: "250 2.1.0 ok",
            recipient: "250 2.1.5 ok",
            data: "354 go ahead",
            taken: "250 2.0.0 queued",
            password: None,
            smtputf8: false,
            pipelining: false,
            injected: "",
            cut_after_first_mail: false,
            mails_per_connection: usize::MAX,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tls {
    StartTls,
    FromTheStart,
}

/// What it saw.
#[derive(Clone, Default)]
pub(crate) struct Seen {
    pub(crate) connections: usize,
    /// Command lines that came before TLS, and without TLS.
    pub(crate) in_clear: Vec<String>,
    /// Commands that came before the one ahead of them was answered.
    pub(crate) ahead: usize,
    /// Whole mails, as they came, without the dots that SMTP adds.
    pub(crate) mails: Vec<Vec<u8>>,
}

pub(crate) struct Server {
    pub(crate) port: u16,
    seen: Arc<Mutex<Seen>>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(behaviour: Behaviour) -> Self {
        Self::listen(behaviour, None).await
    }

    /// With a certificate for `localhost` of `authority`.
    pub(crate) async fn start_tls(behaviour: Behaviour, tls: Tls, authority: &Authority) -> Self {
        Self::listen(behaviour, Some((tls, authority.acceptor()))).await
    }

    async fn listen(behaviour: Behaviour, tls: Option<(Tls, TlsAcceptor)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                let session = Session { behaviour, seen: Arc::clone(&shared) };
                lock(&shared).connections += 1;
                // The client may leave at any point: that is its business.
                tokio::spawn(session.run(stream, tls.clone()));
            }
        });
        Self { port, seen, task }
    }

    pub(crate) fn seen(&self) -> Seen {
        lock(&self.seen).clone()
    }

    /// Nobody answers at its port from then on.
    pub(crate) async fn stop(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

fn lock(seen: &Mutex<Seen>) -> std::sync::MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Session {
    behaviour: Behaviour,
    seen: Arc<Mutex<Seen>>,
}

/// How a conversation ended.
enum End {
    Over,
    Upgrade,
}

impl Session {
    async fn run(self, stream: TcpStream, tls: Option<(Tls, TlsAcceptor)>) -> Option<()> {
        match tls {
            None => self.talk(&mut BufReader::new(stream), true, Phase::Clear { starttls: false }).await.map(|_| ()),
            Some((Tls::FromTheStart, acceptor)) => {
                let stream = acceptor.accept(stream).await.ok()?;
                self.talk(&mut BufReader::new(stream), true, Phase::Private).await.map(|_| ())
            }
            Some((Tls::StartTls, acceptor)) => {
                let mut stream = BufReader::new(stream);
                if let End::Upgrade = self.talk(&mut stream, true, Phase::Clear { starttls: true }).await? {
                    let stream = acceptor.accept(stream.into_inner()).await.ok()?;
                    self.talk(&mut BufReader::new(stream), false, Phase::Private).await?;
                }
                Some(())
            }
        }
    }

    async fn talk<S>(&self, stream: &mut BufReader<S>, greet: bool, phase: Phase) -> Option<End>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let told = self.behaviour;
        let mut mails = 0;
        if greet {
            say(stream, told.greeting).await?;
        }
        loop {
            let line = hear(stream).await?;
            let line = String::from_utf8(line).ok()?;
            lock(&self.seen).ahead += usize::from(!stream.buffer().is_empty());
            if let Phase::Clear { .. } = phase {
                lock(&self.seen).in_clear.push(line.clone());
            }
            let verb = line.split([' ', ':']).next()?.to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" => say(stream, &self.capabilities(phase)).await?,
                "STARTTLS" if matches!(phase, Phase::Clear { starttls: true }) => {
                    say(stream, &format!("220 go ahead{}", told.injected)).await?;
                    return Some(End::Upgrade);
                }
                "AUTH" => say(stream, self.login(&line)).await?,
                "MAIL" if mails >= told.mails_per_connection => {
                    say(stream, "421 enough").await?;
                    return Some(End::Over);
                }
                "MAIL" => say(stream, told.sender).await?,
                "RCPT" => say(stream, told.recipient).await?,
                "DATA" => {
                    say(stream, told.data).await?;
                    if !told.data.starts_with("354") {
                        continue;
                    }
                    let first = self.take(stream).await?;
                    if first && told.cut_after_first_mail {
                        return Some(End::Over);
                    }
                    mails += 1;
                    say(stream, told.taken).await?;
                }
                "QUIT" => {
                    say(stream, "221 bye").await?;
                    return Some(End::Over);
                }
                _ => say(stream, "250 ok").await?,
            }
        }
    }

    fn capabilities(&self, phase: Phase) -> String {
        let mut lines = vec!["250-test"];
        if matches!(phase, Phase::Clear { starttls: true }) {
            lines.push("250-STARTTLS");
        }
        if self.behaviour.password.is_some() {
            lines.push("250-AUTH PLAIN LOGIN");
        }
        if self.behaviour.smtputf8 {
            lines.extend(["250-8BITMIME", "250-SMTPUTF8"]);
        }
        if self.behaviour.pipelining {
            lines.push("250-PIPELINING");
        }
        lines.push("250 ENHANCEDSTATUSCODES");
        lines.join("\r\n")
    }

    /// AUTH PLAIN with its answer in the same line (RFC 4616): nothing, the user and the password, with NUL between them.
    fn login(&self, line: &str) -> &'static str {
        let sent = line
            .strip_prefix("AUTH PLAIN ")
            .and_then(|token| mail_parser::decoders::base64::base64_decode(token.as_bytes()));
        let wanted = self.behaviour.password.map(|password| format!("\0box\0{password}").into_bytes());
        if sent.is_some() && sent == wanted { "235 2.7.0 welcome" } else { "535 5.7.8 box: wrong horse is wrong" }
    }

    /// Reads a mail up to its dot. Whether it is the first of all.
    async fn take<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: &mut BufReader<S>) -> Option<bool> {
        let mut mail = Vec::new();
        loop {
            let line = hear(stream).await?;
            if line == b"." {
                break;
            }
            mail.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
            mail.extend_from_slice(b"\r\n");
        }
        let mut seen = lock(&self.seen);
        seen.mails.push(mail);
        Some(seen.mails.len() == 1)
    }
}

#[derive(Clone, Copy)]
enum Phase {
    Clear { starttls: bool },
    Private,
}

async fn say<S: AsyncWrite + Unpin>(stream: &mut S, answer: &str) -> Option<()> {
    if answer.is_empty() {
        std::future::pending::<()>().await;
    }
    stream.write_all(format!("{answer}\r\n").as_bytes()).await.ok()?;
    stream.flush().await.ok()
}

/// A line without its end; `None` when the client has left.
async fn hear<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    stream.read_until(b'\n', &mut line).await.ok()?;
    line.strip_suffix(b"\r\n").map(<[u8]>::to_vec)
}

/// A certificate authority of its own.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Its own certificate, which a client must trust.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    fn acceptor(&self) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &self.0).unwrap();
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}
