//! What strangers send is read: ticket codes, webhooks, amounts, addresses, texts in mails. Kept inputs are changed at random;
//! each reading is held against a second one that shares no code with it. `harness.rs` says how to run it for longer.
#![cfg(all(feature = "paystack", feature = "smtp"))]
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]
#![allow(clippy::print_stdout, reason = "says how much was tried")]

mod codes;
mod harness;
mod mails;
mod money;
#[path = "../support/proof.rs"]
mod proof;
mod webhooks;
