//! Payments, from checkout to tickets, and refunds.

use super::Tag;
use super::bearer::{Caller, Session};
use super::dto::body::Body;
use super::dto::field::Faults;
use super::dto::list::{List, page};
use super::dto::path::{Id, Name};
use super::dto::payment::{
    AttemptView, CheckoutView, InitializeBody, PayBody, PaymentView, RefundBody, RefundView, ReviewBody, StillOpenView,
    StoredWebhookView, VerifiedView,
};
use super::dto::price::GivenPrice;
use super::idempotency::reference;
use super::problems::{BODY, GATEWAY, KEYED, MEMBER, PARAMETERS, PLACES, TOKEN, problems};
use super::purchaser::Purchaser;
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
use ticketing_core::domain::id::{RefundId, TicketId};
use ticketing_core::domain::money::Money;
use ticketing_core::domain::order::Order;
use ticketing_core::domain::payment::{AttemptStatus, Settlement};
use ticketing_core::domain::payment_history::Payment;
use ticketing_core::domain::refund::RefundMoney;
use ticketing_core::{Decision, OrderRequest, PayOptions, RefundOptions};

problems! {
    BuyProblems: BODY, KEYED, TOKEN, PLACES, GATEWAY, &["hold_expired", "currency_unsupported", "answers_required"];
    VerifyProblems: KEYED, TOKEN, GATEWAY, &[
        "not_found", "payment_failed", "payment_in_review", "payment_refund_due", "payment_reversed",
    ];
    FindProblems: TOKEN, MEMBER, &["not_found"];
    RefundProblems: BODY, KEYED, TOKEN, MEMBER, &[
        "forbidden", "not_found", "nothing_to_refund", "ticket_not_in_order", "ticket_not_valid", "refund_exceeds_paid",
        "key_reused",
    ];
    RetryProblems: PARAMETERS, KEYED, TOKEN, MEMBER, &["not_found", "refund_unknown"];
    ListProblems: PARAMETERS, TOKEN;
    WebhooksProblems: PARAMETERS, TOKEN, &["forbidden"];
    ReviewProblems: BODY, KEYED, TOKEN, MEMBER, &[
        "not_found", "attempt_unknown", "not_in_review", "sold_out", "nothing_to_refund", "ticket_not_in_order",
        "ticket_not_valid",
    ];
}

/// When to verify an open payment again, in seconds.
const VERIFY_RETRY_AFTER_SECONDS: u64 = 5;

#[derive(ApiResponse)]
enum Verified {
    /// Paid. The tickets are issued.
    #[oai(status = 200)]
    Done(Json<VerifiedView>),
    /// The payment is still open. Try again after `Retry-After`.
    #[oai(status = 202)]
    Open(Json<StillOpenView>, #[oai(header = "Retry-After")] u64),
}

#[derive(ApiResponse)]
enum Refunded {
    /// The refund. The tickets are void; the money follows.
    #[oai(status = 201)]
    Created(Json<RefundView>),
}

pub(crate) struct Payments(pub(crate) ApiState);

#[OpenApi(tag = "Tag::Payments")]
impl Payments {
    /// Hold tickets and open a checkout
    #[oai(path = "/payments/initialize", method = "post", operation_id = "initializePayment")]
    async fn initialize(
        &self,
        http: &Request,
        session: Session,
        body: Body<InitializeBody>,
    ) -> Result<Json<CheckoutView>, BuyProblems> {
        let (request, options, total) = body.0.into_request(&self.0.settings)?;
        let request = expecting(&self.0, request, total).await?;
        self.buy(http, &session, request, options).await
    }

    /// Hold one ticket and open a checkout
    #[oai(path = "/payments/pay", method = "post", operation_id = "pay")]
    async fn pay(
        &self,
        http: &Request,
        session: Session,
        body: Body<PayBody>,
    ) -> Result<Json<CheckoutView>, BuyProblems> {
        let (request, options) = body.0.into_request(&self.0.settings)?;
        self.buy(http, &session, request, options).await
    }

    /// Verify a payment and get its tickets
    ///
    /// May be called any number of times, also concurrently: the tickets are issued once.
    #[oai(path = "/payments/verify/:reference", method = "get", operation_id = "verifyPayment")]
    async fn verify(
        &self,
        buyer: Purchaser,
        /// The payment's reference.
        reference: Path<Name>,
    ) -> Result<Verified, VerifyProblems> {
        self.verify_payment(&buyer, &reference, "Payment verified successfully").await
    }

    /// Verify a payment (POST alias for older clients)
    #[oai(path = "/payments/verify/:reference", method = "post", operation_id = "verifyPaymentByPost")]
    async fn verify_by_post(
        &self,
        buyer: Purchaser,
        /// The payment's reference.
        reference: Path<Name>,
    ) -> Result<Verified, VerifyProblems> {
        self.verify_payment(&buyer, &reference, "Payment verified and ticket generated successfully!").await
    }

