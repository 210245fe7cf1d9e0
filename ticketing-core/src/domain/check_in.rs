//! Check-ins: scans that let somebody in.

use super::code::TicketCode;
use super::id::{EventId, TicketId};
use super::principal::Principal;
use crate::setters::setters;
use jiff::Timestamp;

/// A scan at the gate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Scan {
    /// What was read.
    pub code: TicketCode,
    /// Made by the scanner for this scan (1 to 100 characters). A repeat gets the same answer and lets nobody else in.
    pub nonce: String,
    /// Where, if the organiser has several.
    pub gate: Option<String>,
    /// Who scans: must be the event's organiser.
    pub by: Principal,
}

impl Scan {
    /// A scan without a gate.
    pub fn new(code: TicketCode, nonce: impl Into<String>, by: impl Into<Principal>) -> Self {
        Self { code, nonce: nonce.into(), gate: None, by: by.into() }
    }
}

setters!(Scan {
    with_gate => gate: impl Into<Option<String>>,
});

/// A scan that let somebody in. There is at most one of a ticket.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct CheckIn {
    /// Which ticket.
    pub ticket_id: TicketId,
    /// In to what.
    pub event_id: EventId,
    /// The scan's own name.
    pub nonce: String,
    /// Where.
    pub gate: Option<String>,
    /// Who scanned.
    pub by: Principal,
    /// When.
    pub at: Timestamp,
}
