//! A load on a running server, and whether it adds up afterwards. For servers that are there to be tried: it makes accounts,
//! an event and, with `purchases`, real orders.
//!
//! `cargo run --release -p benches --bin load -- --server 127.0.0.1:8000 purchases`

#![allow(clippy::print_stdout, reason = "the report is what this is for")]
#![allow(clippy::float_arithmetic, reason = "figures are for people to look at")]

use benches::Failure;
use benches::load::{Kind, Load};
use clap::Parser;
use std::net::SocketAddr;
use std::time::Duration;

/// Puts a load on a running server, tells how it goes, and whether it adds up afterwards.
///
/// It registers people, makes an event and lets them look or buy, each over a connection of their own. Start the server with
/// `RATE_LIMIT_REQUESTS=0`, and never point this at a shop that is open.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// What is done.
    kind: Kind,
    /// Where the server listens. Plain HTTP: a load through TLS measures the proxy.
    #[arg(long, default_value = "127.0.0.1:8000")]
    server: SocketAddr,
    /// How many people, each with a connection of their own.
    #[arg(long, default_value_t = 64)]
    people: usize,
    /// For how many seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Where people pay, on the same server. Empty where the payment service takes the money by itself.
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
    println!("\n{} done, {:.0} a second, {} sent away", measured.done, measured.rate(), measured.refused);
    for percent in [50.0, 90.0, 99.0, 99.9] {
        println!("{percent:>5} % within {:.1} ms", measured.percentile(percent).as_secs_f64() * 1000.0);
    }
    if loaded.wrong.is_empty() {
        println!("It adds up.");
        return Ok(());
    }
    Err(loaded.wrong.join("; ").into())
}
