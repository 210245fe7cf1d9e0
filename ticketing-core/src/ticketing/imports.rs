//! Importing attendees from a CSV file: each row is an order without a checkout.

use super::attendees::{MAX_NAME, check_answers, trimmed};
use super::box_office::MAX_NOTE;
use super::checks::Checks;
use super::{Ticketing, refused};
use crate::domain::access::Permission;
use crate::domain::attendee::NewAttendee;
use crate::domain::code::{Reference, Seed};
use crate::domain::event::{Answers, Event, TicketType};
use crate::domain::id::EventId;
use crate::domain::money::Money;
use crate::domain::order::{
    IssueLine, IssueOrder, IssueOrders, IssuePayment, Issued, MAX_IMPORT, MAX_TICKETS_PER_ORDER,
};
use crate::domain::payment::ManualMethod;
use crate::domain::principal::{Buyer, EmailAddress, Principal};
use crate::domain::scope::Scope;
use crate::domain::text;
use crate::error::{Error, Invalid, Result};
use crate::metrics;
use crate::setters::setters;
use crate::storage::StorageExt as _;

/// The largest file.
pub const MAX_IMPORT_BYTES: usize = 5 * 1024 * 1024;
/// The most faults that are listed.
const MAX_FAULTS: usize = 100;

/// How to import attendees.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportOptions {
    /// How the tickets are paid: `None` if they are free.
    pub paid: Option<ManualMethod>,
    /// Why the tickets are free, which must be said, or a note about the payments.
    pub note: Option<String>,
    /// Whether the tickets are mailed. Default: no.
    pub is_mailed: bool,
    /// Whether to find out only what is wrong with the file. Default: no.
    pub is_dry: bool,
}

impl ImportOptions {
    /// Free tickets, for this reason.
    pub fn free(reason: impl Into<String>) -> Self {
        Self { paid: None, note: Some(reason.into()), is_mailed: false, is_dry: false }
    }

    /// Tickets that were paid.
    pub fn paid(method: ManualMethod) -> Self {
        Self { paid: Some(method), note: None, is_mailed: false, is_dry: false }
    }
}

setters!(ImportOptions {
    with_note => note: impl Into<Option<String>>,
    with_is_mailed => is_mailed: bool,
    with_is_dry => is_dry: bool,
});

/// The outcome of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Imported {
    /// How many rows it has.
    pub rows: usize,
    /// How many tickets these are.
    pub tickets: usize,
    /// The orders, in the order of the rows. None in a dry run.
    pub orders: Vec<Issued>,
}

/// A row of the file.
struct Row {
    /// The line of the file that it begins in.
    line: u64,
    issue: IssueLine,
    email: Option<EmailAddress>,
    note: Option<String>,
}

impl Ticketing {
    /// Issues tickets from a CSV file (RFC 4180, in UTF-8): one order for each row, all of them or none. At most 5 MiB and 5,000 rows.
    ///
    /// The first row names the columns, in any order: `name`, `email`, `ticket_type` (may be left out if the event has one public type),
    /// `quantity` (default 1), `price` (of one ticket, in the event's currency; default: the price of the type), `note`, and the keys of
    /// questions that are asked for every ticket. The name, the address and the answers are those of the first ticket of a row.
    ///
    /// All that is wrong is listed, each with its line: [`Error::Invalid`], and nothing is issued. A repeat with the same file finds the same
    /// orders. Allowed for those who may issue orders of the event. As for [`issue_order`](Self::issue_order), capacity binds.
    pub async fn import_orders(
        &self,
        actor: &Principal,
        event_id: EventId,
        file: &[u8],
        options: ImportOptions,
    ) -> Result<Imported> {
        let event = self.event(event_id).await?;
        let scope = self.scope_over(actor, Permission::Orders, &event).await?;
        let has_note = options.note.as_deref().is_some_and(|note| !text::is_blank(note));
        let mut checks = Checks::default();
        checks.optional_text("note", options.note.as_deref(), MAX_NOTE);
        checks
            .require("note", options.paid.is_some() || has_note, || "is required: why the tickets are free".to_owned());
        checks.require("file", file.len() <= MAX_IMPORT_BYTES, || {
            format!("must be at most {MAX_IMPORT_BYTES} bytes (got {})", file.len())
        });
        checks.done()?;
        let rows = read(&event, file, options.paid.is_none())?;
        let tickets = rows.iter().map(|row| row.issue.quantity as usize).sum();
        let lines: Vec<u64> = rows.iter().map(|row| row.line).collect();
        let orders = self.orders_of_rows(actor, &event, &scope, file, rows, &options);
        let issue = IssueOrders { orders, is_dry: options.is_dry };
        let outcome = self.inner.storage.apply_one(self.now(), issue).await?;
        let orders: Vec<Issued> = outcome.map_err(|refused_rows| {
            let fault = |(at, refusal): (usize, crate::domain::refusal::Refusal)| {
                let line = lines.get(at).copied().unwrap_or_default();
                let message = refused(refusal).to_string();
                Invalid::new(format!("line {line}"), message)
            };
            Error::Invalid(refused_rows.into_iter().take(MAX_FAULTS).map(fault).collect())
        })?;
        let new = orders.iter().filter(|issued| issued.first);
        metrics::issued(new.map(|issued| issued.tickets.len()).sum());
        self.inner.upkeep_wakeup.notify_one();
        Ok(Imported { rows: lines.len(), tickets, orders })
    }

