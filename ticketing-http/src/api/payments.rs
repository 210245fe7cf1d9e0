//! From places to tickets, and back.

use super::Tag;
use super::bearer::Session;
use super::dto::body::Body;
use super::dto::list::{List, page};
use super::dto::path::{Id, Name};
use super::dto::payment::{
    AttemptView, CheckoutView, InitializeBody, PayBody, PaymentView, RefundBody, RefundView, ReviewBody, StillOpenView,
    VerifiedView,
};
use super::idempotency::reference;
use super::problems::{BODY, GATEWAY, KEYED, PARAMETERS, PLACES, TOKEN, problems};
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
use ticketing_core::domain::order::Order;
use ticketing_core::domain::payment::{AttemptStatus, Settlement};
use ticketing_core::{OrderRequest, PayOptions, RefundOptions};

problems! {
    BuyProblems: BODY, KEYED, TOKEN, PLACES, GATEWAY, &["hold_expired"];
    VerifyProblems: KEYED, TOKEN, GATEWAY, &[
        "not_found", "payment_failed", "payment_in_review", "payment_refund_due", "payment_reversed",
    ];
    FindProblems: TOKEN, &["not_found"];
    RefundProblems: BODY, KEYED, TOKEN, &[
        "forbidden", "not_found", "ticket_unknown", "nothing_to_refund", "refund_exceeds_paid", "key_reused",
    ];
    RetryProblems: PARAMETERS, KEYED, TOKEN, &["not_found", "refund_unknown"];
    ListProblems: PARAMETERS, TOKEN;
    ReviewProblems: BODY, KEYED, TOKEN, &["not_found", "attempt_unknown", "not_in_review", "sold_out"];
}

/// When to ask again about a payment that is still open, in seconds: people take that long to pay.
const ASK_AGAIN: u64 = 5;

#[derive(ApiResponse)]
enum Verified {
    /// The payment bought tickets.
    #[oai(status = 200)]
    Done(Json<VerifiedView>),
    /// Nothing is decided yet. Ask again.
    #[oai(status = 202)]
    Open(Json<StillOpenView>, #[oai(header = "Retry-After")] u64),
}

#[derive(ApiResponse)]
enum Refunded {
    /// The refund: the tickets are void, and the money is on its way.
    #[oai(status = 201)]
    Created(Json<RefundView>),
}

pub(crate) struct Payments(pub(crate) ApiState);

#[OpenApi(tag = "Tag::Payments")]
impl Payments {
    /// Take places and begin to pay for them
    #[oai(path = "/payments/initialize", method = "post", operation_id = "initializePayment")]
    async fn initialize(
        &self,
        http: &Request,
        session: Session,
        body: Body<InitializeBody>,
    ) -> Result<Json<CheckoutView>, BuyProblems> {
        let (request, options) = body.0.into_request(&self.0.settings)?;
        self.buy(http, &session, request, options).await
    }

    /// Take one place and begin to pay for it
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

    /// See whether a payment of mine has come, and get its tickets
    ///
    /// May be called any number of times, also at once: the tickets are issued once.
    #[oai(path = "/payments/verify/:reference", method = "get", operation_id = "verifyPayment")]
    async fn verify(
        &self,
        session: Session,
        /// The payment's reference.
        reference: Path<Name>,
    ) -> Result<Verified, VerifyProblems> {
        self.settle(&session, &reference, "Payment verified successfully").await
    }

    /// The same, in the words of the second seed
    #[oai(path = "/payments/verify/:reference", method = "post", operation_id = "verifyPaymentByPost")]
    async fn verify_by_post(
        &self,
        session: Session,
        /// The payment's reference.
        reference: Path<Name>,
    ) -> Result<Verified, VerifyProblems> {
        self.settle(&session, &reference, "Payment verified and ticket generated successfully!").await
    }

    /// Payments of my events that a person should look at
    ///
    /// In review (something came, but not what was asked for: decide), disputed, come too late and on their way back, or with a
    /// refund that the payment service gave up. The oldest first.
    #[oai(path = "/payments/reviews", method = "get", operation_id = "listReviews")]
    async fn reviews(
        &self,
        session: Session,
        uri: &Uri,
        /// How many to leave out at the start.
        skip: Query<Option<u64>>,
        /// How many are wanted: 1 to 1000, 100 if it is not said.
        limit: Query<Option<u32>>,
        /// Whether the number of all is wanted, in `X-Total-Count`.
        count: Query<Option<bool>>,
    ) -> Result<List<AttemptView>, ListProblems> {
        let wanted = page(skip.0, limit.0, count.0);
        let found = self.0.ticketing.reviews(&session.who(), wanted).await?;
        Ok(List::new(found, wanted, uri, &self.0.settings, |attempt| AttemptView::from(&attempt).without_checkout()))
    }

