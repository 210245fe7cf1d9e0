//! The sandbox payment gateway: an imitation of Paystack for development and tests. No key, no account, no network, no money.
//!
//! It speaks Paystack's wire format, so that the real Paystack client runs against it over real HTTP. It knows nothing of tickets,
//! and the rest of the server uses it over HTTP only.
//!
//! | file | content |
//! |---|---|
//! | `config` | settings |
//! | `gateway` | actions of merchant and payer ([`Sandbox`]) |
//! | `jobs` | background jobs: late payments, refunds, webhooks |
//! | `transaction`, `refund` | state machines and wire formats |
//! | `ledger`, `journal` | the state, and how it survives a restart |
//! | `webhook` | signing and sending webhooks |
//! | `api`, `request`, `response` | Paystack's routes, request limits, responses and errors |
//! | `simulate` | acting as the payer without a browser |
//! | `checkout`, `page` | acting as the payer with a browser |
//!
//! # What differs from Paystack
//! - No rate limit, no minimum amount, no disputes.
//! - A refund takes moments, not days. Its outcome is chosen with `POST /simulate/:reference`, or with `sandbox:failed` or
//!   `sandbox:needs-attention` in its `merchant_note`.
//! - After a declined payment the payer returns to the merchant at once; Paystack would let them try another card first. The
//!   checkout page can be opened again to pay, as at Paystack.

mod api;
mod checkout;
mod config;
mod gateway;
mod jobs;
mod journal;
mod ledger;
mod page;
mod refund;
mod request;
mod response;
mod simulate;
#[cfg(test)]
mod tests;
mod transaction;
mod webhook;

pub use api::routes;
pub use config::{SandboxConfig, SandboxError};
pub use gateway::Sandbox;
