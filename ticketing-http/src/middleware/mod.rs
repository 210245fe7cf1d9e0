//! What happens around every request. Each file does one thing and knows nothing of the others;
//! [`stack`](crate::stack::stack) puts them in order.

pub mod admission;
pub mod body_limit;
mod bounded;
pub mod client_address;
pub mod code_guesses;
pub mod cors;
pub mod login_throttle;
pub mod panics;
pub mod proof_limit;
pub mod purchase_limit;
pub mod rate_limit;
pub mod request_log;
pub mod security_headers;
pub mod shared_throttle;
pub mod timeout;
