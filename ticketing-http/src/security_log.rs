//! Security events in the log (OWASP ASVS 5.0, 16.3): one line each, with the client's whole address, and the account as a keyed hash.
//!
//! The hash is the same for the same account in every process and after every restart, so that an operator can follow an attack,
//! and the log still names nobody. The lines of ordinary requests have neither.

use crate::hex::hex;
use crate::middleware::client_address::ClientAddress;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::time::Duration;

/// Whose event it is.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    account: String,
    client: ClientAddress,
}

impl Subject {
    /// An account, by the key under which limits count it, and the client that acts for it.
    pub(crate) fn new(mut mac: Hmac<Sha256>, account: &str, client: ClientAddress) -> Self {
        mac.update(b"security log ");
        mac.update(account.as_bytes());
        Self { account: hex(&mac.finalize().into_bytes()[..8]), client }
    }

    /// Somebody proved who they are.
    pub(crate) fn logged_in(&self) {
        tracing::info!(event = "login", account = self.account, client = %self.client.0, "security");
    }

    /// Somebody could not prove who they are.
    pub(crate) fn login_failed(&self, reason: &'static str) {
        tracing::warn!(event = "login_failed", reason, account = self.account, client = %self.client.0, "security");
    }

    /// A limit refused the attempt. The password was not checked.
    pub(crate) fn login_throttled(&self, limit: &'static str, wait: Duration) {
        let (account, wait_seconds) = (self.account.as_str(), wait.as_secs());
        tracing::warn!(event = "login_throttled", limit, wait_seconds, account, client = %self.client.0, "security");
    }

    /// A mail with a token was requested.
    pub(crate) fn proof_requested(&self, purpose: &'static str) {
        tracing::info!(event = "proof_requested", purpose, account = self.account, client = %self.client.0, "security");
    }

    /// Whatever else happened to the account.
    pub(crate) fn event(&self, event: &'static str) {
        tracing::info!(event, account = self.account, client = %self.client.0, "security");
    }
}
