//! Check-ins: ticket scans at the entrance, and how they are undone.

use super::attendee::Attendee;
use super::code::TicketCode;
use super::command::{Command, Query};
use super::event::{Answers, Event, EventStatus, Per, Required, refuse_without};
use super::id::{EventId, TicketId};
use super::load::LoadKeys;
use super::order_details::OrderDetails;
use super::principal::Principal;
use super::refusal::Refusal;
use super::row::json_fields;
use super::scope::Scope;
use super::table::{Lock, table};
use super::ticket::{self, Ticket, TicketStatus};
use super::working_set::WorkingSet;
use crate::setters::setters;
use jiff::Timestamp;

mod annul;

pub use annul::{ANNUL_WITHIN, AnnulScan};

/// A scan of a ticket at the entrance.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Scan {
    /// The code that was read.
    pub code: TicketCode,
    /// The scan's idempotency key, made by the scanner (1–100 characters). A repeat returns the same result and admits nobody
    /// else.
    pub nonce: String,
    /// Which entrance, if there are several.
    pub gate: Option<String>,
    /// The event that the entrance belongs to. A ticket of another event is refused, and stays unused. `None`: any event of the
    /// organiser's.
    pub event_id: Option<EventId>,
    /// Who scans.
    pub by: Principal,
    /// The events at whose doors this person stands. The ticket's event must be among them. `None`: those that the person runs.
    pub scope: Option<Scope>,
}

impl Scan {
    /// Creates a scan without a gate.
    pub fn new(code: TicketCode, nonce: impl Into<String>, by: impl Into<Principal>) -> Self {
        Self { code, nonce: nonce.into(), gate: None, event_id: None, by: by.into(), scope: None }
    }
}

setters!(Scan {
    with_gate => gate: impl Into<Option<String>>,
    with_event_id => event_id: impl Into<Option<EventId>>,
    with_scope => scope: impl Into<Option<Scope>>,
});

/// A scan that admitted somebody. A ticket has at most one that was not undone.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct CheckIn {
    /// The ticket.
    pub ticket_id: TicketId,
    /// The event.
    pub event_id: EventId,
    /// The scan's idempotency key.
    pub nonce: String,
    /// Which entrance, if the scanner said.
    pub gate: Option<String>,
    /// Who scanned.
    pub by: Principal,
    /// When it was scanned.
    pub at: Timestamp,
    /// When it was undone, if it was.
    #[serde(default)]
    pub annulled_at: Option<Timestamp>,
    /// The idempotency keys of all scans of this ticket that were undone. None of them admits anybody again.
    #[serde(default)]
    pub annulled: Vec<String>,
}

table! {
    CheckIn in "check_ins", lock Lock::Never;
    keyed ticket_id: TicketId, event_id, nonce, gate, by as Scanner [by_account, by_external, by_key], at, annulled_at, annulled;
    index BY_NONCE(nonce) unique;
}

json_fields!(Vec<String>);

impl WorkingSet {
    /// The check-in of this scan.
    pub fn check_in_by_nonce(&self, nonce: &str) -> Option<&CheckIn> {
        self.check_ins.find(BY_NONCE, &nonce.to_owned())
    }
}

