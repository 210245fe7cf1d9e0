//! Attacks on a real server, each with a look at what honest people get meanwhile. What is asserted is what they are answered; how
//! long it takes is printed, because it depends on the machine.
//!
//! | file | attack |
//! |---|---|
//! | `sandbox` | to pay without money |
//! | `log_in` | to guess passwords, and to keep others from logging in |
//! | `connections` | to take every connection |
//! | `large_answers` | to fill the memory with answers that nobody reads |
//! | `headers` | to seem to be somebody else, by what a request says of itself |
//! | `traces` | to read what lies around, and to leave no trace |
//!
//! `ABUSE_PEOPLE`, `ABUSE_CONNECTIONS`, `ABUSE_SILENT` and `ABUSE_EVENTS` make them larger.

mod connections;
mod headers;
mod large_answers;
mod log_in;
mod sandbox;
mod traces;

use ticketing_tests::cluster::Cluster;
use ticketing_tests::server::Server;

/// A server on each database that is installed, one after the other.
async fn on_each_database(settings: &[(&str, &str)], attack: impl AsyncFn(&Server, &str)) {
    attack(&Server::start(settings).await, "SQLite").await;
    let Some(cluster) = Cluster::start() else { return };
    let url = cluster.create("shop");
    let more = [("DATABASE_URL", url.as_str()), ("JWT_SECRET_KEY", "the same 32 bytes for every server here")];
    attack(&Server::start(&[settings, &more].concat()).await, "PostgreSQL").await;
}
