//! Limits of requests, and how bodies are read.

use super::response::ApiError;
use poem::Body;

/// The largest body, in bytes: Paystack's requests are a few hundred, metadata may be some kilobytes.
pub(super) const BODY_LIMIT: usize = 64 * 1024;
/// The largest amount: the largest integer that every JSON reader keeps exactly.
pub(super) const MAX_AMOUNT: u64 = (1 << 53) - 1;

/// Reads a JSON body of bounded size.
pub(super) async fn read_json<T: serde::de::DeserializeOwned>(body: Body) -> Result<T, ApiError> {
    let bytes = body.into_bytes_limit(BODY_LIMIT).await.map_err(|error| match error {
        poem::error::ReadBodyError::PayloadTooLarge => ApiError::TOO_LARGE,
        _ => ApiError::invalid("Invalid request body"),
    })?;
    serde_json::from_slice(&bytes).map_err(|_| ApiError::invalid("Invalid JSON in request body"))
}
