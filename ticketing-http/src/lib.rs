//! The engine of `ticketing-core` as a REST API.
//!
//! | module | content |
//! |---|---|
//! | [`app`](mod@app) | the whole server: API, pages and sandbox with their middleware |
//! | [`engine`] | builds the engine from the configuration |
//! | [`config`] | settings and their checks |
//! | [`routes`] | the route table: policies of every operation |
//! | [`stack`](mod@stack) | the middleware stack, in order |
//! | [`middleware`] | each of its steps |
//! | [`api`] | the operations and their OpenAPI document |
//! | [`problem`] | errors: `application/problem+json` |
//! | [`docs`] | Swagger UI and ReDoc |
//! | `account_page` | the page that links in mails about accounts open |
//! | [`metrics`] | Prometheus metrics |
//! | [`sandbox`] | the sandbox payment gateway, for development and tests |
//! | [`server`] | sockets, limits and graceful shutdown |
//! | [`admin_commands`] | admin, export, check, backup, healthcheck |
//! | [`telemetry`] | the log |

mod account_page;
pub mod admin_commands;
pub mod api;
pub mod app;
mod bearer_token;
pub mod config;
pub mod docs;
pub mod engine;
mod hex;
mod html;
mod lock;
mod log_writer;
pub mod metrics;
pub mod middleware;
pub mod problem;
pub mod routes;
pub mod sandbox;
mod security_log;
pub mod server;
pub mod stack;
pub mod telemetry;
#[cfg(feature = "xlsx")]
mod xlsx;

#[cfg(test)]
#[path = "../../ticketing-core/tests/fuzz/harness.rs"]
#[allow(clippy::print_stdout, reason = "prints how many inputs were tried")]
mod fuzzing;
#[cfg(test)]
#[path = "../../ticketing-core/tests/support/proof.rs"]
mod proof;
