//! Sells tickets over HTTP: the parts of the binary, so that tests and harnesses can use them.

pub mod sandbox;
