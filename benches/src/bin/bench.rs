//! Runs a benchmark. It prints a table, and with `--save` also writes it as JSON and as a plot.

#![allow(clippy::print_stderr, reason = "reports what is skipped")]

use benches::Failure;
use benches::runs::cost::Cost;
use benches::runs::organiser::Organiser;
use benches::runs::overload;
use benches::runs::{engine, footprint, full, http, timing};
use benches::shop::{Kind, Shop};
use benches::table::Table;
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::time::Duration;

#[derive(Parser)]
#[command(about, version)]
struct Arguments {
    #[command(subcommand)]
    what: What,
    /// The database. Default: both.
    #[arg(long, global = true)]
    on: Option<Kind>,
    /// The duration of each measurement in seconds.
    #[arg(long, global = true, default_value_t = 5.0)]
    seconds: f64,
    /// The number of concurrent callers.
    #[arg(long, global = true, default_value_t = 256)]
    callers: usize,
    /// The folder for JSON and plots.
    #[arg(long, global = true)]
    save: Option<PathBuf>,
}

#[derive(Clone, Subcommand)]
enum What {
    /// Holds per second: of one hot event, of 100 events, and by a single caller.
    Holds,
    /// Complete sales per second: hold, attempt, checkout, settlement, ticket and mail row.
    Sales,
    /// Check-ins per second.
    CheckIns,
    /// Purchases and reads per second over HTTP with 64 connections, memory and start-up time.
    Http,
    /// All of these on a database with millions of tickets, compared with an empty one in the same run.
    Full(full::Full),
    /// Overload over HTTP: throughput, latency, rejections and recovery.
    Overload(overload::Overload),
    /// CPU time per sale by part, with all mails, against the bare pipeline and another build.
    Cost(Cost),
    /// An organiser's lists and exports of an event with many attendees.
    Organiser(Organiser),
    /// Start-up time and memory of a server.
    Footprint,
    /// Whether the time of an answer tells who has an account. Fails if it does.
    Timing,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments = Arguments::parse();
    let kinds = arguments.on.map_or(vec![Kind::Sqlite, Kind::Postgres], |kind| vec![kind]);
    for kind in kinds {
        let Some((name, table)) = measure(&arguments, kind).await? else {
            eprintln!("PostgreSQL is not installed: skipped");
            continue;
        };
        if let Some(folder) = &arguments.save {
            table.save(folder, &format!("{name}-{}", kind.name().to_lowercase()))?;
        }
    }
    Ok(())
}

/// `None` if the database is not installed.
async fn measure(arguments: &Arguments, kind: Kind) -> Result<Option<(&'static str, Table)>, Failure> {
    let (callers, lasting) = (arguments.callers, Duration::from_secs_f64(arguments.seconds));
    match &arguments.what {
        What::Full(full) => return Ok(full.run(kind, callers, lasting).await?.map(|table| ("full", table))),
        What::Overload(overload) => return Ok(overload.run(kind, lasting).await?.map(|table| ("overload", table))),
        What::Cost(cost) => return Ok(cost.run(kind, lasting).await?.map(|table| ("cost", table))),
        What::Organiser(of) => return Ok(of.run(kind).await?.map(|table| ("organiser", table))),
        What::Footprint => return Ok(footprint::footprint(kind, lasting).await?.map(|table| ("footprint", table))),
        What::Timing => return Ok(timing::timing(kind).await?.map(|table| ("timing", table))),
        What::Http => return Ok(http::http(kind, lasting).await?.map(|table| ("http", table))),
        What::Holds | What::Sales | What::CheckIns => {}
    }
    let Some(shop) = Shop::open(kind).await? else { return Ok(None) };
    let measured = match &arguments.what {
        What::Holds => ("holds", engine::holds(kind, &shop, callers, lasting).await?),
        What::Sales => ("sales", engine::sales(kind, &shop, callers, lasting).await?),
        _ => ("check-ins", engine::check_ins(kind, &shop, callers, lasting).await?),
    };
    shop.check().await?;
    Ok(Some(measured))
}