    fn orders_of_rows(
        &self,
        actor: &Principal,
        event: &Event,
        scope: &Scope,
        file: &[u8],
        rows: Vec<Row>,
        options: &ImportOptions,
    ) -> Vec<IssueOrder> {
        let seed = Seed::of_content(&[b"import", &event.id.0.to_be_bytes(), file]);
        let payment = options.paid.map_or(IssuePayment::Free, IssuePayment::Received);
        let order = |(number, row): (usize, Row)| {
            let reference = Reference::derived(&seed, &format!("row {number}"));
            let note = row.note.or_else(|| options.note.clone()).filter(|note| !text::is_blank(note));
            IssueOrder {
                attempt: Reference::derived(&Seed::of_reference(&reference), "issued attempt"),
                buyer: Buyer { who: Principal::Guest(reference.clone()), email: row.email },
                reference,
                event_id: event.id,
                lines: vec![row.issue],
                payment,
                note,
                is_mailed: options.is_mailed,
                actor: actor.clone(),
                scope: scope.clone(),
                seed: self.inner.random.seed(),
            }
        };
        rows.into_iter().enumerate().map(order).collect()
    }
}

/// The columns that every file may have.
const COLUMNS: &[&str] = &["name", "email", "ticket_type", "quantity", "price", "note"];

/// Reads all rows, or finds what is wrong with them.
fn read(event: &Event, file: &[u8], is_free: bool) -> Result<Vec<Row>> {
    let file = file.strip_prefix("\u{feff}".as_bytes()).unwrap_or(file);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(file);
    let headers = reader.headers().map_err(|error| unreadable(&error))?.clone();
    let asked: Vec<&str> = event.terms.questions.iter().map(|question| question.key.as_str()).collect();
    let mut wrong = vec![];
    let names: Vec<String> = headers.iter().map(|name| name.to_ascii_lowercase()).collect();
    for (at, name) in names.iter().enumerate() {
        if !COLUMNS.contains(&name.as_str()) && !asked.contains(&name.as_str()) {
            let known = COLUMNS.iter().chain(&asked).copied().collect::<Vec<_>>().join(", ");
            wrong.push(Invalid::new("line 1", format!("has a column that is not one of {known} (got {name:.50})")));
        } else if names[..at].contains(name) {
            wrong.push(Invalid::new("line 1", format!("has the column {name} twice")));
        }
    }
    if !wrong.is_empty() {
        return Err(Error::Invalid(wrong));
    }
    let mut rows = vec![];
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                wrong.push(fault_of(&error));
                break;
            }
        };
        let line = record.position().map_or(0, csv::Position::line);
        let cell = |name: &str| {
            let at = names.iter().position(|known| known == name)?;
            record.get(at).filter(|cell| !cell.is_empty())
        };
        match row(event, line, &cell, is_free) {
            Ok(row) => rows.push(row),
            Err(faults) => wrong.extend(faults),
        }
        if rows.len() > MAX_IMPORT {
            wrong.push(Invalid::new("file", format!("must have at most {MAX_IMPORT} rows")));
            break;
        }
        if wrong.len() >= MAX_FAULTS {
            break;
        }
    }
    if rows.is_empty() && wrong.is_empty() {
        wrong.push(Invalid::new("file", "must have a row besides the names of the columns"));
    }
    wrong.truncate(MAX_FAULTS);
    if wrong.is_empty() { Ok(rows) } else { Err(Error::Invalid(wrong)) }
}

