//! Notices: what buyers are told when the date or the place of an event changes, and until when they may return their tickets.
//!
//! An edit writes the notice alone. It is due a while later, so that a correction replaces it, and upkeep then enqueues one mail for
//! each paid order. Edits never change a notice that exists: whether it was replaced is decided when it is due. So an edit waits for no
//! upkeep, and upkeep for no sale.

use super::event::{Event, EventPhase};
use super::id::{EventId, NoticeId, OrderId};
use super::order::Order;
use super::row::{Field, Kind, RowError, Sink, Source, required};
use super::table::{Lock, table};
use super::time_zone::TimeZoneName;
use super::wire_names::wire_names;
use super::working_set::WorkingSet;
use jiff::{SignedDuration, Timestamp};

mod expand;

pub use expand::ExpandNotices;

/// How long after the change the mails go out. A further change until then replaces the notice.
pub const NOTICE_DELAY: SignedDuration = SignedDuration::from_mins(10);

/// An order that was made up to this long after the change counts as made before it. Its buyer had the old date or place on the screen, or
/// its hold and the edit were on their way at the same time, each with its own idea of now.
pub const SEEN_BEFORE: SignedDuration = SignedDuration::from_mins(2);

/// How long tickets can be returned by default, where the start moved by more than [`RETURNS_FROM`] or the place changed.
pub const RETURNS_FOR: SignedDuration = SignedDuration::from_hours(3 * 24);

/// A start that moved by more than this opens returns by default.
pub const RETURNS_FROM: SignedDuration = SignedDuration::from_hours(24);

/// A notice of a changed date or place.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Notice {
    /// The notice's id.
    pub id: NoticeId,
    /// The event.
    pub event_id: EventId,
    /// The version of the event after the change.
    pub version: i64,
    /// What it was before. Of several changes that became one notice, before the first of them.
    pub before: DateAndPlace,
    /// Until when buyers may return unused tickets. `None` means never.
    pub refund_until: Option<Timestamp>,
    /// When it changed for the first time, of the changes that became this notice.
    pub first_at: Timestamp,
    /// When it changed. Orders that were made later than [`SEEN_BEFORE`] after it knew of it.
    pub changed_at: Timestamp,
    /// Whether the last change undid the earlier ones. Then only orders that were made in between are told.
    pub is_undone: bool,
    /// When its mails go out.
    pub due_at: Timestamp,
    /// The last order that got its mail. They get it in the order of their ids.
    pub last_order_id: Option<OrderId>,
    /// The status.
    pub status: NoticeStatus,
    /// When it last changed itself.
    pub updated_at: Timestamp,
}

table! {
    Notice in "notices", lock Lock::Rank(0);
    numbered id: NoticeId, event_id, version,
        before [old_starts_at, old_ends_at, old_time_zone, old_location, old_address],
        refund_until, first_at, changed_at, is_undone, due_at, last_order_id, status, updated_at;
    index BY_EVENT(event_id);
    index BY_VERSION(event_id, version) unique;
}

/// The status of a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NoticeStatus {
    /// Not every order has its mail yet.
    Waiting,
    /// Every order has its mail.
    Sent,
    /// A further change came before it was due, and its own notice tells of both.
    Replaced,
    /// The event was cancelled first, which its buyers are told instead.
    Dropped,
}

wire_names!(NoticeStatus {
    Waiting => "waiting",
    Sent => "sent",
    Replaced => "replaced",
    Dropped => "dropped",
});

/// When and where an event takes place.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct DateAndPlace {
    /// When it starts.
    pub starts_at: Timestamp,
    /// When it ends.
    pub ends_at: Option<Timestamp>,
    /// Where its clocks are.
    pub time_zone: TimeZoneName,
    /// The place, in one line.
    pub location: String,
    /// The postal address.
    pub address: Option<String>,
}

impl DateAndPlace {
    /// Whether it is another date or place. Another zone alone is neither: start and end are the same instants.
    pub fn differs(&self, other: &Self) -> bool {
        (self.starts_at, self.ends_at) != (other.starts_at, other.ends_at)
            || (&self.location, &self.address) != (&other.location, &other.address)
    }
}

impl From<&Event> for DateAndPlace {
    fn from(event: &Event) -> Self {
        Self {
            starts_at: event.starts_at,
            ends_at: event.ends_at,
            time_zone: event.time_zone.clone(),
            location: event.location.clone(),
            address: event.address.clone(),
        }
    }
}

impl Field for DateAndPlace {
    const KINDS: &'static [Kind] = &[Kind::Int, Kind::Int, Kind::Text, Kind::Text, Kind::Text];

