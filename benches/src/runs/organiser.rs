//! The organiser's lists and exports of an event with many attendees.

use crate::Failure;
use crate::measure::{Measured, histogram};
use crate::shop::{Kind, Shop, organizer};
use crate::table::Table;
use jiff::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use ticketing_core::domain::attendee::{AttendeeFilter, NewAttendee};
use ticketing_core::domain::audit::Actor;
use ticketing_core::domain::code::Reference;
use ticketing_core::domain::event::Event;
use ticketing_core::domain::order::{IssueLine, IssueOrder, IssuePayment, OrderSearch};
use ticketing_core::domain::page::{Cursor, CursorRequest};
use ticketing_core::domain::payment::ManualMethod;
use ticketing_core::domain::principal::Buyer;
use ticketing_core::domain::scope::Scope;
use ticketing_core::domain::ticket::TicketStatus;
use ticketing_core::storage::StorageExt as _;
use ticketing_core::{CsvExport, ExportKind};
use ticketing_http::admin_commands;
use ticketing_http::config::{Database, ExportCommand, Secret};

/// Options.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Organiser {
    /// The number of attendees of the event.
    #[arg(long, default_value_t = 100_000)]
    attendees: usize,
    /// How often each list is read.
    #[arg(long, default_value_t = 200)]
    reads: usize,
}

/// The number of orders in one transaction.
const BATCH: usize = 200;

impl Organiser {
    /// `None` if PostgreSQL is not installed.
    pub async fn run(&self, kind: Kind) -> Result<Option<Table>, Failure> {
        let Some(shop) = Shop::open(kind).await? else { return Ok(None) };
        // Orders of two events in turn: an event is never alone in a database.
        let events = shop.events(2, 5000).await?;
        for event in &events {
            self.fill(&shop, event).await?;
        }
        let event = &events[0];
        let mut table = Table::new(format!("An event with {} attendees, {}", self.attendees, kind.name()));
        self.lists(&shop, event, &mut table).await?;
        exports(&shop, event, &mut table).await?;
        shop.check().await?;
        Ok(Some(table))
    }

    /// Two tickets in each order, with a name on the first.
    async fn fill(&self, shop: &Shop, event: &Event) -> Result<(), Failure> {
        let orders: Vec<usize> = (0..self.attendees / 2).collect();
        for numbers in orders.chunks(BATCH) {
            let issue = |number: &usize| -> Result<IssueOrder, Failure> {
                let reference: Reference = format!("bench-{}-{number}", event.id).parse()?;
                let named = NewAttendee::default().with_name(format!("Person Number {number}"));
                Ok(IssueOrder {
                    attempt: format!("paid-{}-{number}", event.id).parse()?,
                    buyer: Buyer::guest(reference.clone(), Some(format!("person-{number}@example.com").parse()?)),
                    reference,
                    event_id: event.id,
                    lines: vec![IssueLine::new(event.ticket_types[0].id, 2).with_attendees(vec![named])],
                    payment: IssuePayment::Received(ManualMethod::Cash),
                    note: None,
                    is_mailed: false,
                    actor: organizer(),
                    scope: Scope::own(&organizer()),
                    seed: ticketing_core::clock::Random::seed(&ticketing_core::clock::SystemRandom),
                })
            };
            let batch = numbers.iter().map(issue).collect::<Result<Vec<_>, _>>()?;
            for outcome in shop.engine.storage().apply_all(Timestamp::now(), batch).await? {
                outcome?;
            }
        }
        Ok(())
    }

