//! Orders: tickets that are held for a while.

use super::Tag;
use super::bearer::{MaybeSession, Session};
use super::dto::body::Body;
use super::dto::holders::ReturnQuoteView;
use super::dto::list::{List, page};
use super::dto::order::{BuyerBody, BuyerKind, OrderBody, OrderView};
use super::dto::path::Name;
use super::dto::payment::{CheckoutView, PayOrderBody, RefundView, ReturnBody};
use super::idempotency::{guest_reference, reference};
use super::problems::{BODY, GATEWAY, KEYED, PARAMETERS, PLACES, TOKEN, problems};
use super::purchaser::Purchaser;
use super::purchases::{self, expecting};
use super::state::ApiState;
use poem::Request;
use poem::http::Uri;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};
use ticketing_core::domain::id::TicketId;
use ticketing_core::domain::order::Order;
use ticketing_core::domain::principal::EmailAddress;

problems! {
    HoldProblems: BODY, KEYED, TOKEN, PLACES;
    ListProblems: PARAMETERS, TOKEN;
    FindProblems: TOKEN, &["not_found"];
    ClaimProblems: KEYED, TOKEN, &["email_unverified"];
    NameProblems: BODY, TOKEN, &[
        "not_found", "order_unknown", "hold_expired", "order_paid", "order_cancelled", "payment_in_progress", "too_many_holds",
        "buyer_limit", "code_limit",
    ];
    PayProblems: BODY, KEYED, TOKEN, GATEWAY, &[
        "not_found", "buyer_unnamed", "answers_required", "hold_expired", "order_paid", "order_cancelled", "event_cancelled", "event_over", "key_reused",
    ];
    QuoteProblems: TOKEN, &["not_found"];
    ReturnProblems: BODY, KEYED, TOKEN, &[
        "not_found", "return_not_open", "nothing_to_refund", "ticket_not_in_order", "ticket_not_valid", "refund_exceeds_paid",
        "key_reused", "ticket_transferred",
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
    ///
    /// A guest sends `guest`, no token, and an `Idempotency-Key` of 22 or more random characters. The response has the key of the order,
    /// which stands for its buyer as `X-Order-Key`; so has the response to a retry.
    #[oai(path = "/orders", method = "post", operation_id = "createOrder")]
    async fn hold(&self, http: &Request, session: MaybeSession, body: Body<OrderBody>) -> Result<Held, HoldProblems> {
        match body.0.kind(session.0.is_some())? {
            BuyerKind::Account => self.hold_for_account(http, &session.required()?, body.0).await,
            BuyerKind::Guest(email) => self.hold_for_guest(http, email, body.0).await,
        }
    }

    /// Claim my orders as a guest
    ///
    /// Makes the account the buyer of all orders that guests made with its address, which must be verified. Their keys go on working. The
    /// response lists these orders; a repeat lists those that were made since.
    #[oai(path = "/orders/claim", method = "post", operation_id = "claimOrders")]
    async fn claim(&self, session: Session) -> Result<Json<Vec<OrderView>>, ClaimProblems> {
        let claimed = self.0.ticketing.claim_orders(session.0.id).await?;
        Ok(Json(claimed.iter().map(Into::into).collect()))
    }

    /// Set the address of a guest's order
    ///
    /// The tickets are mailed to it. The first address extends the hold, once. It may be replaced until a checkout is opened.
    #[oai(path = "/orders/:reference/buyer", method = "put", operation_id = "setOrderBuyer")]
    async fn name(
        &self,
        buyer: Purchaser,
        /// The order's reference.
        reference: Path<Name>,
        body: Body<BuyerBody>,
    ) -> Result<Json<OrderView>, NameProblems> {
        let order = self.0.ticketing.name_buyer(&buyer.who(), &reference.0.order()?, body.0.into_email()?).await?;
        Ok(Json((&order).into()))
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
        buyer: Purchaser,
        /// The order's reference.
        reference: Path<Name>,
    ) -> Result<Json<OrderView>, FindProblems> {
        let order = self.0.ticketing.order(&buyer.who(), &reference.0.order()?).await?;
        Ok(Json((&order).into()))
    }

    /// Pay an order
    ///
    /// May be called again for another attempt. If an order is paid twice, the second payment is refunded automatically.
    #[oai(path = "/orders/:reference/pay", method = "post", operation_id = "payOrder")]
    async fn pay(
        &self,
        http: &Request,
        buyer: Purchaser,
        /// The order's reference.
        #[oai(name = "reference")]
        order: Path<Name>,
        body: Body<PayOrderBody>,
    ) -> Result<Json<CheckoutView>, PayProblems> {
        let options = body.0.into_options(&self.0.settings)?.with_reference(reference(http, "attempt"));
        let started = self.0.ticketing.pay(&buyer.who(), &order.0.order()?, options).await;
        let started = started.map_err(|error| self.0.purchase_problem(error))?;
        Ok(Json(CheckoutView::new(started, &self.0.settings)))
    }

    /// Return tickets
    ///
    /// For the buyer, for unused tickets, if the event's terms allow it; `GET` says how much is refunded. After the date or the place of the
    /// event has changed, the whole price is refunded, until the date in the mail about it, for orders that were made before the change. The
    /// tickets are void immediately; the money follows.
    #[oai(path = "/orders/:reference/returns", method = "post", operation_id = "returnTickets")]
    async fn give_back(
        &self,
        http: &Request,
        buyer: Purchaser,
        /// The order's reference.
        #[oai(name = "reference")]
        order: Path<Name>,
        body: Body<ReturnBody>,
    ) -> Result<Returned, ReturnProblems> {
        let tickets = body.0.tickets.map(|ids| ids.into_iter().map(TicketId).collect());
        let key = reference(http, "return");
        let refund = self.0.ticketing.return_tickets(&buyer.who(), &order.0.order()?, tickets, key).await?;
        Ok(Returned::Created(Json((&refund).into())))
    }

    /// Get what returning tickets would refund
    ///
    /// For the buyer: whether unused tickets can be returned now, until when, and how much is refunded for each.
    #[oai(path = "/orders/:reference/returns", method = "get", operation_id = "quoteReturn")]
    async fn quote(
        &self,
        buyer: Purchaser,
        /// The order's reference.
        #[oai(name = "reference")]
        order: Path<Name>,
    ) -> Result<Json<ReturnQuoteView>, QuoteProblems> {
        let quote = self.0.ticketing.return_quote(&buyer.who(), &order.0.order()?).await?;
        Ok(Json((&quote).into()))
    }

    /// Cancel an order
    ///
    /// Releases its tickets. Repeating the request has no further effect.
    #[oai(path = "/orders/:reference", method = "delete", operation_id = "cancelOrder")]
    async fn cancel(
        &self,
        buyer: Purchaser,
        /// The order's reference.
        reference: Path<Name>,
    ) -> Result<Json<OrderView>, CancelProblems> {
        let order = self.0.ticketing.cancel_order(&buyer.who(), &reference.0.order()?).await?;
        Ok(Json((&order).into()))
    }

    async fn hold_for_account(&self, http: &Request, session: &Session, body: OrderBody) -> Result<Held, HoldProblems> {
        let (request, total) = body.into_request();
        let request = expecting(&self.0, request.with_reference(reference(http, "order")), total).await?;
        let buyer = session.buyer();
        let has_code = request.promo_code.is_some();
        let held = self.0.ticketing.hold(&buyer, request);
        let order = purchases::begin(&self.0, http, Some(session.0.id), has_code, held).await?;
        Ok(Held::Created(Json((&order).into()), location(&order)))
    }

    async fn hold_for_guest(
        &self,
        http: &Request,
        email: Option<EmailAddress>,
        body: OrderBody,
    ) -> Result<Held, HoldProblems> {
        let (request, total) = body.into_request();
        let request = expecting(&self.0, request.with_reference(guest_reference(http, "order")?), total).await?;
        let has_code = request.promo_code.is_some();
        let held = self.0.ticketing.hold_as_guest(email, request);
        let order = purchases::begin(&self.0, http, None, has_code, held).await?;
        let key = self.0.ticketing.guest_key(&order)?;
        Ok(Held::Created(Json(OrderView::with_key(&order, key.as_ref())), location(&order)))
    }
}

/// Where an order is.
fn location(order: &Order) -> String {
    format!("/orders/{}", order.reference)
}
