//! Who comes with a ticket, and the organiser's list of them.

use super::Tag;
use super::bearer::Caller;
use super::conditional::{self, seen, tag};
use super::dto::attendee::{AttendeeEntryView, AttendeePatch, AttendeeView};
use super::dto::body::Body;
use super::dto::list::{List, cursor};
use super::dto::path::Id;
use super::dto::time::Time;
use super::problems::{BODY, MEMBER, PARAMETERS, TOKEN, problems};
use super::purchaser::CallerOrGuest;
use super::state::ApiState;
use crate::problem::Problem;
use poem::http::Uri;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};
use ticketing_core::domain::attendee::{Attendee, AttendeeFilter};
use ticketing_core::domain::event::Window;
use ticketing_core::domain::id::{EventId, PromoCodeId, TicketId, TicketTypeId};
use ticketing_core::domain::ticket::TicketStatus;

problems! {
    ListProblems: PARAMETERS, TOKEN, MEMBER, &["forbidden", "not_found"];
    FindProblems: PARAMETERS, TOKEN, MEMBER, &["not_found"];
    EditProblems: BODY, PARAMETERS, TOKEN, MEMBER, &[
        "not_found", "precondition_required", "stale", "ticket_not_valid", "too_many_resends",
    ];
}

#[derive(ApiResponse)]
enum Found {
    /// Who comes with the ticket.
    #[oai(status = 200)]
    Found(Json<AttendeeView>, #[oai(header = "ETag")] String, #[oai(header = "Cache-Control")] String),
}

impl Found {
    fn of(attendee: &Attendee) -> Self {
        Self::Found(Json(attendee.into()), tag(attendee.version), "no-store".to_owned())
    }
}

pub(crate) struct Attendees(pub(crate) ApiState);

#[OpenApi(tag = "Tag::Attendees")]
impl Attendees {
    /// List an event's attendees
    ///
    /// For its organiser, and members with `attendees`. One entry for each ticket that was issued, void tickets too: those of the newest
    /// order first. `Link` names the next page; a page may be shorter than `limit` although there is one. Tickets that are sold meanwhile
    /// move nothing to another page. The codes of tickets are not in the list.
    #[oai(path = "/events/:event_id/attendees", method = "get", operation_id = "listAttendees")]
    #[expect(clippy::too_many_arguments, reason = "one for each parameter of the query")]
    async fn list(
        &self,
        caller: Caller,
        uri: &Uri,
        /// The event's id.
        event_id: Path<Id>,
        /// A part of the name, of the address or of the order's reference, in any case; or the last six symbols of the ticket's code.
        q: Query<Option<String>>,
        /// The ticket type's id.
        ticket_type_id: Query<Option<i64>>,
        /// `active`, `used`, `refunded`, `cancelled` or `transferred`. Who is in has a `used` ticket, who has not come yet an `active`
        /// one.
        status: Query<Option<String>>,
        /// The payment gateway, or `cash`, `transfer` or `free`.
        paid_with: Query<Option<String>>,
        /// The id of a promo code that the order was made with.
        promo_code_id: Query<Option<i64>>,
        /// Orders that were made at this time or later.
        ordered_from: Query<Option<Time>>,
        /// Orders that were made before this time.
        ordered_until: Query<Option<Time>>,
        /// The cursor of the page, from `Link`.
        after: Query<Option<String>>,
        /// Page size, 1–1000 (default 100).
        limit: Query<Option<u32>>,
    ) -> Result<List<AttendeeEntryView>, ListProblems> {
        let id: EventId = event_id.0.get("event_id")?.into();
        let page = cursor(after.0.as_deref(), limit.0)?;
        let status = match status.0.as_deref() {
            None => None,
            Some(name) => Some(TicketStatus::from_name(name).ok_or_else(|| {
                let names: Vec<&str> = TicketStatus::ALL.iter().map(TicketStatus::name).collect();
                Problem::invalid_field("status", format!("must be one of {} (got {name})", names.join(", ")))
            })?),
        };
        let ordered = Window::new(ordered_from.0.map(|at| at.0), ordered_until.0.map(|at| at.0));
        let filter = AttendeeFilter::default()
            .with_text(q.0)
            .with_ticket_type_id(ticket_type_id.0.map(TicketTypeId))
            .with_status(status)
            .with_paid_with(paid_with.0)
            .with_promo_code_id(promo_code_id.0.map(PromoCodeId))
            .with_ordered(ordered);
        let found = self.0.ticketing.attendees(&caller.who(), id, filter, page).await?;
        Ok(List::by_cursor(found.map(AttendeeEntryView::from), page, uri, &self.0.settings))
    }

    /// Get who comes with a ticket
    ///
    /// For the holder, the buyer and the event's organiser. The `ETag` is the version.
    #[oai(path = "/attendees/:ticket_id", method = "get", operation_id = "getAttendee")]
    async fn find(
        &self,
        who: CallerOrGuest,
        /// The ticket's id.
        ticket_id: Path<Id>,
    ) -> Result<Found, FindProblems> {
        let id = TicketId(ticket_id.0.get("ticket_id")?);
        Ok(Found::of(&self.0.ticketing.attendee(&who.0, id).await?))
    }

    /// Say who comes with a ticket
    ///
    /// For the holder and the buyer, while the ticket is valid; for the event's organiser at any time. A merge patch (RFC 7396), with
    /// `If-Match` as for the settings of an event: 412 `stale` if somebody else has edited it since. The note is the organiser's, and
    /// nobody else sees it.
    #[oai(path = "/attendees/:ticket_id", method = "patch", operation_id = "editAttendee")]
    async fn edit(
        &self,
        who: CallerOrGuest,
        /// The ticket's id.
        ticket_id: Path<Id>,
        /// The `ETag` that was read, or `*`.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<AttendeePatch>,
    ) -> Result<Found, EditProblems> {
        let id = TicketId(ticket_id.0.get("ticket_id")?);
        let if_match = conditional::required(if_match.0, "attendee")?;
        let wants = body.0.into_wants()?;
        // Of several tags that were seen, the one that counts is that of the current version.
        let current = if if_match == "*" { 0 } else { self.0.ticketing.attendee(&who.0, id).await?.version };
        let edited = self.0.ticketing.edit_attendee(&who.0, id, seen(&if_match, current), wants).await;
        Ok(Found::of(&edited.map_err(conditional::refused)?))
    }
}
