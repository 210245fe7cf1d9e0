//! Benchmarks.
//!
//! Every figure is compared with a baseline that was measured in the same run, on the same machine and database: the ratio matters.
//! `cargo run --release -p benches -- --help` lists the benchmarks.
//!
//! | File | Content |
//! |---|---|
//! | [`measure`] | throughput and latency with a given number of callers |
//! | [`shop`] | an engine on a storage, with events to sell |
//! | [`naive`] | the baseline: one transaction per call |
//! | [`instant_gateway`], [`http_gateway`] | a payment gateway that answers at once, in this process and over HTTP |
//! | [`mail_server`] | a mail server that keeps nothing |
//! | [`table`] | results as a table, as JSON and as a plot |
//! | [`load`] | a closed-loop load generator over HTTP |
//! | [`flood`] | an open-loop load generator over HTTP |
//! | [`fill`] | a database with millions of tickets |
//! | [`figures`] | the measured calls |
//! | [`cpu`] | CPU time and context switches of processes |
//! | [`runs`] | the benchmarks |

#![allow(clippy::print_stdout, reason = "tables are what this is for")]
#![allow(clippy::float_arithmetic, reason = "figures are for people to look at")]
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

pub mod cpu;
pub mod figures;
pub mod fill;
pub mod flood;
pub mod http_gateway;
pub mod instant_gateway;
pub mod load;
pub mod mail_server;
pub mod measure;
pub mod naive;
pub mod runs;
pub mod shop;
pub mod table;

/// Why a benchmark failed.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