    fn store(&self, to: &mut dyn Sink) {
        self.starts_at.store(to);
        self.ends_at.store(to);
        self.time_zone.store(to);
        self.location.store(to);
        self.address.store(to);
    }

    fn read(from: &mut dyn Source) -> Result<Option<Self>, RowError> {
        Ok(Some(Self {
            starts_at: required(from, "notices.old_starts_at")?,
            ends_at: required(from, "notices.old_ends_at")?,
            time_zone: required(from, "notices.old_time_zone")?,
            location: required(from, "notices.old_location")?,
            address: required(from, "notices.old_address")?,
        }))
    }
}

impl Notice {
    /// Whether the buyer of the order is told, if it is paid: it was made before the change.
    pub fn is_owed_to(&self, order: &Order) -> bool {
        order.created_at <= self.changed_at + SEEN_BEFORE && (!self.is_undone || order.created_at >= self.first_at)
    }

    /// Whether a further change came before it was due.
    fn is_replaced_by(&self, other: &Self) -> bool {
        !self.has_begun() && other.version > self.version && other.changed_at < self.due_at
    }

    /// Whether mails went out.
    fn has_begun(&self) -> bool {
        self.last_order_id.is_some() || self.status == NoticeStatus::Sent
    }
}

impl WorkingSet {
    /// The event's notices.
    pub fn notices_of(&self, event: EventId) -> impl Iterator<Item = &Notice> {
        self.notices.all(BY_EVENT, &event)
    }

    /// Whether another notice of its event tells of its change too.
    pub(crate) fn is_replaced(&self, notice: &Notice) -> bool {
        self.notices_of(notice.event_id).any(|other| notice.is_replaced_by(other))
    }

    /// Until when the order's tickets can be returned, or could be: the latest date that its buyer was given. Needs the notices of the
    /// event.
    pub(crate) fn returns_until(&self, order: &Order) -> Option<Timestamp> {
        let owed =
            self.notices_of(order.event_id).filter(|notice| notice.is_owed_to(order) && !self.is_replaced(notice));
        owed.filter_map(|notice| notice.refund_until).max()
    }

    /// Adds the notice of an edit, if it changes the date or the place of a published event. `returns` is the date that the organiser
    /// wishes. Needs the notices of the event.
    pub(crate) fn notice_edit(
        &mut self,
        now: Timestamp,
        before: &Event,
        after: &Event,
        returns: Option<Option<Timestamp>>,
    ) {
        if !needs_notice(before, after, now) {
            return;
        }
        let (was, is) = (DateAndPlace::from(before), DateAndPlace::from(after));
        // One that is not due yet, and that this one replaces.
        let pending = self
            .notices_of(after.id)
            .filter(|notice| notice.status == NoticeStatus::Waiting && !notice.has_begun() && now < notice.due_at)
            .max_by_key(|notice| notice.version)
            .cloned();
        let (first, first_at) = match &pending {
            Some(pending) => (pending.before.clone(), pending.first_at),
            None => (was.clone(), now),
        };
        let is_undone = !first.differs(&is);
        let refund_until = returns.unwrap_or_else(|| {
            // Where it is undone, only those are told who know what it was in between.
            let kept = pending.as_ref().filter(|_| !is_undone).and_then(|pending| pending.refund_until);
            kept.max(default_returns(if is_undone { &was } else { &first }, &is, now))
        });
        let id = NoticeId(self.notices.take_id());
        self.notices.insert(Notice {
            id,
            event_id: after.id,
            version: after.version,
            before: first,
            refund_until,
            first_at,
            changed_at: now,
            is_undone,
            due_at: now + NOTICE_DELAY,
            last_order_id: None,
            status: NoticeStatus::Waiting,
            updated_at: now,
        });
    }
}

/// Whether buyers must be told: another date or place of a published event that is not over.
pub(crate) fn needs_notice(before: &Event, after: &Event, now: Timestamp) -> bool {
    let is_on = |event: &Event| matches!(event.phase(now), EventPhase::Upcoming | EventPhase::Running);
    is_on(before) && is_on(after) && DateAndPlace::from(before).differs(&after.into())
}

/// Until when tickets can be returned unless the organiser says otherwise: not after the event has begun. Adding an address to a
/// place is no other place.
fn default_returns(was: &DateAndPlace, is: &DateAndPlace, now: Timestamp) -> Option<Timestamp> {
    let has_moved = is.starts_at.duration_since(was.starts_at).abs() > RETURNS_FROM;
    let is_elsewhere = was.location != is.location || (was.address.is_some() && was.address != is.address);
    (has_moved || is_elsewhere).then(|| (now + RETURNS_FOR).min(is.starts_at)).filter(|until| *until > now)
}
