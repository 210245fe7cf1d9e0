//! Sells tickets over HTTP: the engine of `ticketing-core` as a REST API.
//!
//! | file | answers |
//! |---|---|
//! | [`api`] | every operation, and what the OpenAPI document says of it |
//! | [`app`](mod@app) | what the server is made of |
//! | [`engine`] | how the engine is put together |
//! | [`config`] | what can be set, and what is wrong with what was set |
//! | [`routes`] | the route table: what happens with which request |
//! | [`stack`](mod@stack) | what happens around every request, in order |
//! | [`middleware`] | each of these steps |
//! | [`admin_commands`] | checking and copying what is stored |
//! | [`metrics`] | what Prometheus reads |
//! | [`problem`] | how every error looks |
//! | [`docs`] | the pages that show the API |
//! | [`sandbox`] | a Paystack of our own, for development and tests |
//! | [`server`] | sockets, limits and the end |
//! | [`telemetry`] | the log |

pub mod admin_commands;
pub mod api;
pub mod app;
mod bearer_token;
pub mod config;
pub mod docs;
pub mod engine;
mod hex;
mod lock;
mod log_writer;
pub mod metrics;
pub mod middleware;
pub mod problem;
pub mod routes;
pub mod sandbox;
pub mod server;
pub mod stack;
pub mod telemetry;

#[cfg(test)]
#[path = "../../ticketing-core/tests/fuzz/harness.rs"]
#[allow(clippy::print_stdout, reason = "says how much was tried")]
mod fuzzing;
#[cfg(test)]
#[path = "../../ticketing-core/tests/support/proof.rs"]
mod proof;
