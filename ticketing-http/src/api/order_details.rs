//! What is known about an order, the terms of its event, and returns.

use super::Tag;
use super::conditional::{self, seen, tag};
use super::dto::body::Body;
use super::dto::holders::{OrderDetailsPatch, OrderDetailsView, TermsView};
use super::dto::path::{Id, Name};
use super::problems::{BODY, MEMBER, PARAMETERS, TOKEN, problems};
use super::purchaser::CallerOrGuest;
use super::state::ApiState;
use poem_openapi::param::{Header, Path};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};
use ticketing_core::Error;
use ticketing_core::domain::event::EventStatus;
use ticketing_core::domain::id::EventId;
use ticketing_core::domain::order_details::OrderDetails;

problems! {
    TermsProblems: PARAMETERS, &["not_found"];
    FindProblems: TOKEN, MEMBER, &["not_found"];
    EditProblems: BODY, TOKEN, MEMBER, &[
        "not_found", "precondition_required", "stale", "order_paid", "hold_expired", "order_cancelled",
    ];
}

#[derive(ApiResponse)]
enum Found {
    /// What is known about the order.
    #[oai(status = 200)]
    Found(Json<OrderDetailsView>, #[oai(header = "ETag")] String, #[oai(header = "Cache-Control")] String),
}

impl Found {
    fn of(details: &OrderDetails) -> Self {
        Self::Found(Json(details.into()), tag(details.version), "no-store".to_owned())
    }
}

pub(crate) struct Details(pub(crate) ApiState);

#[OpenApi(tag = "Tag::Orders")]
impl Details {
    /// Get an event's terms
    ///
    /// Whether its tickets can be transferred and returned, and what attendees are asked. For everybody, unless it is a draft.
    #[oai(path = "/events/:event_id/terms", method = "get", operation_id = "getEventTerms")]
    async fn terms(
        &self,
        /// The event's id.
        event_id: Path<Id>,
    ) -> Result<Json<TermsView>, TermsProblems> {
        let id: EventId = event_id.0.get("event_id")?.into();
        let event = self.0.ticketing.event(id).await?;
        if event.status == EventStatus::Draft {
            return Err(Error::NotFound("Event").into());
        }
        Ok(Json((&event).into()))
    }

    /// Get what is known about an order
    ///
    /// For the buyer, who does not see the note, and for the event's organiser. The `ETag` is the version.
    #[oai(path = "/orders/:reference/details", method = "get", operation_id = "getOrderDetails")]
    async fn find(
        &self,
        who: CallerOrGuest,
        /// The order's reference.
        #[oai(name = "reference")]
        order: Path<Name>,
    ) -> Result<Found, FindProblems> {
        Ok(Found::of(&self.0.ticketing.order_details(&who.0, &order.0.order()?).await?))
    }

    /// Edit what is known about an order
    ///
    /// The buyer may answer the event's questions while the order is held or paid, and name the attendees until it is paid. The event's
    /// organiser may do both at any time, and write a note that nobody else sees. A merge patch (RFC 7396), with `If-Match` as for the settings of an
    /// event: 412 `stale` if somebody else has edited it since.
    #[oai(path = "/orders/:reference/details", method = "patch", operation_id = "editOrderDetails")]
    async fn edit(
        &self,
        who: CallerOrGuest,
        /// The order's reference.
        #[oai(name = "reference")]
        order: Path<Name>,
        /// The `ETag` that was read, or `*`.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<OrderDetailsPatch>,
    ) -> Result<Found, EditProblems> {
        let if_match = conditional::required(if_match.0, "details")?;
        let (order, wants) = (order.0.order()?, body.0.into_wants()?);
        // Of several tags that were seen, the one that counts is that of the current version.
        let current = if if_match == "*" { 0 } else { self.0.ticketing.order_details(&who.0, &order).await?.version };
        let edited = self.0.ticketing.edit_order_details(&who.0, &order, seen(&if_match, current), wants).await;
        Ok(Found::of(&edited.map_err(conditional::refused)?))
    }
}
