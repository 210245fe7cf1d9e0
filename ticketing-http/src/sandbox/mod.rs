//! A Paystack of our own, for development and tests: no key, no account, no network, and no money moves.
//!
//! It speaks Paystack's wire format, so that what runs against it is the real Paystack client over real HTTP. It is another
//! company: it knows nothing of tickets, and nothing of ours may reach into it except over HTTP.
//!
//! | file | question |
//! |---|---|
//! | `config` | what can be set |
//! | `company` | what the merchant and the payer can make happen ([`Sandbox`]) |
//! | `clockwork` | what happens by itself |
//! | `transaction`, `refund` | what may happen to one of them, and how Paystack writes it |
//! | `ledger`, `journal` | what is known, and how it survives a restart |
//! | `webhook` | how the merchant's server is told |
//! | `api`, `answer` | Paystack's routes, and how it says no |
//! | `simulate` | playing the payer without a browser |
//! | `checkout`, `page` | playing the payer with one |
//!
//! # What differs from Paystack
//! - No rate limit, no smallest amount, no disputes.
//! - A refund takes moments, not days. How it ends is chosen by `POST /simulate/:reference`, or by writing
//!   `sandbox:failed` or `sandbox:needs-attention` into its `merchant_note`.
//! - After "declined" the payer is sent back to the merchant at once, where Paystack would let them try another card first.
//!   Whoever opens the checkout page again may still pay, as at Paystack.

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
