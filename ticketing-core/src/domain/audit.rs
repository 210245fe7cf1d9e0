//! The audit log: what was decided, when, by whom and why. It is append-only.

use super::command::{Command, Query};
use super::event::Event;
use super::id::{AccountId, AuditId, EventId, OrganisationId};
use super::list::{Condition, List};
use super::load::LoadKeys;
use super::page::{Page, PageRequest};
use super::principal::Principal;
use super::row::{Field, Kind, RowError, Sink, Source};
use super::scope::Scope;
use super::subject::Subject;
use super::table::{Lock, table};
use super::working_set::WorkingSet;
use jiff::Timestamp;

/// An entry of the audit log: one decision.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct AuditLine {
    /// The entry's id. Later entries have higher ids.
    pub id: AuditId,
    /// When it was decided.
    pub at: Timestamp,
    /// What it is about.
    pub subject: Subject,
    /// Who decided.
    pub actor: Actor,
    /// What was done: a stable name such as `order.expired`.
    pub action: String,
    /// What of the subject it was done to: an attempt's reference, a refund's key.
    pub item: Option<String>,
    /// The status before.
    pub before: Option<String>,
    /// The status after.
    pub after: Option<String>,
    /// Why, for people to read.
    pub reason: String,
    /// The organisation that it happened to, if it happened to one. The line is in the audit log of the subject as well.
    #[serde(default)]
    pub organisation_id: Option<OrganisationId>,
}

/// Who decided.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Actor {
    /// The engine's rules.
    System,
    /// The payment gateway with this name, through what it reported.
    Gateway(String),
    /// A person.
    Person(Principal),
    /// The operator of the installation: a command on the server, or a call of the embedding application without an actor.
    Operator,
}

impl Actor {
    /// The account that acts, if it is one.
    pub fn account(&self) -> Option<AccountId> {
        match self {
            Self::Person(who) => who.account(),
            Self::System | Self::Gateway(_) | Self::Operator => None,
        }
    }
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::System => f.write_str("system"),
            Self::Gateway(name) => write!(f, "gateway {name}"),
            Self::Person(principal) => principal.fmt(f),
            Self::Operator => f.write_str("operator"),
        }
    }
}

table! {
    AuditLine in "audit", lock Lock::Never;
    numbered id: AuditId, at, subject [order_id, event_id, account_id], actor, action, item [subject], before, after, reason,
        organisation_id;
    index BY_ORDER(order_id);
    index BY_EVENT(event_id);
    index BY_ACCOUNT(account_id);
    index BY_ORGANISATION(organisation_id);
}

/// As JSON.
impl Field for Actor {
    const KINDS: &'static [Kind] = &[Kind::Text];

    fn store(&self, to: &mut dyn Sink) {
        // Names and ids are always JSON.
        to.text(Some(&serde_json::to_string(self).unwrap_or_default()));
    }

    fn read(from: &mut dyn Source) -> Result<Option<Self>, RowError> {
        from.text()?.map(|text| serde_json::from_str(&text).map_err(RowError::of)).transpose()
    }
}

/// What a line of the audit log says of a change.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Change<'a> {
    /// What was changed.
    pub(crate) item: Option<&'a str>,
    /// As it was.
    pub(crate) before: Option<&'a str>,
    /// As it is.
    pub(crate) after: Option<&'a str>,
    /// The organisation that it happened to.
    pub(crate) organisation: Option<OrganisationId>,
}

impl<'a> Change<'a> {
    /// `item` went from `before` to `after`.
    pub(crate) fn of(item: &'a str, before: &'a str, after: &'a str) -> Self {
        Self { item: Some(item), before: Some(before), after: Some(after), organisation: None }
    }

    /// The same, which happened to an organisation.
    pub(crate) fn in_organisation(self, organisation: impl Into<Option<OrganisationId>>) -> Self {
        Self { organisation: organisation.into(), ..self }
    }
}

