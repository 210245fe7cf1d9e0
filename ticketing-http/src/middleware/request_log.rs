//! One log line for every request, without secrets and personal data.

use super::client_address::ClientAddress;
use crate::hex::hex;
use crate::lock::lock;
use crate::routes::{Route, Server};
use poem::http::{HeaderName, HeaderValue, Method};
use poem::{PathPattern, Response};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use ticketing_core::clock::Random;
use tokio::time::Instant;

/// The header with the request's id.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A request's id. Always generated: an id sent by the client is ignored, because it could be anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Generates request ids. Random bytes are read for many at once, because each read is a system call.
#[derive(Debug)]
pub struct Names {
    random: Arc<dyn Random>,
    left: Mutex<Vec<[u8; 12]>>,
}

impl Names {
    /// Ids from this source of randomness.
    pub fn new(random: Arc<dyn Random>) -> Self {
        Self { random, left: Mutex::default() }
    }

    /// A new id.
    pub fn fresh(&self) -> RequestId {
        let mut left = lock(&self.left);
        let bytes = left.pop().unwrap_or_else(|| {
            let mut bytes = [[0; 12]; 64];
            self.random.fill(bytes.as_flattened_mut());
            let [first, others @ ..] = bytes;
            left.extend(others);
            first
        });
        drop(left);
        RequestId(hex(&bytes))
    }
}

/// The log entry of a request.
#[derive(Debug)]
pub struct Entry {
    id: RequestId,
    method: Method,
    client: ClientAddress,
    began: Instant,
}

impl Entry {
    /// Starts the entry when the request arrives.
    pub fn begin(id: RequestId, method: &Method, client: ClientAddress) -> Self {
        Self { id, method: method.clone(), client, began: Instant::now() }
    }

    /// The response is ready: adds the request's id to it, counts it, and writes the log line.
    pub fn finish(self, response: &mut Response, route: Option<&Route>) {
        if let Ok(id) = HeaderValue::from_str(self.id.as_str()) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        // The pattern, never the path itself: paths hold ticket codes and references. Only where a router has matched it.
        let path = response.data::<PathPattern>().map_or("(none)", |matched| match route {
            Some(route) if route.server != Server::Sandbox => route.pattern,
            _ => &matched.0,
        });
        let status = response.status().as_u16();
        let took = self.began.elapsed();
        crate::metrics::answered(&self.method, path, response.status(), took);
        let duration_ms = in_ms(took);
        let (id, method) = (self.id.as_str(), self.method.as_str());
        // Masked only if the line is written.
        let client = || self.client.masked();
        if response.status().is_server_error() {
            tracing::warn!(request.id = id, method, path, status, duration_ms, client = client(), "request");
        } else {
            tracing::info!(request.id = id, method, path, status, duration_ms, client = client(), "request");
        }
    }
}

fn in_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use ticketing_core::clock::SystemRandom;

    #[test]
    fn request_ids_are_unique_and_hexadecimal() {
        let names = Names::new(Arc::new(SystemRandom));
        let fresh: HashSet<String> = (0..1000).map(|_| names.fresh().as_str().to_owned()).collect();
        assert_eq!(fresh.len(), 1000);
        assert!(fresh.iter().all(|name| name.len() == 24 && name.bytes().all(|byte| byte.is_ascii_hexdigit())));
    }
}
