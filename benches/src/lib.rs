//! How fast it is.
//!
//! Every figure stands beside a baseline that was measured in the same run, on the same machine and database: what counts is
//! the ratio. `cargo run --release -p benches -- --help` tells what can be measured.
//!
//! | file | answers |
//! |---|---|
//! | [`measure`] | how many calls a second, and how long each takes, with so many callers |
//! | [`shop`] | an engine on a storage, with events to sell |
//! | [`naive`] | the same by one transaction each: what everybody else does |
//! | [`instant_gateway`], [`instant_paystack`] | a payment gateway that answers at once, in our process and over HTTP |
//! | [`post`] | a mail server that keeps nothing |
//! | [`table`] | a table for people, JSON for programs, and a plot |
//! | [`load`] | buyers over HTTP |
//! | [`flood`] | people who arrive at a fixed rate |
//! | [`fill`] | a database with millions of tickets |
//! | [`figures`] | the calls of which figures are made |
//! | [`runs`] | what can be measured |

#![allow(clippy::print_stdout, reason = "tables are what this is for")]
#![allow(clippy::float_arithmetic, reason = "figures are for people to look at")]
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

pub mod figures;
pub mod fill;
pub mod flood;
pub mod instant_gateway;
pub mod instant_paystack;
pub mod load;
pub mod measure;
pub mod naive;
pub mod post;
pub mod runs;
pub mod shop;
pub mod table;

/// Why something could not be measured.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
