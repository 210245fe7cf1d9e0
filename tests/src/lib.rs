//! What the tests of the whole have in common: a real server as a process of its own, and people who use it.
//!
//! | file | answers |
//! |---|---|
//! | [`server`] | starting, killing and looking into a server |
//! | [`client`] | one HTTP connection, and what a lost answer is |
//! | [`onlookers`] | honest people while somebody attacks, and what they get |
//! | [`users`] | who registers, makes events and buys |
//! | [`sandbox_gateway`] | the sandbox gateway in the test's own process: it outlives the server |
//! | [`stored_state`] | whether what a dead server left behind adds up |
//! | [`cluster`] | a PostgreSQL cluster that can be killed and promoted |
//! | [`fleet`] | several servers on one database |
//! | [`sale`] | a sale that goes on while things break |
//! | [`proxy`] | what stands before a database that fails over |
//! | [`port`] | ports for servers that are killed and started again |
//! | [`random`] | random choices |
//! | [`promises`] | what a `box_office` acknowledged, and whether a file keeps it |
//! | [`faulty_proxy`] | a network connection that breaks and recovers |
//! | [`strace`] | running a program under strace, and what it did to its files |
//! | [`breakpoints`] | killing a process at a named moment of an HTTP exchange |
//! | [`proof`] | the table of what was injected and found |
//! | [`disk`] | what a power cut would leave of files |
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

pub mod breakpoints;
pub mod client;
pub mod cluster;
pub mod disk;
pub mod faulty_proxy;
pub mod fleet;
pub mod onlookers;
pub mod port;
pub mod promises;
#[path = "../../ticketing-core/tests/support/proof.rs"]
pub mod proof;
pub mod proxy;
pub mod random;
pub mod sale;
pub mod sandbox_gateway;
pub mod server;
pub mod stored_state;
pub mod strace;
pub mod users;

/// Waits until no other test of this process holds it. For tests that load the machine for long or look at how long something takes:
/// two of them at once would only make each other slow.
pub async fn one_at_a_time() -> tokio::sync::MutexGuard<'static, ()> {
    static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    TURN.lock().await
}

/// A number that may be set in the environment, to test more than by default.
pub fn number(name: &str, default: usize) -> usize {
    match std::env::var(name) {
        Err(_) => default,
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} must be a whole number (got {text:?})")),
    }
}
