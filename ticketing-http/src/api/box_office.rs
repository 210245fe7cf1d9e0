//! Selling without a checkout, and an event's orders for its organiser.

use super::Tag;
use super::bearer::Caller;
use super::dto::body::Body;
use super::dto::box_office::{EventOrderView, IssueBody, IssuedView, RecordPaymentBody, RecordedView, ResendBody};
use super::dto::list::{List, cursor};
use super::dto::path::{Id, Name};
use super::dto::payment::RefundView;
use super::dto::time::Time;
use super::idempotency::reference;
use super::mails::MailView;
use super::problems::{BODY, KEYED, MEMBER, PARAMETERS, TOKEN, problems};
use super::purchaser::CallerOrGuest;
use super::state::ApiState;
use crate::problem::Problem;
use poem::Request;
use poem::http::Uri;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};
use ticketing_core::Error;
use ticketing_core::domain::access::Permission;
use ticketing_core::domain::event::Window;
use ticketing_core::domain::id::{EventId, PromoCodeId, RefundId};
use ticketing_core::domain::order::OrderSearch;

problems! {
    ListProblems: PARAMETERS, TOKEN, MEMBER, &["forbidden", "not_found"];
    IssueProblems: BODY, PARAMETERS, KEYED, TOKEN, MEMBER, &[
        "forbidden", "not_found", "event_draft", "event_cancelled", "event_over", "ticket_type_unknown", "sold_out", "total_too_large",
        "key_reused",
    ];
    RecordProblems: BODY, KEYED, TOKEN, MEMBER, &[
        "not_found", "forbidden", "order_paid", "sold_out", "buyer_unnamed", "event_draft", "event_cancelled", "event_over", "key_reused",
    ];
    RecordRefundProblems: PARAMETERS, KEYED, TOKEN, MEMBER, &["not_found", "refund_in_progress"];
    ResendProblems: BODY, KEYED, TOKEN, MEMBER, &[
        "not_found", "forbidden", "too_many_resends", "no_valid_tickets", "buyer_unnamed",
    ];
}

#[derive(ApiResponse)]
enum Made {
    /// The order, with its tickets.
    #[oai(status = 201)]
    Created(Json<IssuedView>, #[oai(header = "Location")] String),
}

pub(crate) struct BoxOffice(pub(crate) ApiState);

#[OpenApi(tag = "Tag::Orders")]
impl BoxOffice {
    /// List an event's orders
    ///
    /// For its organiser, and members with `orders`. Newest first, whatever became of them. `Link` names the next page. Orders that are
    /// made meanwhile move nothing to another page.
    #[oai(path = "/events/:event_id/orders", method = "get", operation_id = "listEventOrders")]
    #[expect(clippy::too_many_arguments, reason = "one for each parameter of the query")]
    async fn list(
        &self,
        caller: Caller,
        uri: &Uri,
        /// The event's id.
        event_id: Path<Id>,
        /// A part of the buyer's address, of the reference or of an attendee's name, in any case.
        q: Query<Option<String>>,
        /// `held`, `paid`, `expired` or `cancelled`
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
    ) -> Result<List<EventOrderView>, ListProblems> {
        let id: EventId = event_id.0.get("event_id")?.into();
        let page = cursor(after.0.as_deref(), limit.0)?;
        let ordered = Window::new(ordered_from.0.map(|at| at.0), ordered_until.0.map(|at| at.0));
        let filter = OrderSearch::default()
            .with_text(q.0)
            .with_status(status.0)
            .with_paid_with(paid_with.0)
            .with_promo_code_id(promo_code_id.0.map(PromoCodeId))
            .with_ordered(ordered);
        let found = self.0.ticketing.orders_of_event(&caller.who(), id, filter, page).await?;
        Ok(List::by_cursor(found.map(EventOrderView::from), page, uri, &self.0.settings))
    }

