//! Check-ins: ticket scans at the entrance.

use super::code::TicketCode;
use super::id::{EventId, TicketId};
use super::principal::Principal;
use crate::setters::setters;
use jiff::Timestamp;

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
    /// Who scans. Must be the event's organiser.
    pub by: Principal,
}

impl Scan {
    /// Creates a scan without a gate.
    pub fn new(code: TicketCode, nonce: impl Into<String>, by: impl Into<Principal>) -> Self {
        Self { code, nonce: nonce.into(), gate: None, by: by.into() }
    }
}

setters!(Scan {
    with_gate => gate: impl Into<Option<String>>,
});

/// A scan that admitted somebody. A ticket has at most one.
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
}
