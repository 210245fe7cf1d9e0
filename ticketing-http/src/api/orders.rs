//! Orders: tickets that are held for a while.

use super::Tag;
use super::bearer::Session;
use super::dto::body::Body;
use super::dto::list::{List, page};
use super::dto::order::{OrderBody, OrderView};
use super::dto::path::Name;
use super::dto::payment::{CheckoutView, PayOrderBody, RefundView, ReturnBody};
use super::idempotency::reference;
use super::problems::{BODY, GATEWAY, KEYED, PARAMETERS, PLACES, TOKEN, problems};
use super::purchases::{self, expecting};
use super::state::ApiState;
use crate::problem::Problem;
use poem::Request;
use poem::http::Uri;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};
use ticketing_core::Error;
use ticketing_core::domain::code::Reference;
use ticketing_core::domain::id::TicketId;

problems! {
    HoldProblems: BODY, KEYED, TOKEN, PLACES;
    ListProblems: PARAMETERS, TOKEN;
    FindProblems: TOKEN, &["not_found"];
    PayProblems: BODY, KEYED, TOKEN, GATEWAY, &[
        "not_found", "hold_expired", "order_paid", "order_cancelled", "event_cancelled", "event_over", "key_reused",
    ];
    ReturnProblems: BODY, KEYED, TOKEN, &[
        "not_found", "return_not_open", "nothing_to_refund", "ticket_not_in_order", "ticket_not_valid", "refund_exceeds_paid",
        "key_reused",
    ];
    CancelProblems: TOKEN, &["not_found", "order_paid", "hold_expired", "payment_in_progress"];
}

#[derive(ApiResponse)]
enum Held {
    /// The order. Its tickets are held.
    #[oai(status = 201)]
    Created(Json<OrderView>, #[oai(header = "Location")] String),
}

#[derive(ApiResponse)]
enum Returned {
    /// The refund. The tickets are void; the money follows.
    #[oai(status = 201)]
    Created(Json<RefundView>),
}

pub(crate) struct Orders(pub(crate) ApiState);

#[OpenApi(tag = "Tag::Orders")]
impl Orders {
    /// Create an order (hold tickets)
    ///
    /// Holds all tickets or none. They are held until `expires_at`; pay before then.
    #[oai(path = "/orders", method = "post", operation_id = "createOrder")]
    async fn hold(&self, http: &Request, session: Session, body: Body<OrderBody>) -> Result<Held, HoldProblems> {
        let (request, total) = body.0.into_request();
        let request = expecting(&self.0, request.with_reference(reference(http, "order")), total).await?;
        let buyer = session.buyer();
        let has_code = request.promo_code.is_some();
        let order = purchases::begin(&self.0, http, &session, has_code, self.0.ticketing.hold(&buyer, request)).await?;
        Ok(Held::Created(Json((&order).into()), format!("/orders/{}", order.reference)))
    }

    /// List my orders
    ///
    /// Newest first.
    #[oai(path = "/orders", method = "get", operation_id = "listOrders")]
    async fn list(
        &self,
        session: Session,
        uri: &Uri,
        /// Number of items to skip.
        skip: Query<Option<u64>>,
        /// Page size, 1–1000 (default 100).
        limit: Query<Option<u32>>,
        /// Return the total count in `X-Total-Count`.
        count: Query<Option<bool>>,
    ) -> Result<List<OrderView>, ListProblems> {
        let request = page(skip.0, limit.0, count.0);
        let found = self.0.ticketing.orders(&session.who(), request).await?;
        Ok(List::new(found, request, uri, &self.0.settings, |order| (&order).into()))
    }

    /// Get an order
    #[oai(path = "/orders/:reference", method = "get", operation_id = "getOrder")]
    async fn find(
        &self,
        session: Session,
        /// The order's reference.
        reference: Path<Name>,
    ) -> Result<Json<OrderView>, FindProblems> {
        let order = self.0.ticketing.order(&session.who(), &known(&reference)?).await?;
        Ok(Json((&order).into()))
    }

    /// Pay an order
    ///
    /// May be called again for another attempt. If an order is paid twice, the second payment is refunded automatically.
    #[oai(path = "/orders/:reference/pay", method = "post", operation_id = "payOrder")]
    async fn pay(
        &self,
        http: &Request,
        session: Session,
        /// The order's reference.
        #[oai(name = "reference")]
        order: Path<Name>,
        body: Body<PayOrderBody>,
    ) -> Result<Json<CheckoutView>, PayProblems> {
        let options = body.0.into_options(&self.0.settings)?.with_reference(reference(http, "attempt"));
        let started = self.0.ticketing.pay(&session.who(), &known(&order)?, options).await;
        let started = started.map_err(|error| self.0.purchase_problem(error))?;
        Ok(Json(CheckoutView::new(started, &self.0.settings)))
    }

    /// Return tickets
    ///
    /// For the buyer, after the date or the place of the event has changed, until the date that the mail about it names. Only unused
    /// tickets of orders that were made before the change. They are void immediately; the money follows.
    #[oai(path = "/orders/:reference/returns", method = "post", operation_id = "returnTickets")]
    async fn give_back(
        &self,
        http: &Request,
        session: Session,
        /// The order's reference.
        #[oai(name = "reference")]
        order: Path<Name>,
        body: Body<ReturnBody>,
    ) -> Result<Returned, ReturnProblems> {
        let tickets = body.0.tickets.map(|ids| ids.into_iter().map(TicketId).collect());
        let key = reference(http, "return");
        let refund = self.0.ticketing.return_tickets(&session.who(), &known(&order)?, tickets, key).await?;
        Ok(Returned::Created(Json((&refund).into())))
    }

    /// Cancel an order
    ///
    /// Releases its tickets. Repeating the request has no further effect.
    #[oai(path = "/orders/:reference", method = "delete", operation_id = "cancelOrder")]
    async fn cancel(
        &self,
        session: Session,
        /// The order's reference.
        reference: Path<Name>,
    ) -> Result<Json<OrderView>, CancelProblems> {
        let order = self.0.ticketing.cancel_order(&session.who(), &known(&reference)?).await?;
        Ok(Json((&order).into()))
    }
}

/// A text that cannot be a reference belongs to no order: 404.
fn known(reference: &Path<Name>) -> Result<Reference, Problem> {
    reference.0.0.parse().map_err(|_| Error::NotFound("Order").into())
}
