//! The same benchmarks on a database with millions of tickets.

use crate::Failure;
use crate::figures::{Queue, check_ins, holds, sales, tickets_to_scan};
use crate::fill;
use crate::load::{self, Load};
use crate::measure::{Came, Measured, callers, histogram};
use crate::runs::http::{CONNECTIONS, Services, prepare};
use crate::shop::{Kind, Shop, organizer};
use crate::table::Table;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
use ticketing_core::Ticketing;
use ticketing_core::Upkeep;
use ticketing_core::domain::code::{Reference, TicketCode};
use ticketing_core::domain::event::{Event, EventFilter};
use ticketing_core::domain::id::EventId;
use ticketing_core::domain::page::PageRequest;
use ticketing_core::domain::principal::Principal;
use ticketing_core::domain::scope::Scope;
use ticketing_core::storage::StorageExt as _;

/// Options.
#[derive(Clone, Debug, clap::Args)]
pub struct Full {
    /// The number of tickets in the full database.
    #[arg(long, default_value_t = 5_000_000)]
    tickets: u64,
    /// A database to keep, which is filled if it is empty: `sqlite:///tmp/full.db`, `postgres://…`. Default: a temporary one.
    #[arg(long)]
    at: Option<String>,
    /// Only fill it.
    #[arg(long, requires = "at")]
    only_fill: bool,
}

/// One of the two databases, and its measured calls.
struct Side {
    shop: Shop,
    hot: Event,
    queue: Queue,
    sold: Arc<Sold>,
}

/// The number of alternating rounds, so that other load on the machine affects both sides.
const ROUNDS: u32 = 3;
/// The number of concurrent readers.
const READERS: usize = 16;

impl Full {
    /// `None` if PostgreSQL is not installed.
    pub async fn run(&self, kind: Kind, count: usize, lasting: Duration) -> Result<Option<Table>, Failure> {
        let at = self.at.as_deref();
        if at.is_some_and(|url| url.starts_with("postgres") != (kind == Kind::Postgres)) {
            return Ok(None);
        }
        let mut table = Table::new(format!("With {} tickets in the database, {}", in_words(self.tickets), kind.name()));
        let began = Instant::now();
        let Some(full) = Shop::open_with(kind, at, self.tickets).await? else { return Ok(None) };
        table.figure("time to open it, filled", began.elapsed().as_secs_f64(), "s");
        if self.only_fill {
            return Ok(Some(table));
        }
        let empty = Side::prepare(full.beside().await?, lasting).await?;
        let full = Side::prepare(full, lasting).await?;
        let sides = [&empty, &full];
        quiet(&mut table, sides, lasting).await?;
        // First, before there are mails that the server would deliver in the meantime.
        http(&mut table, sides, lasting).await?;
        busy(&mut table, sides, count, lasting).await?;
        for side in sides {
            side.shop.check().await?;
        }
        empty.shop.remove(&full.shop).await?;
        Ok(Some(table))
    }
}

fn in_words(tickets: u64) -> String {
    if tickets.is_multiple_of(1_000_000) { format!("{} million", tickets / 1_000_000) } else { tickets.to_string() }
}

impl Side {
    async fn prepare(shop: Shop, lasting: Duration) -> Result<Self, Failure> {
        // Equally many events on both sides, so that their lists have the same length.
        let wanted = 201
            - shop
                .engine
                .events(&EventFilter::default(), PageRequest::default().with_limit(1000))
                .await?
                .items
                .len()
                .min(200);
        let hot = shop.events(wanted, 500_000).await?.remove(0);
        let queue = tickets_to_scan(&shop, usize::try_from(lasting.as_millis())? * 30).await?;
        // On the full side, check-ins for some of the old events.
        let doors = rows(&shop.url, "t.event_id between 95 and 98").await?;
        let codes = doors.into_iter().filter(|(who, _, _)| who.account().is_some()).map(|(_, _, code)| code);
        queue.lock().unwrap_or_else(PoisonError::into_inner).extend(codes);
        let step = (fill::tickets(&shop.url).await? / 20_000).max(1);
        let sold = rows(&shop.url, &format!("t.id % {step} = 0")).await?;
        let sold = Arc::new(sold);
        Ok(Self { shop, hot, queue, sold })
    }
}

/// Runs all of them in sequence, for a few rounds.
async fn both(
    table: &mut Table,
    what: &str,
    sides: [&Side; 2],
    measure: impl AsyncFn(&Side) -> Result<Measured, Failure>,
) -> Result<(), Failure> {
    let [empty, full] = sides;
    let (mut on_empty, mut on_full) = (measure(empty).await?, measure(full).await?);
    for _ in 1..ROUNDS {
        on_empty.add(&measure(empty).await?)?;
        on_full.add(&measure(full).await?)?;
    }
    table.rate(format!("{what}, empty"), &on_empty, None);
    table.rate(format!("{what}, full"), &on_full, Some(on_empty.rate()));
    Ok(())
}

/// Reads, while nobody buys.
#[derive(Clone, Copy)]
enum Look {
    Upkeep,
    Gauges,
    ForPeople,
    Event,
    Search,
    MyTickets,
    Payment,
    Ticket,
}

const LOOKS: [(&str, Look, usize); 8] = [
    ("upkeep with nothing due", Look::Upkeep, 1),
    ("gauges", Look::Gauges, 1),
    ("lists for people", Look::ForPeople, 1),
    ("an event", Look::Event, READERS),
    ("search in events", Look::Search, READERS),
    ("my tickets", Look::MyTickets, READERS),
    ("story of a payment", Look::Payment, READERS),
    ("a ticket by its code", Look::Ticket, READERS),
];

