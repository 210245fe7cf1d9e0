//! The start-up time and the memory of a server.

use crate::Failure;
use crate::load::{self, Load};
use crate::runs::http::{CONNECTIONS, Databases, Services, prepare};
use crate::shop::Kind;
use crate::table::Table;
use std::time::Duration;
use ticketing_tests::server::Server;

const STARTS: usize = 10;
const IDLE: Duration = Duration::from_secs(60);

/// `None` if PostgreSQL is not installed.
pub async fn footprint(kind: Kind, lasting: Duration) -> Result<Option<Table>, Failure> {
    let Some(databases) = Databases::open(kind) else { return Ok(None) };
    let services = Services::open().await?;
    let mut table = Table::new(format!("Start and memory of a server, {}", kind.name()));
    let mut fresh = vec![];
    for number in 0..STARTS {
        let url = databases.create(&format!("fresh_{number}"));
        let mut server = prepare(url.as_deref(), &services);
        fresh.push(server.restart().await);
    }
    table.figure("start to first answer, empty database, median of 10", median(fresh), "ms");

    let url = databases.create("kept");
    let mut server = prepare(url.as_deref(), &services);
    server.restart().await;
    let mut again = vec![];
    for _ in 0..STARTS {
        server.stop().await;
        again.push(server.restart().await);
    }
    table.figure("start to first answer, database that is there, median of 10", median(again), "ms");
    table.figure("resident memory, started", resident(&server)?, "MB");
    tokio::time::sleep(IDLE).await;
    table.figure("resident memory, 60 s later", resident(&server)?, "MB");
    for (what, kind) in [("reads", load::Kind::Reads), ("purchases", load::Kind::Purchases)] {
        let load = Load { server: server.address, kind, people: CONNECTIONS, lasting, pay_at: None, progress: false };
        let running = tokio::spawn(async move { load.run().await });
        let mut most = 0.0_f64;
        while !running.is_finished() {
            most = most.max(resident(&server)?);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let loaded = running.await??;
        if !loaded.wrong.is_empty() {
            return Err(loaded.wrong.join("; ").into());
        }
        table.figure(format!("most resident memory, {CONNECTIONS} connections with {what}"), most, "MB");
    }
    tokio::time::sleep(Duration::from_secs(10)).await;
    table.figure("resident memory, 10 s after the load", resident(&server)?, "MB");
    server.stop().await;
    Ok(Some(table))
}

fn resident(server: &Server) -> Result<f64, Failure> {
    server.resident_mb().ok_or_else(|| "the system does not tell how much memory a process has".into())
}

/// In milliseconds.
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
}
