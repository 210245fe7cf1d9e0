//! Accepts connections, bounds the cost of each, and shuts down gracefully.
//!
//! poem's own server gives hyper no timer, so a client that sends a byte a minute would hold its connection indefinitely.
//! HTTP/1.1 only: HTTP/2 and TLS belong to a proxy.

mod guarded;

use guarded::Guarded;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use poem::http::uri::Scheme;
use poem::http::{HeaderValue, Request as HttpRequest, Response as HttpResponse, header};
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Endpoint, IntoEndpoint, Request, Response};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::problem::Problem;

/// Limits of connections.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Maximum number of connections; further ones wait until one ends.
    pub max_connections: usize,
    /// Timeout of a request's headers, and of an idle connection.
    pub header_timeout: Duration,
    /// How long a client may refuse to read.
    pub write_timeout: Duration,
    /// How long requests in flight may take during shutdown.
    pub grace: Duration,
    /// Maximum size of the request line and headers together.
    pub max_header_bytes: usize,
    /// Maximum number of headers.
    pub max_headers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 512,
            header_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(30),
            grace: Duration::from_secs(10),
            max_header_bytes: 32 * 1024,
            max_headers: 64,
        }
    }
}

/// Serves `api` on `listener` until `stop`; then accepts no more connections, and returns when the requests in flight have ended or
/// the grace period is over.
pub async fn serve<E>(listener: TcpListener, api: E, limits: Limits, stop: impl Future<Output = ()>)
where
    E: IntoEndpoint,
    E::Endpoint: 'static,
{
    let api = Arc::new(api.into_endpoint());
    let slots = Arc::new(Semaphore::new(limits.max_connections));
    let (ending, ended) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut stop => break,
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener, &slots) => accepted,
        };
        let Some((stream, peer, slot)) = accepted else { continue };
        let connection = Connection { api: Arc::clone(&api), peer, limits };
        let ended = ended.clone();
        connections.spawn(async move {
            connection.run(stream, ended).await;
            drop(slot);
        });
    }
    drop(listener);
    let _ = ending.send(true);
    tracing::info!(connections = connections.len(), "stopping: waiting for requests in flight");
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.grace, all).await.is_err() {
        tracing::warn!("some requests exceeded the grace period and were dropped");
        connections.shutdown().await;
    }
}

/// The pause after a failed accept.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

type Slot = tokio::sync::OwnedSemaphorePermit;

/// The next connection, once there is room for it. Dropping this future loses nothing.
async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> Option<(TcpStream, SocketAddr, Slot)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, slot)),
        Err(error) => {
            // Most likely out of file descriptors: without a pause, this loop would spin.
            tracing::warn!(%error, "cannot accept a connection");
            tokio::time::sleep(ACCEPT_BACKOFF).await;
            None
        }
    }
}

struct Connection<E> {
    api: Arc<E>,
    peer: SocketAddr,
    limits: Limits,
}

impl<E: Endpoint + 'static> Connection<E> {
    async fn run(self, stream: TcpStream, mut ended: watch::Receiver<bool>) {
        // Responses are small and complete: Nagle's algorithm would only delay them.
        let _ = stream.set_nodelay(true);
        let local = stream.local_addr().unwrap_or(self.peer);
        let (api, peer, limits) = (self.api, self.peer, self.limits);
        let (stream, head) = Guarded::new(stream, limits.write_timeout);
        let service = hyper::service::service_fn(move |request: HttpRequest<Incoming>| {
            let (api, head) = (Arc::clone(&api), head.clone());
            async move {
                let is_chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
                let response = if is_chunked && head.has_length() {
                    ambiguous()
                } else {
                    let address = |address| Addr::SocketAddr(address);
                    let from = (request, LocalAddr(address(local)), RemoteAddr(address(peer)), Scheme::HTTP);
                    api.get_response(Request::from(from)).await
                };
                head.expect_next();
                Ok::<HttpResponse<_>, Infallible>(response.into())
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_timeout)
            .max_headers(limits.max_headers)
            .max_header_size(limits.max_header_bytes)
            .max_buf_size(limits.max_header_bytes.max(64 * 1024))
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            // Errors of a connection are the client's: it hung up, was too slow, or sent no HTTP.
            outcome = &mut connection => return drop(outcome),
            _ = ended.wait_for(|ended| *ended) => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
    }
}

/// hyper would read the chunks, ignore the length and hang up. A proxy that believes the length would see another next request
/// than we do (request smuggling), so such requests are rejected.
fn ambiguous() -> Response {
    let problem = Problem::new("bad_request", "A body must not have both Content-Length and Transfer-Encoding.");
    let mut response = problem.to_response();
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Completes on SIGTERM or Ctrl-C.
pub async fn stop_signal() {
    let ctrl_c = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<()>();
    tokio::select! {
        () = ctrl_c => {}
        () = terminated => {}
    }
}

#[cfg(test)]
mod tests;
