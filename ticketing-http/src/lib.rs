//! Sells tickets over HTTP: the engine of `ticketing-core` as a REST API.
//!
//! | file | answers |
//! |---|---|
//! | [`api`] | every operation, and what the OpenAPI document says of it |
//! | [`config`] | what can be set, and what is wrong with what was set |
//! | [`frame`](mod@frame) | what happens around every request, in order |
//! | [`middleware`] | each of these steps |
//! | [`problem`] | how every error looks |
//! | [`contract`] | what the OpenAPI document says about an address |
//! | [`docs`] | the pages that show the API |
//! | [`server`] | sockets, limits and the end |
//! | [`telemetry`] | the log |

pub mod api;
pub mod contract;

pub mod frame;
pub mod middleware;
pub mod problem;
