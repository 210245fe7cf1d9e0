//! A fast mail server that accepts every mail and keeps none, so that benchmarks do not depend on how the disk handles files. It
//! implements just enough of SMTP (RFC 5321) to accept a mail.

use crate::Failure;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A mail server.
#[derive(Debug)]
pub struct MailServer {
    /// Its port on this machine.
    pub port: u16,
    accepted: Arc<AtomicU64>,
}

impl MailServer {
    /// Starts it.
    pub async fn open() -> Result<Self, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let accepted = Arc::<AtomicU64>::default();
        let count = Arc::clone(&accepted);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let count = Arc::clone(&count);
                // A client may hang up at any time.
                tokio::spawn(async move { drop(talk(stream, &count).await) });
            }
        });
        Ok(Self { port, accepted })
    }

    /// Waits until this many mails were accepted.
    pub async fn wait_for(&self, mails: u64, within: Duration) -> Result<(), Failure> {
        let began = Instant::now();
        while self.accepted.load(Ordering::Relaxed) < mails {
            if began.elapsed() > within {
                let accepted = self.accepted.load(Ordering::Relaxed);
                return Err(format!("{accepted} of {mails} mails were sent within {} s", within.as_secs()).into());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }
}

async fn talk(stream: TcpStream, accepted: &AtomicU64) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 post.example.com\r\n").await?;
    let mut line = vec![];
    let mut is_mail = false;
    loop {
        line.clear();
        if stream.read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        let answer: &[u8] = match line.get(..4).unwrap_or_default() {
            _ if is_mail && line != b".\r\n" => continue,
            _ if is_mail => {
                is_mail = false;
                accepted.fetch_add(1, Ordering::Relaxed);
                b"250 kept by nobody\r\n"
            }
            b"DATA" => {
                is_mail = true;
                b"354 go on\r\n"
            }
            b"EHLO" => b"250-post.example.com\r\n250 PIPELINING\r\n",
            b"QUIT" => b"221 bye\r\n",
            _ => b"250 ok\r\n",
        };
        stream.write_all(answer).await?;
    }
}
