//! What the tests of the whole have in common: a real server as a process of its own, and people who use it.
//!
//! | file | answers |
//! |---|---|
//! | [`server`] | starting, killing and looking into a server |
//! | [`client`] | one HTTP connection, and what a lost answer is |
//! | [`people`] | who registers, makes events and buys |
//! | [`payment_company`] | a Paystack of our own that outlives the server |
//! | [`books`] | whether what a dead server left behind adds up |
//! | [`cluster`] | a PostgreSQL of our own, to be killed and promoted |
//! | [`fleet`] | several servers on one database |
//! | [`sale`] | a sale that goes on while things break |
//! | [`proxy`] | what stands before a database that fails over |
//! | [`chance`] | random choices |
//! | [`promises`] | what a `box_office` said is done, and whether a file keeps it |
//! | [`bad_line`] | a line between two programs that goes bad and heals |
//! | [`strace`] | running a program under strace, and what it did to its files |
//! | [`trap`] | killing at a named moment of a talk over HTTP |
//! | [`proof`] | the table of what was injected and found |
//! | [`disk`] | what a power cut would leave of files |
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

pub mod bad_line;
pub mod books;
pub mod chance;
pub mod client;
pub mod cluster;
pub mod disk;
pub mod fleet;
pub mod payment_company;
pub mod people;
pub mod promises;
#[path = "../../ticketing-core/tests/support/proof.rs"]
pub mod proof;
pub mod proxy;
pub mod sale;
pub mod server;
pub mod strace;
pub mod trap;

/// A number that may be set in the environment, to test more than by default.
pub fn number(name: &str, default: usize) -> usize {
    match std::env::var(name) {
        Err(_) => default,
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}: a whole number is wanted, found {text:?}")),
    }
}
