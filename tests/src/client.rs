//! One HTTP connection, and what a lost answer is.
//!
//! Not a client library: a connection here is one socket, so that a hundred buyers are a hundred sockets, and nothing is
//! ever sent twice behind the test's back.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{HeaderMap, Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream};

/// A client with one connection, made anew when it has ended.
#[derive(Debug)]
pub struct Client {
    address: SocketAddr,
    /// The address of this machine that it connects from, if not any.
    source: Option<IpAddr>,
    connection: Option<SendRequest<Full<Bytes>>>,
}

/// No answer came: what was asked for may have happened, or not.
#[derive(Debug)]
pub struct Lost(pub String);

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON; `null` where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A header, where it is there and readable.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The problem's code, where it is a problem.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Status and body, for messages.
    pub fn in_words(&self) -> String {
        format!("{} {}", self.status, String::from_utf8_lossy(&self.body))
    }
}

impl Client {
    /// A client that connects when it is first used.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, source: None, connection: None }
    }

    /// A client that connects from this address of the machine: on Linux, all of 127.0.0.0/8 are.
    pub fn from(source: impl Into<IpAddr>, address: SocketAddr) -> Self {
        Self { source: Some(source.into()), ..Self::new(address) }
    }

    /// Gives up its connection: the next request makes a new one.
    pub fn reconnect(&mut self) {
        self.connection = None;
    }

    /// Asks for something.
    pub async fn get(&mut self, path: &str, token: Option<&str>) -> Result<Answer, Lost> {
        self.send(Method::GET, path, token, None).await
    }

    /// Sends JSON.
    pub async fn post(&mut self, path: &str, token: Option<&str>, body: &Value) -> Result<Answer, Lost> {
        self.send(Method::POST, path, token, Some(("application/json", body.to_string().into()))).await
    }

    /// Sends anything. Whatever goes wrong on the way is a lost answer.
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<(&str, Bytes)>,
    ) -> Result<Answer, Lost> {
        self.send_with(method, path, token, body, &[]).await
    }

    /// The same with headers of the caller's.
    pub async fn send_with(
        &mut self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<(&str, Bytes)>,
        headers: &[(&str, &str)],
    ) -> Result<Answer, Lost> {
        let mut request = Request::builder().method(method).uri(path).header(HOST, self.address.to_string());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some((kind, _)) = &body {
            request = request.header(CONTENT_TYPE, *kind);
        }
        let body = body.map(|(_, bytes)| bytes).unwrap_or_default();
        let request = request.body(Full::new(body)).map_err(|error| Lost(error.to_string()))?;
        let asked = tokio::time::timeout(Duration::from_secs(60), self.ask(request)).await;
        let answer = asked.unwrap_or_else(|_| Err(Lost("no answer within a minute".to_owned())));
        if answer.is_err() {
            self.connection = None;
        }
        answer
    }

    async fn connect(&self) -> std::io::Result<TcpStream> {
        let Some(source) = self.source else { return TcpStream::connect(self.address).await };
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(source, 0))?;
        socket.connect(self.address).await
    }

    async fn ask(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, Lost> {
        let lost = |error: hyper::Error| Lost(error.to_string());
        let kept = match self.connection.take() {
            Some(mut connection) => connection.ready().await.ok().map(|()| connection),
            None => None,
        };
        let mut connection = match kept {
            Some(connection) => connection,
            None => {
                let stream = self.connect().await.map_err(|error| Lost(error.to_string()))?;
                let (connection, driver) = http1::handshake(TokioIo::new(stream)).await.map_err(lost)?;
                tokio::spawn(driver);
                connection
            }
        };
        let response = connection.send_request(request).await.map_err(lost)?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(lost)?.to_bytes();
        self.connection = Some(connection);
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
    }
}
