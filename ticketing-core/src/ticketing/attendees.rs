//! Who comes with a ticket, and the organiser's lists of attendees and orders.

use super::authorization::unless_known;
use super::checks::Checks;
use super::{Ticketing, refused};
use crate::domain::access::{Permission, is_theirs};
use crate::domain::attendee::{
    Attendee, AttendeeEntry, AttendeeFilter, AttendeeWants, EditAttendee, FindAttendee, ListAttendees,
};
use crate::domain::event::{Answers, Event, Question, Window};
use crate::domain::id::{EventId, TicketId, TicketTypeId};
use crate::domain::order::{OrderEntry, OrderSearch, OrderStatus, SearchOrders};
use crate::domain::page::{CursorPage, CursorRequest, MAX_PAGE};
use crate::domain::principal::Principal;
use crate::domain::refusal::Refusal;
use crate::error::{Error, Result};
use crate::storage::StorageExt as _;

/// The longest text that is looked for.
const MAX_TEXT: usize = 100;
/// The longest name of an attendee.
pub(super) const MAX_NAME: usize = 200;
/// The longest note of the organiser's.
pub(super) const MAX_NOTE: usize = 2000;

impl Ticketing {
    /// Lists the tickets of an event with who comes with them, void tickets too: those of the newest order first. Allowed for those who may
    /// see the attendees of the event. The entries have no codes.
    ///
    /// The page may have fewer entries than asked for although others follow: `next` says so.
    pub async fn attendees(
        &self,
        actor: &Principal,
        event_id: EventId,
        filter: AttendeeFilter,
        page: CursorRequest,
    ) -> Result<CursorPage<AttendeeEntry>> {
        let mut checks = Checks::default();
        check_search(&mut checks, filter.text.as_deref(), &filter.ordered, page);
        checks.done()?;
        let event = self.event(event_id).await?;
        let scope = self.scope_over(actor, Permission::Attendees, &event).await?;
        let text = trimmed(filter.text);
        let list = ListAttendees { scope, event_id, filter: AttendeeFilter { text, ..filter }, page };
        Ok(self.inner.storage.find(list).await?)
    }

    /// Lists the orders of an event, the newest first, whatever became of them. Allowed for those who may see its orders.
    pub async fn orders_of_event(
        &self,
        actor: &Principal,
        event_id: EventId,
        filter: OrderSearch,
        page: CursorRequest,
    ) -> Result<CursorPage<OrderEntry>> {
        let mut checks = Checks::default();
        check_search(&mut checks, filter.text.as_deref(), &filter.ordered, page);
        if let Some(status) = &filter.status {
            let is_known = OrderStatus::NAMES.contains(&status.as_str());
            checks.require("status", is_known, || {
                format!("must be one of {} (got {status})", OrderStatus::NAMES.join(", "))
            });
        }
        checks.done()?;
        let event = self.event(event_id).await?;
        let scope = self.scope_over(actor, Permission::Orders, &event).await?;
        let text = trimmed(filter.text);
        let search = SearchOrders { scope, event_id, filter: OrderSearch { text, ..filter }, page };
        Ok(self.inner.storage.find(search).await?)
    }

    /// What is known about who comes with a ticket; version 0 if nothing was ever set. Allowed for the holder and the buyer, who do not see
    /// the organiser's note, and for those who may see the attendees of the event. For others there is no such ticket.
    pub async fn attendee(&self, actor: &Principal, ticket_id: TicketId) -> Result<Attendee> {
        let access = self.access_to(actor, ticket_id).await?;
        Ok(access.visible(access.attendee.clone()))
    }