    /// Make an order without a checkout
    ///
    /// For the event's organiser, and members with `orders`: free tickets, tickets that were paid in cash or by a bank transfer, or places
    /// that are kept until somebody pays. Unless it is paid later, its tickets are issued at once. Sales windows, pauses, limits and secret
    /// types do not bind you. Capacity does. Repeating the request makes one order.
    #[oai(path = "/events/:event_id/orders", method = "post", operation_id = "issueOrder")]
    async fn issue(
        &self,
        http: &Request,
        caller: Caller,
        /// The event's id.
        event_id: Path<Id>,
        body: Body<IssueBody>,
    ) -> Result<Made, IssueProblems> {
        let (id, who): (EventId, _) = (event_id.0.get("event_id")?.into(), caller.who());
        let event = self.0.ticketing.event_for(&who, id, Permission::Orders).await?;
        let request = body.0.into_request(id, event.currency)?.with_reference(reference(http, "issued order"));
        let issued = self.0.ticketing.issue_order(&who, request).await?;
        let location = format!("/payments/{}", issued.order.reference);
        Ok(Made::Created(Json((&issued).into()), location))
    }

    /// Record a payment
    ///
    /// For the event's organiser, and members with `orders`: the money for an unpaid order was received in cash or by a bank transfer. Its
    /// tickets are issued. An order that has expired or was cancelled gets them if the places are still free. Repeating the request records
    /// one payment.
    #[oai(path = "/orders/:reference/record-payment", method = "post", operation_id = "recordPayment")]
    async fn record_payment(
        &self,
        http: &Request,
        caller: Caller,
        /// The order's reference.
        #[oai(name = "reference")]
        order: Path<Name>,
        body: Body<RecordPaymentBody>,
    ) -> Result<Json<RecordedView>, RecordProblems> {
        let (order, who) = (order.0.order()?, caller.who());
        let currency = self.0.ticketing.payment(&who, &order).await.map_err(as_order)?.order.total.currency();
        let received = body.0.into_received(currency)?.with_reference(reference(http, "recorded payment"));
        let settlement = self.0.ticketing.record_payment(&who, &order, received).await?;
        Ok(Json(RecordedView::new(&settlement).ok_or_else(Problem::internal)?))
    }

    /// Record that a refund was paid back
    ///
    /// For the event's organiser, and members with `orders`: a refund of a payment in cash or by a bank transfer, or one that the payment
    /// gateway gave up, was paid back by hand. Repeating the request has no further effect.
    #[oai(path = "/payments/:reference/refunds/:refund_id/record", method = "post", operation_id = "recordRefund")]
    async fn record_refund(
        &self,
        caller: Caller,
        /// The payment's reference, or its order's.
        #[oai(name = "reference")]
        payment: Path<Name>,
        /// The refund's id.
        refund_id: Path<Id>,
    ) -> Result<Json<RefundView>, RecordRefundProblems> {
        let id = RefundId(refund_id.0.get("refund_id")?);
        let payment = payment.0.0.parse().map_err(|_| Problem::from(Error::NotFound("Refund")))?;
        let refund = self.0.ticketing.record_refund(&caller.who(), &payment, id).await?;
        Ok(Json((&refund).into()))
    }

    /// Send tickets again
    ///
    /// For the buyer, and for the event's organiser, who may send them to another address. Every request is another mail, at most five in
    /// 24 hours; 409 `too_many_resends` says when the next is possible.
    #[oai(path = "/orders/:reference/resend", method = "post", operation_id = "resendTickets")]
    async fn resend(
        &self,
        who: CallerOrGuest,
        /// The order's reference.
        #[oai(name = "reference")]
        order: Path<Name>,
        body: Body<ResendBody>,
    ) -> Result<Json<MailView>, ResendProblems> {
        let to = body.0.into_address()?;
        let mail = self.0.ticketing.resend_tickets(&who.0, &order.0.order()?, to).await?;
        Ok(Json(mail.into()))
    }
}

fn as_order(error: Error) -> Error {
    match error {
        Error::NotFound(_) => Error::NotFound("Order"),
        error => error,
    }
}