impl WorkingSet {
    /// Adds a line to the audit log.
    pub(crate) fn record_audit(
        &mut self,
        now: Timestamp,
        about: impl Into<Subject>,
        actor: Actor,
        action: &str,
        reason: &str,
        change: Change<'_>,
    ) {
        let line = AuditLine {
            id: AuditId(self.audit.take_id()),
            at: now,
            subject: about.into(),
            actor,
            action: action.to_owned(),
            item: change.item.map(str::to_owned),
            before: change.before.map(str::to_owned),
            after: change.after.map(str::to_owned),
            reason: reason.to_owned(),
            organisation_id: change.organisation,
        };
        self.audit.insert(line);
    }

    /// Adds a line to the audit log of the organisation that runs an event, or ran it. Nothing if that is no organisation.
    pub(crate) fn record_event_of(
        &mut self,
        now: Timestamp,
        organizer: &Principal,
        event: EventId,
        actor: &Principal,
        action: &str,
    ) {
        let Some(id) = organizer.organisation() else { return };
        let item = format!("event {event}");
        let change = Change { item: Some(&item), ..Change::default() }.in_organisation(id);
        self.record_audit(now, event, Actor::Person(actor.clone()), action, "", change);
    }
}

/// Records that somebody exports a list of an event: personal data leaves the installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordExport {
    /// The event.
    pub event_id: EventId,
    /// What is exported.
    pub kind: &'static str,
    /// Who exports it.
    pub actor: Actor,
}

impl Command for RecordExport {
    type Outcome = ();
    const NAME: &'static str = "record_export";

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        load.look::<Event>(&self.event_id);
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) {
        if rows.events.get(&self.event_id).is_some() {
            let change = Change { item: Some(self.kind), ..Change::default() };
            rows.record_audit(now, self.event_id, self.actor.clone(), "event.exported", "", change);
        }
    }
}

/// Lists what was done to an event itself: edits, promo codes. The oldest first. Nothing if it is not in the scope. What was decided about
/// its payments is in their own history, and that it came to an organisation or left it, in the organisation's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListAuditOfEvent {
    /// What the caller may see.
    pub scope: Scope,
    /// The event.
    pub event_id: EventId,
    /// The page.
    pub page: PageRequest,
}

const OF_EVENT: &str = "audit of an event";

impl Query for ListAuditOfEvent {
    type Found = Page<AuditLine>;
    const ONE_MOMENT: bool = false;

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        let of_event = Condition::Is("event_id", self.event_id.value());
        let of_no_organisation = Condition::Unknown("organisation_id");
        let all = [of_event, of_no_organisation].into_iter().chain(self.scope.by_event("event_id"));
        load.list(List::of::<AuditLine>(OF_EVENT, all.collect()).page(self.page));
    }

    fn find(&self, rows: &WorkingSet) -> Page<AuditLine> {
        let page = rows.listed::<AuditId>(OF_EVENT);
        let items = page.items.iter().filter_map(|id| rows.audit.get(id)).cloned().collect();
        Page { items, more: page.more, total: page.total }
    }
}

/// Lists what happened to an organisation: it was founded and edited; its members, invitations and API keys; the events that came and left.
/// The oldest first. Nothing if the scope does not cover all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListAuditOfOrganisation {
    /// What the caller may manage.
    pub scope: Scope,
    /// The organisation.
    pub id: OrganisationId,
    /// The page.
    pub page: PageRequest,
}

const OF_ORGANISATION: &str = "audit of an organisation";

impl Query for ListAuditOfOrganisation {
    type Found = Page<AuditLine>;
    const ONE_MOMENT: bool = false;

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        if self.scope.covers_all_of(&Principal::Organisation(self.id)) {
            let of_organisation = vec![Condition::Is("organisation_id", self.id.value())];
            load.list(List::of::<AuditLine>(OF_ORGANISATION, of_organisation).page(self.page));
        }
    }

    fn find(&self, rows: &WorkingSet) -> Page<AuditLine> {
        let page = rows.listed::<AuditId>(OF_ORGANISATION);
        let items = page.items.iter().filter_map(|id| rows.audit.get(id)).cloned().collect();
        Page { items, more: page.more, total: page.total }
    }
}
