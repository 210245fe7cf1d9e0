//! Exports: what an organiser downloads as a table. Read page by page, each in a short read of its own, so that the memory does not grow
//! with the number of rows, and nothing is open while nobody reads on.

mod cells;
#[cfg(feature = "csv")]
mod csv;

pub use cells::{Cell, ExportKind};
#[cfg(feature = "csv")]
pub use csv::CsvExport;

use super::Ticketing;
use crate::domain::access::Permission;
use crate::domain::attendee::{AttendeeFilter, ListAttendees};
use crate::domain::audit::{Actor, RecordExport};
use crate::domain::event::Event;
use crate::domain::id::EventId;
use crate::domain::order::{OrderSearch, SearchOrders};
use crate::domain::page::{Cursor, CursorRequest};
use crate::domain::scope::Scope;
use crate::error::{Error, Result};
use crate::storage::StorageExt as _;
use jiff::tz::TimeZone;

/// How many tickets or orders are read at once.
const PAGE: u32 = 500;

/// An export that is being read.
///
/// It is not of one moment: what changes while it is read is in it as it was when its page was read. Rows that are added after it was begun
/// are not in it, and no row is in it twice.
#[derive(Debug)]
pub struct Export {
    ticketing: Ticketing,
    scope: Scope,
    event: Event,
    kind: ExportKind,
    columns: Vec<String>,
    /// Where the next page begins; `None` at the end.
    from: Option<Option<Cursor>>,
    rows: u64,
}

impl Ticketing {
    /// Begins to export the attendees, orders, refunds or check-ins of an event. Allowed for those who may see its attendees or its orders,
    /// and for the [operator](Actor::Operator). It is a line of the audit log of the event.
    pub async fn export(&self, actor: &Actor, event_id: EventId, kind: ExportKind) -> Result<Export> {
        let event = self.event(event_id).await?;
        let permission = match kind {
            ExportKind::Attendees | ExportKind::CheckIns => Permission::Attendees,
            ExportKind::Orders | ExportKind::Refunds => Permission::Orders,
        };
        let scope = match actor {
            Actor::Person(who) => self.scope_over(who, permission, &event).await?,
            Actor::Operator => Scope::all(),
            Actor::System | Actor::Gateway(_) => return Err(Error::Forbidden("Only people export")),
        };
        let record = RecordExport { event_id, kind: kind.name(), actor: actor.clone() };
        self.inner.storage.apply_one(self.now(), record).await?;
        let columns = kind.columns_of(&event);
        Ok(Export { ticketing: self.clone(), scope, event, kind, columns, from: Some(None), rows: 0 })
    }
}

impl Export {
    /// The names of the columns. They are the same for every export of this kind; later versions may add some at the end. Attendees have one
    /// more for every question of the event that is asked for every ticket: `answer_` and its key.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The time zone of the event, which times in a table are written in.
    pub fn time_zone(&self) -> TimeZone {
        self.event.starts_at_local().time_zone().clone()
    }

    /// The event.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// How many rows were read so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// What is exported.
    pub fn kind(&self) -> ExportKind {
        self.kind
    }

    /// The next rows, each with a cell for every column. Some of them may be none. `None` at the end.
    pub async fn next_rows(&mut self) -> Result<Option<Vec<Vec<Cell>>>> {
        let Some(after) = self.from else { return Ok(None) };
        let page = CursorRequest { after, limit: PAGE };
        let (scope, event_id) = (self.scope.clone(), self.event.id);
        let storage = &self.ticketing.inner.storage;
        let (rows, next) = match self.kind {
            ExportKind::Attendees | ExportKind::CheckIns => {
                let list = ListAttendees { scope, event_id, filter: AttendeeFilter::default(), page };
                let found = storage.find(list).await?;
                (self.kind.of_attendees(&self.event, &found.items), found.next)
            }
            ExportKind::Orders | ExportKind::Refunds => {
                let search = SearchOrders { scope, event_id, filter: OrderSearch::default(), page };
                let found = storage.find(search).await?;
                (self.kind.of_orders(&self.event, &found.items), found.next)
            }
        };
        self.from = next.map(Some);
        self.rows += rows.len() as u64;
        Ok(Some(rows))
    }
}