    /// List payments that need attention
    ///
    /// Payments of my events that are in review (another amount or currency was paid: accept or refund it), disputed, late and
    /// being refunded, whose refund failed, or that need attention for another reason. Oldest first.
    #[oai(path = "/payments/reviews", method = "get", operation_id = "listReviews")]
    async fn reviews(
        &self,
        caller: Caller,
        uri: &Uri,
        /// Number of items to skip.
        skip: Query<Option<u64>>,
        /// Page size, 1–1000 (default 100).
        limit: Query<Option<u32>>,
        /// Return the total count in `X-Total-Count`.
        count: Query<Option<bool>>,
    ) -> Result<List<AttemptView>, ListProblems> {
        let request = page(skip.0, limit.0, count.0);
        let found = self.0.ticketing.reviews(&caller.who(), request).await?;
        Ok(List::new(found, request, uri, &self.0.settings, |attempt| AttemptView::from(&attempt).without_checkout()))
    }

    /// List webhooks that need attention
    ///
    /// For administrators: webhooks that match no payment, cannot be read, or report what the gateway does not confirm. Oldest
    /// first.
    #[oai(path = "/payments/webhooks", method = "get", operation_id = "listWebhooksForReview")]
    async fn webhooks(
        &self,
        session: Session,
        uri: &Uri,
        /// Number of items to skip.
        skip: Query<Option<u64>>,
        /// Page size, 1–1000 (default 100).
        limit: Query<Option<u32>>,
        /// Return the total count in `X-Total-Count`.
        count: Query<Option<bool>>,
    ) -> Result<List<StoredWebhookView>, WebhooksProblems> {
        let request = page(skip.0, limit.0, count.0);
        let found = self.0.ticketing.webhooks_for_review(&session.who(), request).await?;
        Ok(List::new(found, request, uri, &self.0.settings, |webhook| StoredWebhookView::from(&webhook)))
    }

    /// Get a payment with its history
    ///
    /// For the buyer and the event's organiser, by the reference of the payment or of its order.
    #[oai(path = "/payments/:reference", method = "get", operation_id = "getPayment")]
    async fn find(
        &self,
        caller: Caller,
        /// The payment's reference, or its order's.
        reference: Path<Name>,
    ) -> Result<Json<PaymentView>, FindProblems> {
        let payment = self.0.ticketing.payment(&caller.who(), &known(&reference)?).await?;
        Ok(Json(PaymentView::new(&payment, &caller.who())))
    }

    /// Refund a payment
    ///
    /// For the event's organiser. The tickets are void immediately; the money follows. With `amount`, another amount goes back than the
    /// tickets cost: `0` only makes them void, and with an empty list of tickets an amount goes back and all tickets stay valid. What you
    /// have received in cash or by a bank transfer, you pay back yourself: the refund needs attention until you
    /// [record](#operation/recordRefund) that.
    #[oai(path = "/payments/:reference/refunds", method = "post", operation_id = "refundPayment")]
    async fn refund(
        &self,
        http: &Request,
        caller: Caller,
        /// The payment's reference, or its order's.
        #[oai(name = "reference")]
        payment: Path<Name>,
        body: Body<RefundBody>,
    ) -> Result<Refunded, RefundProblems> {
        let tickets = body.0.tickets.map(|ids| ids.into_iter().map(TicketId).collect::<Vec<_>>());
        let note = body.0.note.map(|note| note.0);
        let (who, payment) = (caller.who(), known(&payment)?);
        let money = match body.0.amount {
            None => RefundMoney::Prices,
            Some(amount) => amount_of(&amount, &self.0.ticketing.payment(&who, &payment).await?)?,
        };
        let options = RefundOptions::default().with_tickets(tickets).with_money(money).with_note(note);
        let refund = self.0.ticketing.refund(&who, &payment, options.with_key(reference(http, "refund"))).await?;
        Ok(Refunded::Created(Json((&refund).into())))
    }

    /// Retry a refund
    ///
    /// For the event's organiser, after the payment gateway failed it or asked for attention. A refund that is in progress or done
    /// is left alone.
    #[oai(path = "/payments/:reference/refunds/:refund_id/retry", method = "post", operation_id = "retryRefund")]
    async fn retry_refund(
        &self,
        caller: Caller,
        /// The payment's reference, or its order's.
        reference: Path<Name>,
        /// The refund's id.
        refund_id: Path<Id>,
    ) -> Result<Json<RefundView>, RetryProblems> {
        let id = RefundId(refund_id.0.get("refund_id")?);
        let refund = self.0.ticketing.retry_refund(&caller.who(), &known(&reference)?, id).await?;
        Ok(Json((&refund).into()))
    }

