//! The API over its whole height: frame, operations, engine, and a storage and a gateway in memory.

mod bad_input;
mod beyond;
mod document;
mod foreign;
mod races;
mod seed_a;
mod seed_b;
mod shop;