    /// The story of a payment
    ///
    /// For the buyer and for whoever runs the event; by the reference of the payment or of its order.
    #[oai(path = "/payments/:reference", method = "get", operation_id = "getPayment")]
    async fn find(
        &self,
        session: Session,
        /// The payment's reference, or its order's.
        reference: Path<Name>,
    ) -> Result<Json<PaymentView>, FindProblems> {
        let payment = self.0.ticketing.payment(&session.who(), &known(&reference)?).await?;
        Ok(Json(PaymentView::new(&payment, &session.who())))
    }

    /// Send money back
    ///
    /// For whoever runs the event. The tickets are void at once; the money follows.
    #[oai(path = "/payments/:reference/refunds", method = "post", operation_id = "refundPayment")]
    async fn refund(
        &self,
        http: &Request,
        session: Session,
        /// The payment's reference, or its order's.
        #[oai(name = "reference")]
        payment: Path<Name>,
        body: Body<RefundBody>,
    ) -> Result<Refunded, RefundProblems> {
        let tickets = body.0.tickets.unwrap_or_default().into_iter().map(TicketId).collect();
        let note = body.0.note.map(|note| note.0);
        let options =
            RefundOptions::default().with_tickets(tickets).with_note(note).with_key(reference(http, "refund"));
        let refund = self.0.ticketing.refund(&session.who(), &known(&payment)?, options).await?;
        Ok(Refunded::Created(Json((&refund).into())))
    }

    /// Try a refund again
    ///
    /// For whoever runs the event, where the payment service gave it up or wanted something. One that is under way or done is
    /// left alone.
    #[oai(path = "/payments/:reference/refunds/:refund_id/retry", method = "post", operation_id = "retryRefund")]
    async fn retry_refund(
        &self,
        session: Session,
        /// The payment's reference, or its order's.
        reference: Path<Name>,
        /// The refund's id.
        refund_id: Path<Id>,
    ) -> Result<Json<RefundView>, RetryProblems> {
        let id = RefundId(refund_id.0.get("refund_id")?);
        let refund = self.0.ticketing.retry_refund(&session.who(), &known(&reference)?, id).await?;
        Ok(Json((&refund).into()))
    }

    /// Decide about a payment
    ///
    /// For whoever runs the event, where something else came than was asked for.
    #[oai(path = "/payments/:reference/review", method = "post", operation_id = "reviewPayment")]
    async fn review(
        &self,
        session: Session,
        /// The payment's reference.
        reference: Path<Name>,
        body: Body<ReviewBody>,
    ) -> Result<Json<AttemptView>, ReviewProblems> {
        let ReviewBody { verdict, note } = body.0;
        let attempt =
            self.0.ticketing.resolve_review(&session.who(), &known(&reference)?, verdict.into(), note.0).await?;
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
        let started = self.0.ticketing.buy(&session.buyer(), request, options).await?;
        Ok(Json(CheckoutView::new(started, &self.0.settings)))
    }

    async fn settle(&self, session: &Session, reference: &Path<Name>, news: &str) -> Result<Verified, VerifyProblems> {
        match self.0.ticketing.verify(&session.who(), &known(reference)?).await? {
            Settlement::Fulfilled { order, tickets, first } => {
                let message = if first { news } else { "Payment already verified" };
                // Tickets that are fresh from this very call were mailed to nobody yet.
                let email_sent = !first && self.is_mailed(&order).await;
                Ok(Verified::Done(Json(VerifiedView::new(message, &tickets, email_sent))))
            }
            // It could still come, but nobody should wait for it.
            Settlement::Open { attempt, .. } if attempt.status == AttemptStatus::Lapsed => Err(failed().into()),
            Settlement::Open { order, attempt } => {
                Ok(Verified::Open(Json(StillOpenView::new(&order, &attempt)), ASK_AGAIN))
            }
            undone => Err(why_no_tickets(&undone).into()),
        }
    }

    /// The tickets are bought, whatever this comes to.
    async fn is_mailed(&self, order: &Order) -> bool {
        self.0.ticketing.tickets_mailed(order).await.unwrap_or_else(|error| {
            tracing::warn!(order.id = %order.id, %error, "whether the tickets were mailed could not be looked up");
            false
        })
    }
}

fn failed() -> Problem {
    Problem::new("payment_failed", "Payment verification failed")
}

fn why_no_tickets(settlement: &Settlement) -> Problem {
    match settlement {
        Settlement::Failed { .. } => failed(),
        Settlement::RefundDue { .. } => Problem::new(
            "payment_refund_due",
            "The payment came, but it buys no tickets: the places were gone, or the order was paid already. The money \
             goes back by itself.",
        ),
        Settlement::Review { .. } => Problem::new(
            "payment_in_review",
            "Something else was paid than was asked for. The organiser decides what becomes of it.",
        ),
        Settlement::Reversed { .. } => {
            Problem::new("payment_reversed", "The payment was taken back, so its tickets are void.")
        }
        // New kinds of settlement want words of their own.
        _ => Problem::internal(),
    }
}

/// What cannot be a reference is the reference of no payment.
fn known(reference: &Path<Name>) -> Result<Reference, Problem> {
    reference.0.0.parse().map_err(|_| Error::NotFound("Payment").into())
}