impl Look {
    async fn once(self, engine: &Ticketing, event: EventId, sold: &Sold, number: usize) -> Result<(), Failure> {
        let page = PageRequest::default().with_limit(20).with_count(true);
        let (who, reference, code) = &sold[number % sold.len()];
        match self {
            Self::Upkeep => drop(engine.run_upkeep(Upkeep::default()).await?),
            Self::Gauges => {
                engine.storage().gauges().await?;
            }
            Self::ForPeople => {
                drop(engine.storage().reviews(&Scope::own(&organizer()), page).await?);
                drop(engine.storage().dead_mails(&Scope::own(&organizer()), page).await?);
            }
            Self::Event => drop(engine.event(event).await?),
            Self::Search => {
                let filter = EventFilter::default().with_text("lagos".to_owned());
                drop(engine.events(&filter, page).await?);
            }
            Self::MyTickets => drop(engine.tickets(who, page).await?),
            Self::Payment => drop(engine.payment(who, reference).await?),
            Self::Ticket => drop(engine.ticket_by_code(code).await?),
        }
        Ok(())
    }
}

async fn looks(side: &Side, look: Look, count: usize, lasting: Duration) -> Result<Measured, Failure> {
    let (engine, event, sold) = (side.shop.engine.clone(), side.hot.id, Arc::clone(&side.sold));
    let call = move |caller: usize, number: u64| {
        let (engine, sold) = (engine.clone(), Arc::clone(&sold));
        async move {
            // Rows of neighbouring ids are neighbours on the disk: real readers are spread out.
            let number = (usize::try_from(number)? * READERS + caller) * 7919;
            look.once(&engine, event, &sold, number).await?;
            Ok(Came::Done)
        }
    };
    callers(count, lasting, call).await
}

async fn quiet(table: &mut Table, sides: [&Side; 2], lasting: Duration) -> Result<(), Failure> {
    for side in sides {
        // The mails of the prepared sales.
        while !side.shop.engine.run_upkeep(Upkeep::default()).await?.is_idle() {}
    }
    for (what, look, count) in LOOKS {
        both(table, what, sides, async |side| looks(side, look, count, lasting / ROUNDS).await).await?;
    }
    Ok(())
}

async fn busy(table: &mut Table, sides: [&Side; 2], count: usize, lasting: Duration) -> Result<(), Failure> {
    let round = lasting / ROUNDS;
    both(table, "holds of one hot event", sides, async |side| {
        holds(&side.shop, std::slice::from_ref(&side.hot), count, round).await
    })
    .await?;
    both(table, "whole sales of one hot event", sides, async |side| sales(&side.shop, &side.hot, count, round).await)
        .await?;
    both(table, "check-ins", sides, async |side| check_ins(&side.shop, &side.queue, count, round).await).await?;
    both(table, "mails, by passes of upkeep", sides, async |side| mails(&side.shop, round).await).await
}

/// Passes of upkeep that deliver mails; each mail counts as a call.
async fn mails(shop: &Shop, lasting: Duration) -> Result<Measured, Failure> {
    let (began, mut times, mut done) = (Instant::now(), histogram()?, 0);
    while began.elapsed() < lasting {
        let asked = Instant::now();
        let report = shop.engine.run_upkeep(Upkeep::default()).await?;
        if report.mails == 0 {
            return Err("all mails are delivered: measure for fewer seconds".into());
        }
        done += u64::try_from(report.mails)?;
        times.record(u64::try_from(asked.elapsed().as_nanos())?)?;
    }
    Ok(Measured::new(done, 0, began.elapsed(), times))
}

async fn http(table: &mut Table, sides: [&Side; 2], lasting: Duration) -> Result<(), Failure> {
    let services = Services::open().await?;
    for (what, kind) in [("GET /events/{id}", load::Kind::Reads), ("purchases", load::Kind::Purchases)] {
        let mut on_empty = None;
        for (side, name) in sides.iter().zip(["empty", "full"]) {
            let mut server = prepare(Some(&side.shop.url), &services);
            server.restart().await;
            let (people, server_at) = (CONNECTIONS, server.address);
            let load = Load { server: server_at, kind, people, lasting, pay_at: None, progress: false };
            let loaded = load.run().await?;
            if !loaded.wrong.is_empty() {
                return Err(loaded.wrong.join("; ").into());
            }
            table.rate(format!("over HTTP, {what}, {name}"), &loaded.measured, on_empty);
            on_empty = Some(loaded.measured.rate());
            server.stop().await;
        }
    }
    Ok(())
}

/// A buyer, the order, and the code of an unused ticket of it.
type Sold = Vec<(Principal, Reference, TicketCode)>;

/// Unused tickets.
async fn rows(url: &str, which: &str) -> Result<Sold, Failure> {
    let sql = AssertSqlSafe(format!(
        "select o.buyer_account, o.buyer_external, o.reference, t.code from tickets t join orders o on o.id = t.order_id \
        where t.status = 'active' and {which} limit 200000"
    ));
    let rows: Vec<(Option<i64>, Option<String>, String, String)> = if url.starts_with("postgres") {
        sqlx::query_as(sql).fetch_all(&mut PgConnection::connect(url).await?).await?
    } else {
        sqlx::query_as(sql).fetch_all(&mut SqliteConnection::connect(url).await?).await?
    };
    let found = rows.into_iter().map(|(account, external, reference, code)| {
        let who = match (account, external) {
            (Some(id), _) => Principal::Account(id.into()),
            (None, external) => Principal::External(external.unwrap_or_default()),
        };
        Ok((who, reference.parse()?, code.parse()?))
    });
    let mut found: Sold = found.collect::<Result<_, Failure>>()?;
    // In an order that matches no table and no index.
    found.sort_by(|(_, _, a), (_, _, b)| a.as_str().chars().rev().cmp(b.as_str().chars().rev()));
    Ok(found)
}
