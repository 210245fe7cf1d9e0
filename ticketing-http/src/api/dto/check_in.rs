use super::body::body;
use super::field::{Faults, ReadField, wrong};
use super::json::Json;
use super::text::Text;
use super::time::Time;
use crate::problem::Problem;
use poem_openapi::{Enum, Object};
use ticketing_core::Error;
use ticketing_core::domain::check_in::{CheckIn, Scan};
use ticketing_core::domain::principal::Principal;

body! {
    /// A scan at the gate.
    struct CheckInBody {
        /// What was read, or typed: case, spaces and dashes make no difference.
        code: Text<1, 100>,
        /// Made by the scanner for this scan. A repeat gets the same answer and lets nobody else in.
        nonce: Text<1, 100>,
        /// Where, if there are several.
        gate: Option<Text<0, 100>>,
        /// Which way the holder goes. Only the way in is checked so far.
        direction: Option<Direction>,
    }
    example {"code": "7GQ4M-2T9XK-0VZ3B-R8N5C-WD1HYP", "nonce": "gate-1-000042", "gate": "north"}
}

/// Which way the holder of a ticket goes.
#[derive(Clone, Copy, Enum)]
#[oai(rename_all = "lowercase")]
pub(crate) enum Direction {
    /// In.
    In,
}

impl ReadField for Direction {
    fn read(json: Option<Json>, at: &str, faults: &mut Faults) -> Option<Self> {
        match json {
            Some(Json::Text(word)) if word == "in" => Some(Self::In),
            other => wrong(other, "in", at, faults),
        }
    }
}

impl CheckInBody {
    /// The scan, by whoever scans. What cannot be a code is the code of no ticket.
    pub(crate) fn into_scan(self, by: Principal) -> Result<Scan, Problem> {
        let Self { code, nonce, gate, direction: None | Some(Direction::In) } = self;
        let code = code.0.parse().map_err(|_| Problem::from(Error::NotFound("Ticket")))?;
        Ok(Scan::new(code, nonce.0, by).with_gate(gate.map(|gate| gate.0)))
    }
}

/// A scan that let somebody in.
#[derive(Object)]
pub(crate) struct CheckInView {
    /// `Checked in`
    message: String,
    /// Which ticket.
    ticket_id: i64,
    /// In to what.
    event_id: i64,
    /// The scan's own name.
    nonce: String,
    /// Where.
    #[oai(nullable)]
    gate: Option<String>,
    /// When. A repeat of the scan says when the first one was.
    checked_in_at: Time,
}

impl From<CheckIn> for CheckInView {
    fn from(check_in: CheckIn) -> Self {
        Self {
            message: "Checked in".to_owned(),
            ticket_id: check_in.ticket_id.0,
            event_id: check_in.event_id.0,
            nonce: check_in.nonce,
            gate: check_in.gate,
            checked_in_at: check_in.at.into(),
        }
    }
}
