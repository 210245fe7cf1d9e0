//! One line for every request, with nothing in it that opens a door or names a person.

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

/// The header that names a request, in the answer and in the log.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A request's name: ours alone. What a client sends under this name is not used, for it could be anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Names for requests. Chance for many is asked for at once: each time is a call of the system.
#[derive(Debug)]
pub struct Names {
    random: Arc<dyn Random>,
    left: Mutex<Vec<[u8; 12]>>,
}

impl Names {
    /// Of this chance.
    pub fn new(random: Arc<dyn Random>) -> Self {
        Self { random, left: Mutex::default() }
    }

    /// A fresh one.
    pub fn fresh(&self) -> RequestId {
        let mut left = lock(&self.left);
        let bytes = left.pop().unwrap_or_else(|| {
            let mut chance = [[0; 12]; 64];
            self.random.fill(chance.as_flattened_mut());
            let [first, others @ ..] = chance;
            left.extend(others);
            first
        });
        drop(left);
        RequestId(hex(&bytes))
    }
}

/// What the log will say of a request.
#[derive(Debug)]
pub struct Entry {
    id: RequestId,
    method: Method,
    client: ClientAddress,
    began: Instant,
}

impl Entry {
    /// The request has come.
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
        // Masked only where the line is written.
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
    fn names_are_fresh_and_plain() {
        let names = Names::new(Arc::new(SystemRandom));
        let fresh: HashSet<String> = (0..1000).map(|_| names.fresh().as_str().to_owned()).collect();
        assert_eq!(fresh.len(), 1000);
        assert!(fresh.iter().all(|name| name.len() == 24 && name.bytes().all(|byte| byte.is_ascii_hexdigit())));
    }
}
