//! One line for every request, with nothing in it that opens a door or names a person.

use super::client_address::ClientAddress;
use crate::contract::Contract;
use poem::http::{HeaderName, HeaderValue, Method};
use poem::{PathPattern, Response};
use std::time::Duration;
use ticketing_core::clock::Random;
use tokio::time::Instant;

/// The header that names a request, in the answer and in the log.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A request's name: ours alone. What a client sends under this name is not used, for it could be anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// A fresh one.
    pub fn fresh(random: &dyn Random) -> Self {
        let mut bytes = [0; 12];
        random.fill(&mut bytes);
        Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
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

    /// The answer is ready: names it, and writes the line.
    pub fn finish(self, response: &mut Response, contract: &Contract) {
        if let Ok(id) = HeaderValue::from_str(self.id.as_str()) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        // The pattern that the router matched, never the path itself: paths hold ticket codes and references.
        let path = response.data::<PathPattern>().map_or("(none)", |pattern| contract.name_of(&pattern.0));
        let status = response.status().as_u16();
        let took = self.began.elapsed();
        crate::metrics::answered(&self.method, path, response.status(), took);
        let duration_ms = in_ms(took);
        let client = self.client.masked();
        let (id, method) = (self.id.as_str(), self.method.as_str());
        if response.status().is_server_error() {
            tracing::warn!(request.id = id, method, path, status, duration_ms, client, "request");
        } else {
            tracing::info!(request.id = id, method, path, status, duration_ms, client, "request");
        }
    }
}

fn in_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ticketing_core::clock::SystemRandom;

    #[test]
    fn names_are_fresh_and_plain() {
        let (one, two) = (RequestId::fresh(&SystemRandom), RequestId::fresh(&SystemRandom));
        assert_ne!(one, two);
        assert!(one.as_str().len() == 24 && one.as_str().bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
}
