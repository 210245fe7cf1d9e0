//! The API over its whole height: frame, operations, engine, and a gateway in memory; on each storage.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what is meant")]

mod bad_input;
mod beyond;
mod document;
mod foreign;
mod on_databases;
mod places;
#[cfg(feature = "postgres")]
#[path = "../../../ticketing-core/tests/support/postgres.rs"]
mod postgres;
mod races;
mod repeats;
mod seed_a;
mod seed_b;
mod shop;
mod told;
