//! The TCP stream under a connection, for what lettre 0.11.23 leaves out.

use lettre::transport::smtp::client::AsyncTokioStream;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Every TLS handshake begins with a record of this type (RFC 8446, 5.1), and no SMTP command does.
const TLS_HANDSHAKE: u8 = 22;

/// A stream that sends at once, and never reads ahead of TLS.
///
/// - lettre writes a mail and its closing dot apart: without TCP_NODELAY the dot waits 40 ms for an answer (lettre#1159).
/// - lettre keeps what it has read in clear when TLS begins, and then takes it for answers that came by TLS. Somebody on the
///   line could have us believe that a mail was taken (CVE-2011-0411; RFC 3207, 6). Byte by byte, nothing is read in
///   clear but the answer that is waited for; what follows it meets the handshake, which fails. A connection that never uses
///   TLS has no such border, and reads what is there.
#[derive(Debug)]
pub(super) struct Stream {
    tcp: TcpStream,
    /// Whether TLS is still to begin.
    is_before_tls: bool,
}

impl Stream {
    /// Connects. `will_use_tls` says whether TLS begins later.
    pub(super) async fn connect(address: (&str, u16), will_use_tls: bool) -> io::Result<Self> {
        let tcp = TcpStream::connect(address).await?;
        tcp.set_nodelay(true)?;
        Ok(Self { tcp, is_before_tls: will_use_tls })
    }
}

impl AsyncTokioStream for Stream {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.peer_addr()
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.is_before_tls || buf.remaining() == 0 {
            return Pin::new(&mut self.tcp).poll_read(cx, buf);
        }
        let mut byte = [0];
        let mut one = ReadBuf::new(&mut byte);
        ready!(Pin::new(&mut self.tcp).poll_read(cx, &mut one))?;
        buf.put_slice(one.filled());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if bytes.first() == Some(&TLS_HANDSHAKE) {
            self.is_before_tls = false;
        }
        Pin::new(&mut self.tcp).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}
