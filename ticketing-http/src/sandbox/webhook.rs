//! Webhooks to the merchant's server: signed, delivered at least once, in no guaranteed order.

use super::config::SandboxError;
use crate::hex::hex;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha512;
use std::sync::Arc;
use std::time::Duration;

/// The value of `x-paystack-signature`: HMAC-SHA512 of the body's bytes under the secret key, in lower-case hex.
pub(super) fn signature(secret_key: &str, body: &[u8]) -> String {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mac = Hmac::<Sha512>::new_from_slice(secret_key.as_bytes()).expect("HMAC takes keys of any length");
    hex(&mac.chain_update(body).finalize().into_bytes())
}

/// The client that sends webhooks. It trusts no certificate: webhook URLs are `http://`, see
/// [`SandboxConfig`](super::SandboxConfig). reqwest requires a TLS configuration all the same.
pub(super) fn client() -> Result<reqwest::Client, SandboxError> {
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| SandboxError::Client(Box::new(error)))?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy() // the merchant's server is on this machine
        .redirect(reqwest::redirect::Policy::none()) // a redirect is not the 2xx that Paystack requires
        .connect_timeout(Duration::from_secs(3))
        .timeout(Duration::from_secs(10))
        .build()
        .map_err(|error| SandboxError::Client(Box::new(error)))
}

/// Why a delivery failed.
pub(super) type Undelivered = String;

/// Sends a webhook once. Only a 2xx counts as accepted.
pub(super) async fn send(
    client: &reqwest::Client,
    url: &str,
    secret_key: &str,
    body: String,
) -> Result<(), Undelivered> {
    let answer = client
        .post(url)
        .header("content-type", "application/json")
        .header("x-paystack-signature", signature(secret_key, body.as_bytes()))
        .body(body)
        .send()
        .await
        .map_err(|error| error.to_string())?;
    if answer.status().is_success() { Ok(()) } else { Err(format!("answered {}", answer.status())) }
}