    /// Resolve a payment that needs attention
    ///
    /// For the event's organiser: after another amount or currency was paid than was requested, a part was disputed or refunded at
    /// the gateway, or a dispute was won and the places are gone.
    #[oai(path = "/payments/:reference/review", method = "post", operation_id = "reviewPayment")]
    async fn review(
        &self,
        caller: Caller,
        /// The payment's reference.
        reference: Path<Name>,
        body: Body<ReviewBody>,
    ) -> Result<Json<AttemptView>, ReviewProblems> {
        let ReviewBody { verdict, tickets, note } = body.0;
        let tickets = tickets.unwrap_or_default().into_iter().map(TicketId).collect();
        let decision = Decision::new(verdict.into(), note.0).with_tickets(tickets);
        let attempt = self.0.ticketing.resolve_review(&caller.who(), &known(&reference)?, decision).await?;
        Ok(Json(AttemptView::from(&attempt).without_checkout()))
    }

    async fn buy(
        &self,
        http: &Request,
        session: &Session,
        request: OrderRequest,
        options: PayOptions,
    ) -> Result<Json<CheckoutView>, BuyProblems> {
        let request = request.with_reference(reference(http, "order"));
        let options = options.with_reference(reference(http, "attempt"));
        let buyer = session.buyer();
        let has_code = request.promo_code.is_some();
        let started = purchases::begin(
            &self.0,
            http,
            Some(session.0.id),
            has_code,
            self.0.ticketing.buy(&buyer, request, options),
        )
        .await?;
        Ok(Json(CheckoutView::new(started, &self.0.settings)))
    }

    async fn verify_payment(
        &self,
        buyer: &Purchaser,
        reference: &Path<Name>,
        message: &str,
    ) -> Result<Verified, VerifyProblems> {
        match self.0.ticketing.verify(&buyer.who(), &known(reference)?).await? {
            Settlement::Fulfilled { order, tickets, first } => {
                let message = if first { message } else { "Payment already verified" };
                // Tickets that this call has issued are not mailed yet.
                let email_sent = !first && self.is_mailed(&order).await;
                Ok(Verified::Done(Json(VerifiedView::new(message, &tickets, email_sent))))
            }
            // The money could still arrive, but the client should not wait for it.
            Settlement::Open { attempt, .. } if attempt.status == AttemptStatus::Lapsed => Err(failed().into()),
            Settlement::Open { order, attempt } => {
                Ok(Verified::Open(Json(StillOpenView::new(&order, &attempt)), VERIFY_RETRY_AFTER_SECONDS))
            }
            undone => Err(why_no_tickets(&undone).into()),
        }
    }

    /// Best effort: an error here must not hide that the tickets are bought.
    async fn is_mailed(&self, order: &Order) -> bool {
        self.0.ticketing.tickets_mailed(order).await.unwrap_or_else(|error| {
            tracing::warn!(order.id = %order.id, %error, "cannot look up whether the tickets were mailed");
            false
        })
    }
}

/// How much goes back, in the currency of what was paid.
fn amount_of(amount: &GivenPrice, payment: &Payment) -> Result<RefundMoney, Problem> {
    let bought = payment.attempts.iter().find(|attempt| attempt.status == AttemptStatus::Fulfilled);
    let captured = bought.and_then(|attempt| attempt.captured.as_ref()).map(|captured| captured.amount);
    let currency = captured.unwrap_or(payment.order.total).currency();
    let mut faults = Faults::default();
    let amount = faults.parsed("amount", Money::parse(&amount.0, currency));
    let amount = faults.or(amount)?;
    Ok(if amount.is_zero() { RefundMoney::Nothing } else { RefundMoney::Exactly(amount) })
}

fn failed() -> Problem {
    Problem::new("payment_failed", "Payment verification failed")
}

fn why_no_tickets(settlement: &Settlement) -> Problem {
    match settlement {
        Settlement::Failed { .. } => failed(),
        Settlement::RefundDue { .. } => Problem::new(
            "payment_refund_due",
            "The payment arrived, but the tickets were sold out or the order was already paid. It is refunded automatically.",
        ),
        Settlement::Review { .. } => Problem::new(
            "payment_in_review",
            "Another amount or currency was paid than requested. The organiser will accept or refund it.",
        ),
        Settlement::Reversed { .. } => {
            Problem::new("payment_reversed", "The payment was reversed, and its tickets are void.")
        }
        // A new kind of settlement needs a sentence of its own.
        _ => Problem::internal(),
    }
}

/// A text that cannot be a reference belongs to no payment: 404.
fn known(reference: &Path<Name>) -> Result<Reference, Problem> {
    reference.0.0.parse().map_err(|_| Error::NotFound("Payment").into())
}
