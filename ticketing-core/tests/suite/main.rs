//! All tests of this crate from outside, in one program: linking one is faster than linking ten. `tests/README.md` of the repository maps
//! the promises to these modules. To run one: `cargo test -p ticketing-core --all-features --test suite money::webhooks::`.
//!
//! Two stay programs of their own: `simulation`, because it is built with other features and another profile, and counts on being alone
//! with its executor; and `fuzz`, because it runs for as long as it is told to.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod accounts;
mod administration;
mod erasure;
mod fixtures;
mod golden_outcomes;
mod guests;
mod hostile_gateway;
mod mail_limits;
mod mail_text;
mod migrations;
mod money;
mod organizers;
mod paystack;
mod pgbouncer;
#[cfg(feature = "testing")]
#[path = "../planted/mod.rs"]
mod planted;
mod planted_bugs;
mod postgres;
mod proofs;
mod second_factor;
mod smtp;
mod sqlite;
mod storage_conformance;
#[path = "../support/mod.rs"]
mod support;
mod upkeep;