    async fn lists(&self, shop: &Shop, event: &Event, table: &mut Table) -> Result<(), Failure> {
        let middle = self.cursor_in_the_middle(shop, event).await?;
        let all = AttendeeFilter::default;
        let page = CursorRequest::default;
        for (what, filter, page) in [
            ("attendees, first page of 100", all(), page()),
            ("attendees, a page in the middle", all(), page().with_after(middle)),
            ("attendees, a page of 1000", all(), page().with_limit(1000)),
            ("attendees, by a name that one has", all().with_text("number 12345".to_owned()), page()),
            ("attendees, by an address that nobody has", all().with_text("nobody@".to_owned()), page()),
            ("attendees, by the end of a code that nobody has", all().with_text("000000".to_owned()), page()),
            ("attendees, by a status that nobody has", all().with_status(TicketStatus::Refunded), page()),
            ("attendees, by a gateway that nobody used", all().with_paid_with("paystack".to_owned()), page()),
        ] {
            let read = async || {
                shop.engine.attendees(&organizer(), event.id, filter.clone(), page).await.map(|page| page.items.len())
            };
            table.rate(what, &self.repeated(read).await?, None);
        }
        for (what, filter) in [
            ("orders, first page of 100", OrderSearch::default()),
            ("orders, by a text that nobody has", OrderSearch::default().with_text("nobody@".to_owned())),
        ] {
            let read = async || {
                let page = CursorRequest::default();
                shop.engine
                    .orders_of_event(&organizer(), event.id, filter.clone(), page)
                    .await
                    .map(|page| page.items.len())
            };
            table.rate(what, &self.repeated(read).await?, None);
        }
        Ok(())
    }

    async fn repeated(&self, read: impl AsyncFn() -> ticketing_core::Result<usize>) -> Result<Measured, Failure> {
        let mut times = histogram()?;
        let began = Instant::now();
        for _ in 0..self.reads {
            let one = Instant::now();
            read().await?;
            times.record(u64::try_from(one.elapsed().as_nanos())?)?;
        }
        Ok(Measured::new(self.reads as u64, 0, began.elapsed(), times))
    }

    async fn cursor_in_the_middle(&self, shop: &Shop, event: &Event) -> Result<Cursor, Failure> {
        let mut page = CursorRequest::default().with_limit(1000);
        let mut seen = 0;
        loop {
            let found = shop.engine.attendees(&organizer(), event.id, AttendeeFilter::default(), page).await?;
            seen += found.items.len();
            let next = found.next.ok_or("there is a middle")?;
            if seen >= self.attendees / 2 {
                return Ok(next);
            }
            page = page.with_after(next);
        }
    }
}

async fn exports(shop: &Shop, event: &Event, table: &mut Table) -> Result<(), Failure> {
    let watch = Watch::begin();
    let began = Instant::now();
    let mut csv = CsvExport::new(shop.engine.export(&Actor::Operator, event.id, ExportKind::Attendees).await?);
    let mut bytes = 0;
    while let Some(piece) = csv.next_piece().await? {
        bytes += piece.len();
    }
    table.figure("export of all attendees as CSV", began.elapsed().as_secs_f64(), "s");
    table.figure("its size", bytes as f64 / 1e6, "MB");
    table.figure("more memory meanwhile", watch.end(), "MB");

    let database = match shop.url.strip_prefix("sqlite://") {
        Some(file) => Database::File(file.into()),
        None => Database::Postgres(Secret::new(shop.url.clone())),
    };
    let output = std::env::temp_dir().join(format!("ticketing-bench-{}.xlsx", std::process::id()));
    let command = ExportCommand {
        kind: ExportKind::Attendees,
        event_id: event.id,
        output: output.clone(),
        is_xlsx: true,
        is_plain: false,
    };
    let (watch, began) = (Watch::begin(), Instant::now());
    admin_commands::export(&database, &command).await.map_err(|error| error.to_string())?;
    table.figure("export of all attendees as XLSX", began.elapsed().as_secs_f64(), "s");
    table.figure("more memory meanwhile, with a connection of its own", watch.end(), "MB");
    Ok(std::fs::remove_file(output)?)
}

/// Looks how much memory this process has, all the time.
struct Watch {
    before: u64,
    most: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<()>,
}

impl Watch {
    fn begin() -> Self {
        let before = resident();
        let (most, is_over) = (Arc::new(AtomicU64::new(before)), Arc::new(AtomicBool::new(false)));
        let (to, stop) = (Arc::clone(&most), Arc::clone(&is_over));
        let thread = std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                to.fetch_max(resident(), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        Self { before, most, is_over, thread }
    }

    /// The most that it had more than at the beginning, in megabytes.
    fn end(self) -> f64 {
        self.is_over.store(true, Ordering::Relaxed);
        drop(self.thread.join());
        (self.most.load(Ordering::Relaxed) - self.before) as f64 / 1024.0
    }
}

/// In kilobytes; 0 where the system does not tell.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()).and_then(|kilobytes| kilobytes.parse().ok()).unwrap_or(0)
}