    /// Says who comes with a ticket, if what is known is still the version that was seen; `None` is any. What is so already is no change,
    /// so a repeat is harmless. The holder and the buyer may edit all but the note, while the ticket is valid; those who may see the
    /// attendees of the event, everything, at any time. For others there is no such ticket.
    ///
    /// Refusals: `stale` (with the current version), `ticket_not_valid`.
    pub async fn edit_attendee(
        &self,
        actor: &Principal,
        ticket_id: TicketId,
        seen: Option<i64>,
        wants: AttendeeWants,
    ) -> Result<Attendee> {
        let access = self.access_to(actor, ticket_id).await?;
        let (event, ticket_type) = (&access.event, access.ticket_type);
        let wants = AttendeeWants { name: wants.name.map(trimmed), note: wants.note.map(trimmed), ..wants };
        let mut checks = Checks::default();
        checks.optional_text("name", wants.name.as_ref().and_then(Option::as_deref), MAX_NAME);
        checks.optional_lines("note", wants.note.as_ref().and_then(Option::as_deref), MAX_NOTE);
        checks.require("note", wants.note.is_none() || access.is_staff(), || {
            "is the organiser's: the holder of a ticket cannot set it".to_owned()
        });
        check_answers(&mut checks, "answers", event, &wants.answers, |question| question.is_for(ticket_type));
        checks.done()?;
        let is_staff = access.is_staff();
        let edit = EditAttendee { ticket_id, actor: actor.clone(), scope: access.scope, seen, wants };
        let edited = self.inner.storage.apply_one(self.now(), edit).await?.map_err(|refusal| match refusal {
            // It was moved to somebody else at this moment.
            Refusal::TicketUnknown => Error::NotFound("Ticket"),
            refusal => refused(refusal),
        })?;
        Ok(if is_staff { edited } else { without_note(edited) })
    }

    async fn access_to(&self, actor: &Principal, ticket_id: TicketId) -> Result<Access> {
        let missing = || Error::NotFound("Ticket");
        let (ticket, order, known) = self.inner.storage.find(FindAttendee(ticket_id)).await?.ok_or_else(missing)?;
        let attendee = known.unwrap_or_else(|| Attendee::unknown(ticket.id, order.id, ticket.issued_at));
        let event = self.event(ticket.event_id).await?;
        let scope = match self.scope_over(actor, Permission::Attendees, &event).await {
            Ok(scope) => Some(scope),
            Err(_) if ticket.holder == *actor || (is_theirs(actor, &order) && order.is_holder_of(&ticket)) => None,
            Err(error) => return Err(unless_known(error, missing())),
        };
        Ok(Access { attendee, ticket_type: ticket.ticket_type_id, event, scope })
    }
}

/// What is known about an attendee, and as whom somebody sees it.
struct Access {
    attendee: Attendee,
    ticket_type: TicketTypeId,
    event: Event,
    /// `None`: the holder or the buyer.
    scope: Option<crate::domain::scope::Scope>,
}

impl Access {
    fn is_staff(&self) -> bool {
        self.scope.is_some()
    }

    fn visible(&self, attendee: Attendee) -> Attendee {
        if self.is_staff() { attendee } else { without_note(attendee) }
    }
}

fn without_note(attendee: Attendee) -> Attendee {
    Attendee { note: None, ..attendee }
}

/// A text without blanks around it. An empty one is none.
pub(super) fn trimmed(text: Option<String>) -> Option<String> {
    text.map(|text| crate::domain::text::composed(text.trim())).filter(|text| !crate::domain::text::is_blank(text))
}

/// Whether answers are to questions of the event that are asked here, and of their kind. An empty one takes an answer away.
pub(super) fn check_answers(
    checks: &mut Checks,
    field: &str,
    event: &Event,
    answers: &Answers,
    is_asked: impl Fn(&Question) -> bool,
) {
    for (key, answer) in &answers.0 {
        let question = event.terms.questions.iter().find(|question| question.key == *key);
        let own = format!("{field}.{key:.40}");
        match question.filter(|question| is_asked(question)) {
            None => checks.require(&own, false, || "is not asked here".to_owned()),
            Some(_) if answer.is_empty() => {}
            Some(question) => {
                let fault = question.fault(answer);
                checks.require(&own, fault.is_none(), || fault.unwrap_or_default());
            }
        }
    }
}

fn check_search(checks: &mut Checks, text: Option<&str>, ordered: &Window, page: CursorRequest) {
    checks.optional_text("q", text, MAX_TEXT);
    let CursorRequest { limit, .. } = page;
    checks.require("limit", (1..=MAX_PAGE).contains(&limit), || format!("must be 1–{MAX_PAGE} (got {limit})"));
    if let (Some(from), Some(until)) = (ordered.from, ordered.until) {
        checks.require("ordered_until", from < until, || "must be later than ordered_from".to_owned());
    }
}
