//! Accepts connections, bounds the cost of each, and shuts down gracefully.
//!
//! poem's own server gives hyper no timer, so a client that sends a byte a minute would hold its connection indefinitely.
//! HTTP/1.1 only: HTTP/2 and TLS belong to a proxy.

mod connections;
mod guarded;
mod lobby;
pub(crate) mod progress;

use connections::{Connections, Place};
use guarded::Guarded;
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use lobby::Lobby;
use poem::http::uri::{Authority, Scheme};
use poem::http::{HeaderValue, Request as HttpRequest, Response as HttpResponse, Version, header};
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Endpoint, IntoEndpoint, Request, Response};
use progress::{Ending, Progress};
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::middleware::client_address::{ClientAddress, TrustedProxies};
use crate::problem::Problem;

/// Limits of connections.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Maximum number of connections. A further one replaces an idle or slow one, or waits until one ends.
    pub max_connections: usize,
    /// Maximum number of connections of one address (an IPv6 /64).
    pub max_per_address: usize,
    /// Their connections are neither counted nor replaced.
    pub trusted_proxies: TrustedProxies,
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
            max_per_address: 256,
            trusted_proxies: TrustedProxies::default(),
            header_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(30),
            grace: Duration::from_secs(10),
            max_header_bytes: 32 * 1024,
            max_headers: 64,
        }
    }
}

/// How many connections the system keeps until they are accepted. Those beyond it try again only after a second, so a burst of one
/// client must not fill it. Linux allows 4,096 by default.
const BACKLOG: u32 = 4_096;

/// Listens on this address.
pub fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // As `TcpListener::bind` does: a restart must not wait for connections that have ended.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves `api` on `listener` until `stop`; then accepts no more connections, and returns when the requests in flight have ended or
/// the grace period is over.
pub async fn serve<E>(listener: TcpListener, api: E, limits: Limits, stop: impl Future<Output = ()>)
where
    E: IntoEndpoint,
    E::Endpoint: 'static,
{
    let api = Arc::new(api.into_endpoint());
    let all = Arc::new(Connections::new(limits.max_connections, limits.max_per_address));
    let limits = Arc::new(limits);
    let (ending, ended) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut lobby = Lobby::new(Arc::clone(&all), (limits.max_connections / 2).max(1), limits.header_timeout);
    let mut stop = std::pin::pin!(stop);
    loop {
        let admitted = tokio::select! {
            biased;
            () = &mut stop => break,
            Some(_) = connections.join_next() => continue,
            admitted = lobby.next() => admitted,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let address = ClientAddress(peer.ip()).group();
                    lobby.enter(Guest { stream, peer, address, is_exempt: limits.trusted_proxies.trusts(peer.ip().to_canonical()) })
                }
                Err(error) => {
                    // Most likely out of file descriptors: without a pause, this loop would spin.
                    tracing::warn!(%error, "cannot accept a connection");
                    all.make_room(Instant::now());
                    tokio::time::sleep(ACCEPT_BACKOFF).await;
                    None
                }
            },
        };
        let Some((guest, place)) = admitted else { continue };
        let connection = Connection { api: Arc::clone(&api), peer: guest.peer, place, limits: Arc::clone(&limits) };
        connections.spawn(connection.run(guest.stream, ended.clone()));
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

/// How long a connection that is replaced may write on.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// The pause after a failed accept.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// A connection that was accepted.
#[derive(Debug)]
struct Guest {
    stream: TcpStream,
    peer: SocketAddr,
    /// What counts as one address.
    address: IpAddr,
    is_exempt: bool,
}

struct Connection<E> {
    api: Arc<E>,
    peer: SocketAddr,
    place: Place,
    limits: Arc<Limits>,
}

/// How far the connection of a request is, in the request's data.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionProgress(pub(crate) Arc<Progress>);

impl<E: Endpoint + 'static> Connection<E> {
    async fn run(self, stream: TcpStream, mut ended: watch::Receiver<bool>) {
        // Responses are small and complete: Nagle's algorithm would only delay them.
        let _ = stream.set_nodelay(true);
        let local = stream.local_addr().unwrap_or(self.peer);
        let (api, peer, place, limits) = (self.api, self.peer, Arc::new(self.place), self.limits);
        let (stream, head) = Guarded::new(stream, Arc::clone(&place.progress), limits.write_timeout);
        let in_request = Arc::clone(&place);
        let service = hyper::service::service_fn(move |request: HttpRequest<Incoming>| {
            let (api, head, place) = (Arc::clone(&api), head.clone(), Arc::clone(&in_request));
            async move {
                match request.body().is_end_stream() {
                    true => place.progress.works(Instant::now()),
                    false => place.progress.awaits_body(Instant::now()),
                }
                let is_chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
                let mut response = if is_chunked && head.has_length() {
                    rejected("A body must not have both Content-Length and Transfer-Encoding.")
                } else if !has_one_host(&request) {
                    rejected("A request must have exactly one Host header, with a host's name.")
                } else {
                    let address = |address| Addr::SocketAddr(address);
                    let from = (request, LocalAddr(address(local)), RemoteAddr(address(peer)), Scheme::HTTP);
                    let mut request = Request::from(from);
                    request.set_data(ConnectionProgress(Arc::clone(&place.progress)));
                    api.get_response(request).await
                };
                head.expect_next();
                if place.is_to_end(Instant::now()) {
                    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
                place.progress.answers(Instant::now());
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
        let ending = tokio::select! {
            // Errors of a connection are the client's: it hung up, was too slow, or sent no HTTP.
            outcome = &mut connection => return drop(outcome),
            _ = ended.wait_for(|ended| *ended) => None,
            ending = place.ending() => Some(ending),
        };
        match ending {
            None => {
                connection.as_mut().graceful_shutdown();
                let _ = connection.await;
            }
            Some(Ending::Gracefully) => {
                connection.as_mut().graceful_shutdown();
                let _ = tokio::time::timeout(LAST_WORDS, connection).await;
            }
            Some(Ending::Now) => {}
        }
    }
}

/// Whether the request names its host once (RFC 9112, 3.2), so that proxies and we agree on it. HTTP/1.0 knew no `Host`, and health
/// checks of load balancers still speak it.
fn has_one_host(request: &HttpRequest<Incoming>) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => request.version() < Version::HTTP_11,
        // Empty where the target has no authority.
        (Some(host), None) => host.is_empty() || is_host(host),
        (Some(_), Some(_)) => false,
    }
}

/// A name or an address, and perhaps a port.
fn is_host(host: &HeaderValue) -> bool {
    let authority = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok());
    authority.is_some_and(|authority| !authority.as_str().contains('@') && !authority.host().is_empty())
}

/// Two readers could understand such a request differently. hyper would read the chunks, ignore the length and hang up. A proxy that
/// believes the length would see another next request than we do (request smuggling).
fn rejected(why: &str) -> Response {
    let mut response = Problem::new("bad_request", why).to_response();
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