/// Lets the holder of a ticket in, once. A repeat of the same scan gets the same answer.
impl Command for Scan {
    type Outcome = Result<CheckIn, Refusal>;
    const NAME: &'static str = "check_in";

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.find(ticket::BY_CODE, &self.code);
        load.find(BY_NONCE, &self.nonce);
        for ticket in rows.tickets.loaded(ticket::BY_CODE, &self.code) {
            load.row::<CheckIn>(&ticket.id);
            // Only looked at: the door does not wait for buyers.
            load.look::<Event>(&ticket.event_id);
            if rows.events.loaded_row(&ticket.event_id).is_some_and(asks_before_entry) {
                load.look::<Attendee>(&ticket.id);
                load.look::<OrderDetails>(&ticket.order_id);
            }
        }
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<CheckIn, Refusal> {
        let ticket = rows.ticket_by_code(&self.code).cloned();
        if let Some(earlier) = rows.check_in_by_nonce(&self.nonce) {
            let same = earlier.by.is_same(&self.by)
                && ticket.as_ref().is_some_and(|ticket| ticket.id == earlier.ticket_id)
                && self.event_id.is_none_or(|event_id| event_id == earlier.event_id);
            return match earlier.annulled_at {
                _ if !same => Err(Refusal::NonceReused),
                Some(annulled_at) => Err(Refusal::ScanAnnulled { annulled_at }),
                None => Ok(earlier.clone()),
            };
        }
        let ticket = ticket.ok_or(Refusal::TicketUnknown)?;
        let event = rows.events.get(&ticket.event_id).ok_or(Refusal::EventUnknown { event_id: ticket.event_id })?;
        // The event as it is in this transaction: it may have moved to another organiser meanwhile.
        let is_theirs = match &self.scope {
            Some(scope) => scope.covers(event),
            None => event.organizer == self.by,
        };
        if !is_theirs {
            return Err(Refusal::TicketForeign);
        }
        if self.event_id.is_some_and(|event_id| event_id != event.id) {
            return Err(Refusal::WrongEvent { event_id: event.id });
        }
        let earlier = rows.check_ins.get(&ticket.id);
        // A late repeat of an undone scan, which another scan has followed.
        if earlier.is_some_and(|earlier| earlier.annulled.contains(&self.nonce)) {
            return Err(Refusal::NonceReused);
        }
        match ticket.status {
            TicketStatus::Active if earlier.is_some_and(|earlier| earlier.annulled_at.is_none()) => {
                return Err(Refusal::TicketUsed {
                    used_at: earlier.map_or(ticket.updated_at, |earlier| earlier.at),
                    gate: earlier.and_then(|earlier| earlier.gate.clone()),
                });
            }
            TicketStatus::Active if event.status == EventStatus::Cancelled => return Err(Refusal::TicketCancelled),
            TicketStatus::Active => {}
            TicketStatus::Used => {
                return Err(Refusal::TicketUsed {
                    used_at: earlier.map_or(ticket.updated_at, |earlier| earlier.at),
                    gate: earlier.and_then(|earlier| earlier.gate.clone()),
                });
            }
            TicketStatus::Refunded => return Err(Refusal::TicketRefunded),
            TicketStatus::Cancelled => return Err(Refusal::TicketCancelled),
            TicketStatus::Transferred => return Err(Refusal::TicketTransferred),
        }
        if asks_before_entry(event) {
            is_answered(rows, event, &ticket)?;
        }

        let check_in = CheckIn {
            ticket_id: ticket.id,
            event_id: ticket.event_id,
            nonce: self.nonce.clone(),
            gate: self.gate.clone(),
            by: self.by.clone(),
            at: now,
            annulled_at: None,
            annulled: earlier.map_or(vec![], |earlier| earlier.annulled.clone()),
        };
        let is_again = earlier.is_some();
        rows.tickets.update(&ticket.id, |row| {
            row.status = TicketStatus::Used;
            row.updated_at = now;
        });
        if is_again {
            rows.check_ins.update(&ticket.id, |row| row.clone_from(&check_in));
        } else {
            rows.check_ins.insert(check_in.clone());
        }
        Ok(check_in)
    }
}

fn asks_before_entry(event: &Event) -> bool {
    event.questions_before(Required::BeforeEntry).next().is_some()
}

/// Whether everything is answered that must be before the ticket lets somebody in.
fn is_answered(rows: &WorkingSet, event: &Event, ticket: &Ticket) -> Result<(), Refusal> {
    let asked = || event.questions_before(Required::BeforeEntry);
    let nothing = Answers::default();
    let own = rows.attendees.get(&ticket.id).map_or(&nothing, |attendee| &attendee.answers);
    let of_order = rows.order_details.get(&ticket.order_id).map_or(&nothing, |details| &details.answers);
    let mut missing = own.missing(asked().filter(|question| question.is_for(ticket.ticket_type_id)));
    missing.extend(of_order.missing(asked().filter(|question| question.per == Per::Order)));
    refuse_without(missing)
}

/// Finds the check-in of a ticket, if it was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FindCheckIn(pub TicketId);

impl Query for FindCheckIn {
    type Found = Option<CheckIn>;
    const ONE_MOMENT: bool = false;

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        load.row::<CheckIn>(&self.0);
    }

    fn find(&self, rows: &WorkingSet) -> Option<CheckIn> {
        rows.check_ins.get(&self.0).cloned()
    }
}
