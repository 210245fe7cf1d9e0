//! Sells tickets over HTTP: the engine of `ticketing-core` as a REST API.

pub mod problem;