fn row<'r>(
    event: &Event,
    line: u64,
    cell: &impl Fn(&str) -> Option<&'r str>,
    is_free: bool,
) -> std::result::Result<Row, Vec<Invalid>> {
    let mut checks = Checks::default();
    let field = format!("line {line}");
    let of_type = type_of(event, cell("ticket_type"));
    let ticket_type = match of_type {
        Ok(ticket_type) => Some(ticket_type),
        Err(message) => {
            checks.require(&field, false, || message);
            None
        }
    };
    let quantity = cell("quantity").unwrap_or("1");
    let quantity = quantity.parse::<u32>().ok().filter(|quantity| (1..=MAX_TICKETS_PER_ORDER).contains(quantity));
    checks.require(&field, quantity.is_some(), || {
        let found = cell("quantity").unwrap_or_default();
        format!("quantity must be 1–{MAX_TICKETS_PER_ORDER} (got {found:.30})")
    });
    let price = cell("price").map(|text| (text, Money::parse(text, event.currency)));
    let free_price = matches!(price, Some((_, Ok(price))) if !price.is_zero()) && is_free;
    checks.require(&field, !free_price, || "price must be left out: the tickets are free".to_owned());
    if let Some((text, Err(error))) = &price {
        checks.require(&field, false, || format!("price {error} (got {text:.30})"));
    }
    let email = cell("email").map(|text| (text, text.parse::<EmailAddress>()));
    if let Some((text, Err(error))) = &email {
        checks.require(&field, false, || format!("email {error} (got {text:.100})"));
    }
    let name = trimmed(cell("name").map(str::to_owned));
    checks.optional_text(&field, name.as_deref(), MAX_NAME);
    checks.optional_text(&field, cell("note"), MAX_NOTE);
    let answers = event
        .terms
        .questions
        .iter()
        .filter_map(|question| cell(&question.key).map(|answer| (question.key.clone(), answer.to_owned())));
    let answers = Answers(answers.collect());
    if let Some(ticket_type) = ticket_type {
        check_answers(&mut checks, &field, event, &answers, |question| question.is_for(ticket_type.id));
    }
    if let Err(Error::Invalid(faults)) = checks.done() {
        return Err(faults);
    }
    let email = email.and_then(|(_, email)| email.ok());
    let attendee = NewAttendee::default().with_name(name).with_answers(answers);
    let attendees = if attendee.is_empty() { vec![] } else { vec![attendee] };
    let price = price.and_then(|(_, price)| price.ok()).filter(|_| !is_free);
    let issue = IssueLine::new(ticket_type.map(|of| of.id), quantity.unwrap_or(1));
    let issue = issue.with_unit_price(price).with_attendees(attendees);
    Ok(Row { line, issue, email, note: cell("note").map(str::to_owned) })
}

/// The type with this name; without one, the only type that is public.
fn type_of<'e>(event: &'e Event, name: Option<&str>) -> std::result::Result<&'e TicketType, String> {
    let offered = || event.ticket_types.iter().filter(|of| of.removed_at.is_none());
    let names = || offered().map(|of| of.name.as_str()).collect::<Vec<_>>().join(", ");
    match name {
        Some(name) => offered()
            .find(|of| text::key(of.name.trim()) == text::key(name))
            .ok_or_else(|| format!("ticket_type must be one of {} (got {name:.100})", names())),
        None => {
            let mut public = event.public_types();
            match (public.next(), public.next()) {
                (Some(only), None) => Ok(only),
                _ => Err(format!("ticket_type is required: one of {}", names())),
            }
        }
    }
}

fn unreadable(error: &csv::Error) -> Error {
    Error::Invalid(vec![fault_of(error)])
}

fn fault_of(error: &csv::Error) -> Invalid {
    let line = error.position().map_or(1, csv::Position::line);
    let message = match error.kind() {
        csv::ErrorKind::Utf8 { .. } => "must be in UTF-8".to_owned(),
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("must have {expected_len} columns, like the first line (got {len})")
        }
        _ => "cannot be read as CSV".to_owned(),
    };
    Invalid::new(format!("line {line}"), message)
}
