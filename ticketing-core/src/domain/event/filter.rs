//! Which events to list, and in which order.

use super::EventPhase;
use crate::domain::id::EventId;
use crate::domain::principal::Principal;
use crate::domain::scope::Scope;
use crate::setters::setters;
use jiff::Timestamp;

/// Which events to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventFilter {
    /// In the category with this name, in any case and spelling.
    pub category: Option<String>,
    /// With this text in the title, the location or the description, in any case and spelling.
    pub text: Option<String>,
    /// Starting at or after this.
    pub from: Option<Timestamp>,
    /// Starting before this.
    pub to: Option<Timestamp>,
    /// Run by this organiser.
    pub organizer: Option<Principal>,
    /// Among these events only. Drafts are listed with a scope only, whatever else is asked for.
    pub scope: Option<Scope>,
    /// Whether to include cancelled events. Default: no.
    pub with_cancelled: bool,
    /// Whether to include drafts, which needs a [`scope`](Self::scope). Default: no.
    pub with_drafts: bool,
    /// In this phase at this time, whatever the two fields above say. Default: in any phase.
    pub phase: Option<(EventPhase, Timestamp)>,
    /// The dates of this series.
    pub series: Option<EventId>,
    /// The sort order. Default: by id.
    pub sort: EventSort,
}

setters!(EventFilter {
    with_category => category: impl Into<Option<String>>,
    with_text => text: impl Into<Option<String>>,
    with_from => from: impl Into<Option<Timestamp>>,
    with_to => to: impl Into<Option<Timestamp>>,
    with_organizer => organizer: impl Into<Option<Principal>>,
    with_scope => scope: impl Into<Option<Scope>>,
    with_cancelled => with_cancelled: bool,
    with_drafts => with_drafts: bool,
    with_phase => phase: impl Into<Option<(EventPhase, Timestamp)>>,
    with_series => series: impl Into<Option<EventId>>,
    with_sort => sort: EventSort,
});

/// The sort order of events. Ties are broken by id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventSort {
    /// By id: the oldest event first.
    #[default]
    Id,
    /// By start: the earliest first.
    Date,
    /// By start: the latest first.
    DateDescending,
    /// By title, in code-point order.
    Title,
}
