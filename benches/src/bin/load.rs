//! Puts load on a running server, then checks that its data is consistent. Only for test servers: it creates accounts, an event and,
//! with `purchases`, real orders.
//!
//! `cargo run --release -p benches --bin load -- --server 127.0.0.1:8000 purchases`

#![allow(clippy::print_stdout, reason = "the report is the output")]
#![allow(clippy::float_arithmetic, reason = "figures are for people to look at")]

use benches::Failure;
use benches::load::{Kind, Load};
use clap::Parser;
use std::net::SocketAddr;
use std::time::Duration;

/// Puts load on a running server, prints progress, then checks that the data is consistent.
///
/// It registers clients, creates an event and lets them read it or buy tickets, each over its own connection. Start the server with
/// `RATE_LIMIT_REQUESTS=0` and `MAX_CONNECTIONS_PER_ADDRESS` as large as the number of clients, and never use this against a
/// production server.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The kind of load.
    kind: Kind,
    /// The address of the server. Plain HTTP: load through TLS would measure the proxy.
    #[arg(long, default_value = "127.0.0.1:8000")]
    server: SocketAddr,
    /// The number of clients, each with its own connection.
    #[arg(long, default_value_t = 64)]
    people: usize,
    /// The duration in seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// The path at which clients pay, on the same server. Empty if the payment gateway captures the money by itself.
    #[arg(long, default_value = "/sandbox/paystack")]
    pay_at: String,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let Arguments { kind, server, people, seconds, pay_at } = Arguments::parse();
    let load = Load {
        server,
        kind,
        people,
        lasting: Duration::from_secs(seconds),
        pay_at: Some(pay_at).filter(|path| !path.is_empty()),
        progress: true,
    };
    let loaded = load.run().await?;
    let measured = &loaded.measured;
    println!("\n{} done, {:.0} per second, {} rejected", measured.done, measured.rate(), measured.refused);
    for percent in [50.0, 90.0, 99.0, 99.9] {
        println!("{percent:>5} % within {:.1} ms", measured.percentile(percent).as_secs_f64() * 1000.0);
    }
    if loaded.wrong.is_empty() {
        println!("The data is consistent.");
        return Ok(());
    }
    Err(loaded.wrong.join("; ").into())
}
