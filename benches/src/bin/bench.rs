//! What can be measured. Each prints one table, and writes it as JSON and as a plot where `--save` says.

#![allow(clippy::float_arithmetic, reason = "figures are for people to look at")]
#![allow(clippy::print_stderr, reason = "says what is skipped")]

use benches::Failure;
use benches::company;
use benches::load::{self, Load};
use benches::measure::{Came, Measured, callers};
use benches::shop::{Kind, Shop, buyer, one_of, organizer};
use benches::table::{Line, Table};
use clap::{Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use ticketing_core::Ticketing;
use ticketing_core::domain::check_in::Scan;
use ticketing_core::domain::code::TicketCode;
use ticketing_core::domain::event::Event;
use ticketing_core::domain::payment::Settlement;
use ticketing_core::ticketing::PayOptions;
use ticketing_tests::client::Client;
use ticketing_tests::cluster::Cluster;
use ticketing_tests::server::Server;

#[derive(Parser)]
#[command(about, version)]
struct Arguments {
    #[command(subcommand)]
    what: What,
    /// On which database. Both, if it is not said.
    #[arg(long, global = true)]
    on: Option<Kind>,
    /// How long each figure is measured, in seconds.
    #[arg(long, global = true, default_value_t = 5.0)]
    seconds: f64,
    /// How many call at once.
    #[arg(long, global = true, default_value_t = 256)]
    callers: usize,
    /// Where to write JSON and plots.
    #[arg(long, global = true)]
    save: Option<PathBuf>,
}

#[derive(Clone, Copy, Subcommand)]
enum What {
    /// Places taken a second: of one hot event, of 100 events, and by a caller who is alone.
    Holds,
    /// Whole sales a second: hold, attempt, checkout, settlement, ticket and mail row.
    Sales,
    /// Tickets scanned a second.
    CheckIns,
    /// Purchases and reads a second over HTTP, with memory and start-up time; 64 connections.
    Http,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments = Arguments::parse();
    let kinds = arguments.on.map_or(vec![Kind::Sqlite, Kind::Postgres], |kind| vec![kind]);
    for kind in kinds {
        let Some(shop) = Shop::open(kind).await? else {
            eprintln!("PostgreSQL is not installed: left out");
            continue;
        };
        let lasting = Duration::from_secs_f64(arguments.seconds);
        let (name, table) = match arguments.what {
            What::Holds => ("holds", holds(kind, &shop, arguments.callers, lasting).await?),
            What::Sales => ("sales", sales(kind, &shop, arguments.callers, lasting).await?),
            What::CheckIns => ("check-ins", check_ins(kind, &shop, arguments.callers, lasting).await?),
            What::Http => ("http", http(kind, lasting).await?),
        };
        shop.check().await?;
        if let Some(folder) = &arguments.save {
            table.save(folder, &format!("{name}-{}", kind.name().to_lowercase()))?;
        }
    }
    Ok(())
}

/// The same so often in turn, so that what the machine does meanwhile meets both.
const ROUNDS: u32 = 3;

async fn naive_holds(shop: &Shop, events: &[Event], count: usize, lasting: Duration) -> Result<Measured, Failure> {
    let (naive, events) = (Arc::clone(&shop.naive), Arc::new(events.to_vec()));
    let call = move |caller: usize, number: u64| {
        let (naive, events) = (Arc::clone(&naive), Arc::clone(&events));
        async move {
            let event = &events[(caller + usize::try_from(number)?) % events.len()];
            Ok(if naive.hold(event, &format!("buyer-{caller}")).await? { Came::Done } else { Came::Refused })
        }
    };
    callers(count, lasting, call).await
}

async fn our_holds(shop: &Shop, events: &[Event], count: usize, lasting: Duration) -> Result<Measured, Failure> {
    let (engine, events) = (shop.engine.clone(), Arc::new(events.to_vec()));
    let call = move |caller: usize, number: u64| {
        let (engine, events) = (engine.clone(), Arc::clone(&events));
        async move {
            let event = &events[(caller + usize::try_from(number)?) % events.len()];
            engine.hold(&buyer(caller)?, one_of(event)).await?;
            Ok(Came::Done)
        }
    };
    callers(count, lasting, call).await
}

async fn holds(kind: Kind, shop: &Shop, count: usize, lasting: Duration) -> Result<Table, Failure> {
    let mut table = Table::new(format!("Holds a second, {}, {count} callers", kind.name()));
    for (what, events, count) in [
        (format!("one hot event, {count} callers"), 1, count),
        (format!("100 events, {count} callers"), 100, count),
        ("one event, one caller".to_owned(), 1, 1),
    ] {
        let events = shop.events(events, 500_000).await?;
        let round = lasting / ROUNDS;
        let mut naive = naive_holds(shop, &events, count, round).await?;
        let mut ours = our_holds(shop, &events, count, round).await?;
        for _ in 1..ROUNDS {
            naive.add(&naive_holds(shop, &events, count, round).await?)?;
            ours.add(&our_holds(shop, &events, count, round).await?)?;
        }
        table.rate(format!("{what}: one transaction each"), &naive, None);
        table.rate(format!("{what}: Ticketing"), &ours, Some(naive.rate()));
    }
    Ok(table)
}

/// From wish to ticket.
async fn sale(engine: &Ticketing, event: &Event, caller: usize) -> Result<TicketCode, Failure> {
    let buyer = buyer(caller)?;
    let started = engine.buy(&buyer, one_of(event), PayOptions::default()).await?;
    match engine.verify(&buyer.who, &started.attempt.reference).await? {
        Settlement::Fulfilled { tickets, .. } => Ok(tickets.first().ok_or("no ticket")?.code.clone()),
        other => Err(format!("not fulfilled: {other:?}").into()),
    }
}

async fn sales(kind: Kind, shop: &Shop, count: usize, lasting: Duration) -> Result<Table, Failure> {
    let mut table = Table::new(format!("Whole sales a second, {}", kind.name()));
    let mut baseline = None;
    for count in [1, count] {
        let event = Arc::new(shop.events(1, 500_000).await?.remove(0));
        let engine = shop.engine.clone();
        let call = move |caller, _| {
            let (engine, event) = (engine.clone(), Arc::clone(&event));
            async move { sale(&engine, &event, caller).await.map(|_| Came::Done) }
        };
        let measured = callers(count, lasting, call).await?;
        let what = if count == 1 { "one caller".to_owned() } else { format!("one hot event, {count} callers") };
        table.rate(what, &measured, baseline);
        baseline = Some(measured.rate());
    }
    Ok(table)
}

/// Tickets that wait to be scanned.
type Queue = Arc<Mutex<Vec<TicketCode>>>;

fn next(queue: &Queue) -> Result<TicketCode, Failure> {
    let code = queue.lock().unwrap_or_else(PoisonError::into_inner).pop();
    code.ok_or_else(|| "all tickets are scanned: fewer seconds are wanted".into())
}

async fn check_ins(kind: Kind, shop: &Shop, count: usize, lasting: Duration) -> Result<Table, Failure> {
    let mut table = Table::new(format!("Check-ins a second, {}", kind.name()));
    let queue: Queue = Arc::default();
    // Free tickets, 100 of each order: what is sold is not what is measured.
    let wanted = usize::try_from(lasting.as_millis())? * 25;
    let event = Arc::new(shop.events(1, 0).await?.remove(0));
    for number in 0..wanted.div_ceil(100) {
        let mut request = one_of(&event);
        request.lines[0].quantity = 100;
        let buyer = buyer(number)?;
        let started = shop.engine.buy(&buyer, request, PayOptions::default()).await?;
        let payment = shop.engine.payment(&buyer.who, &started.order.reference).await?;
        let codes = payment.tickets.into_iter().map(|ticket| ticket.code);
        queue.lock().unwrap_or_else(PoisonError::into_inner).extend(codes);
    }
    let naive = {
        let (naive, queue) = (Arc::clone(&shop.naive), Arc::clone(&queue));
        let call = move |_, _| {
            let (naive, queue) = (Arc::clone(&naive), Arc::clone(&queue));
            async move { if naive.check_in(&next(&queue)?).await? { Ok(Came::Done) } else { Err("not let in".into()) } }
        };
        callers(count, lasting / 2, call).await?
    };
    table.rate("one transaction each", &naive, None);
    let engine = shop.engine.clone();
    let call = move |caller, number| {
        let (engine, queue) = (engine.clone(), Arc::clone(&queue));
        async move {
            let nonce = format!("{caller}-{number}");
            engine.check_in(Scan { code: next(&queue)?, nonce, gate: None, by: organizer() }).await?;
            Ok(Came::Done)
        }
    };
    let ours = callers(count, lasting / 2, call).await?;
    table.rate("Ticketing", &ours, Some(naive.rate()));
    Ok(table)
}

const CONNECTIONS: usize = 64;

async fn http(kind: Kind, lasting: Duration) -> Result<Table, Failure> {
    let mut table = Table::new(format!("Over HTTP, {}, {CONNECTIONS} connections", kind.name()));
    let empty = empty_handler().await?;
    let empty = reads(empty, lasting).await?;
    table.rate("GET of an empty poem handler", &empty, None);

    let company = format!("http://{}", company::open().await?);
    let mut settings =
        vec![("PAYSTACK_SECRET_KEY", "sk_test_4f9d1c7be02a86538d71aa90c3"), ("PAYSTACK_BASE_URL", &company)];
    settings.push(("RUST_LOG", "warn"));
    settings.push(("JWT_SECRET_KEY", "b7f1c0d92e6a4853af0e61d7c94b28350fd9e1a6c47b8820"));
    let cluster = if kind == Kind::Postgres { Cluster::start() } else { None };
    let url = cluster.as_ref().map(|cluster| cluster.create("http"));
    if let Some(url) = &url {
        settings.push(("DATABASE_URL", url));
    }
    let mut server = Server::prepare(&settings);
    let started = server.restart().await;
    let figure = |what: &str, figure: f64, unit, note: &str| Line {
        what: what.to_owned(),
        figure,
        unit,
        ratio: None,
        p50_ms: None,
        p99_ms: None,
        note: note.to_owned(),
    };
    table.add(figure("start to first answer, empty database", started.as_secs_f64() * 1000.0, "ms", ""));
    table.add(figure("resident memory, idle", server.resident_mb().ok_or("no /proc")?, "MB", ""));
    let load =
        |kind| Load { server: server.address, kind, people: CONNECTIONS, lasting, pay_at: None, progress: false };
    let (purchases, reads) = (load(load::Kind::Purchases), load(load::Kind::Reads));
    let read = reads.run().await?;
    table.rate("GET /events/{id}", &read.measured, Some(empty.rate()));
    let bought = purchases.run().await?;
    table.rate("purchases (initialize + verify)", &bought.measured, None);
    table.add(figure("resident memory, after the load", server.resident_mb().ok_or("no /proc")?, "MB", ""));
    if !bought.wrong.is_empty() {
        return Err(bought.wrong.join("; ").into());
    }
    server.stop().await;
    Ok(table)
}

/// The least that a server of the same make does.
async fn empty_handler() -> Result<SocketAddr, Failure> {
    use ticketing_http::server::{Limits, serve};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let empty = poem::Route::new().at("/events/:id", poem::get(poem::endpoint::make_sync(|_| "")));
    tokio::spawn(serve(listener, empty, Limits::default(), std::future::pending()));
    Ok(address)
}

async fn reads(server: SocketAddr, lasting: Duration) -> Result<Measured, Failure> {
    let clients: Vec<_> = (0..CONNECTIONS).map(|_| Arc::new(tokio::sync::Mutex::new(Client::new(server)))).collect();
    let call = move |caller: usize, _| {
        let client = Arc::clone(&clients[caller]);
        async move {
            let answer = client.lock().await.get("/events/1", None).await;
            let answer = answer.map_err(|lost| format!("no answer: {}", lost.0))?;
            if answer.status == 200 { Ok(Came::Done) } else { Err(answer.in_words().into()) }
        }
    };
    callers(CONNECTIONS, lasting, call).await
}
