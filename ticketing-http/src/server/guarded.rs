//! A socket that watches its traffic: whether a request's head has a `Content-Length`, and whether the client still reads.

use super::progress::Progress;
use crate::lock::lock;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

/// A client's socket.
pub(super) struct Guarded {
    stream: TcpStream,
    head: Head,
    progress: Arc<Progress>,
    write_timeout: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

/// What is known of the head of the current request.
#[derive(Clone, Default)]
pub(super) struct Head(Arc<Mutex<Scan>>);

/// Looks for one header name, line by line, up to the first empty line; bodies are ignored.
///
/// Limit: a pipelined request that arrives together with the body before it is not scanned. hyper handles those safely; it only
/// does not reject them.
#[derive(Default)]
struct Scan {
    line: Line,
    has_length: bool,
    has_begun: bool,
    is_over: bool,
}

#[derive(Default)]
struct Line {
    start: [u8; LENGTH.len()],
    len: usize,
}

const LENGTH: &[u8] = b"content-length:";

impl Scan {
    fn pass(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if self.is_over {
                return;
            }
            match byte {
                b'\n' => self.end_line(),
                b'\r' => {}
                _ => {
                    if let Some(place) = self.line.start.get_mut(self.line.len) {
                        *place = byte;
                    }
                    self.line.len += 1;
                }
            }
        }
    }

    fn end_line(&mut self) {
        // Empty lines before a request are allowed.
        self.is_over = self.has_begun && self.line.len == 0;
        self.has_begun |= self.line.len > 0;
        self.has_length |= self.line.len >= LENGTH.len() && self.line.start.eq_ignore_ascii_case(LENGTH);
        self.line = Line::default();
    }
}

impl Head {
    /// Whether the head has a `Content-Length`.
    pub(super) fn has_length(&self) -> bool {
        self.scan().has_length
    }

    /// The response is sent: a new request begins.
    pub(super) fn expect_next(&self) {
        *self.scan() = Scan::default();
    }

    fn scan(&self) -> MutexGuard<'_, Scan> {
        lock(&self.0)
    }
}

impl Guarded {
    pub(super) fn new(stream: TcpStream, progress: Arc<Progress>, write_timeout: Duration) -> (Self, Head) {
        let head = Head::default();
        (Self { stream, head: head.clone(), progress, write_timeout, stalled: None }, head)
    }

    /// Fails a write that has been blocked for too long.
    fn bound<T>(&mut self, context: &mut Context<'_>, write: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if write.is_ready() {
            if self.stalled.take().is_some() {
                self.progress.is_read(Instant::now());
            }
            return write;
        }
        if self.stalled.is_none() {
            self.progress.is_unread(Instant::now());
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(self.write_timeout)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        if let Some(fresh) = buffer.filled().get(before..).filter(|fresh| !fresh.is_empty()) {
            self.head.scan().pass(fresh);
            self.progress.arrives(Instant::now());
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let write = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.bound(context, write)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let write = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.bound(context, write)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = ready!(Pin::new(&mut self.stream).poll_flush(context));
        self.progress.is_answered(Instant::now());
        Poll::Ready(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_length_is_found_in_heads_only() {
        let saw = |text: &str| {
            // However the bytes are split.
            let (mut whole, mut single) = (Scan::default(), Scan::default());
            whole.pass(text.as_bytes());
            text.bytes().for_each(|byte| single.pass(&[byte]));
            assert_eq!(whole.has_length, single.has_length);
            whole.has_length
        };
        assert!(saw("POST / HTTP/1.1\r\nHost: a\r\nCONTENT-length: 5\r\n\r\n"));
        assert!(saw("\r\nPOST / HTTP/1.1\nContent-Length:5\n\n"));
        assert!(!saw("POST / HTTP/1.1\r\nHost: a\r\n\r\nContent-Length: 5\r\n"));
        assert!(!saw("POST / HTTP/1.1\r\nX-Content-Length: 5\r\nContent-Lengthy: 5\r\n\r\n"));
    }
}
