use crate::api::dto::body::body;
use crate::api::dto::field::{Faults, ReadField, wrong};
use crate::api::dto::json::Json;
use crate::api::dto::order::OrderView;
use crate::api::dto::price::{GivenPrice, Price};
use crate::api::dto::text::Text;
use crate::api::dto::time::Time;
use poem_openapi::{Enum, Object};
use ticketing_core::domain::audit::AuditLine;
use ticketing_core::domain::payment::Attempt;
use ticketing_core::domain::payment::Verdict;
use ticketing_core::domain::payment_history::Payment;
use ticketing_core::domain::principal::Principal;
use ticketing_core::domain::refund::Refund;
use ticketing_core::domain::ticket::Ticket;
use ticketing_core::domain::webhook::StoredWebhook;

body! {
    /// A refund.
    struct RefundBody {
        /// Ids of the tickets, each once. Default: all that are still valid. Empty, with an amount: no ticket becomes void.
        tickets: Option<Vec<i64>>,
        /// How much goes back. Default: what the tickets cost.
        amount: Option<GivenPrice>,
        /// The reason. The buyer sees it.
        note: Option<Text<0, 500>>,
    }
    example {"tickets": [1], "note": "Fell ill"}

    /// Tickets to return.
    struct ReturnBody {
        /// Ids of the tickets: at least one, each once. Default: all that are unused.
        tickets: Option<Vec<i64>>,
    }
    example {"tickets": [1]}

    /// A decision on a payment that is in review or needs attention.
    struct ReviewBody {
        verdict: VerdictWord,
        /// Ids of the tickets to make void: at least one, each once. With `void` only.
        tickets: Option<Vec<i64>>,
        /// The reason.
        note: Text<1, 500>,
    }
    example {"verdict": "accept", "note": "The rest was paid in cash"}
}

/// The decision on a payment that is in review or needs attention.
#[derive(Clone, Copy, Enum)]
#[oai(rename_all = "lowercase")]
pub(crate) enum VerdictWord {
    /// Accept the payment and issue its tickets, or make them valid again; otherwise leave everything as it is.
    Accept,
    /// Refund what was paid, or what is left of it.
    Refund,
    /// Make some of its tickets void without sending money.
    Void,
}

impl ReadField for VerdictWord {
    fn read(json: Option<Json>, at: &str, faults: &mut Faults) -> Option<Self> {
        match json {
            Some(Json::Text(word)) if word == "accept" => Some(Self::Accept),
            Some(Json::Text(word)) if word == "refund" => Some(Self::Refund),
            Some(Json::Text(word)) if word == "void" => Some(Self::Void),
            other => wrong(other, "accept, refund or void", at, faults),
        }
    }
}

impl From<VerdictWord> for Verdict {
    fn from(word: VerdictWord) -> Self {
        match word {
            VerdictWord::Accept => Self::Accept,
            VerdictWord::Refund => Self::Refund,
            VerdictWord::Void => Self::Void,
        }
    }
}

/// A payment with its history.
#[derive(Object)]
pub(crate) struct PaymentView {
    order: OrderView,
    /// Every attempt to pay it, oldest first.
    attempts: Vec<AttemptView>,
    /// Every refund, oldest first.
    refunds: Vec<RefundView>,
    /// Its tickets.
    tickets: Vec<SoldTicketView>,
    /// Every webhook from the payment gateway, oldest first.
    events: Vec<StoredWebhookView>,
    /// The audit log, oldest first.
    history: Vec<HistoryView>,
}

/// A webhook from the payment gateway.
#[derive(Object)]
pub(crate) struct StoredWebhookView {
    /// The webhook's id.
    id: i64,
    /// The payment's reference, if it names one.
    #[oai(nullable)]
    reference: Option<String>,
    /// The gateway's name of the event: `charge.success`.
    event: String,
    /// `waiting` or `unconfirmed` (not yet confirmed with the gateway), `applied`, `ignored`, `quarantined` or `contradicted`
    status: String,
    /// A note on the result.
    #[oai(nullable)]
    note: Option<String>,
    /// Time of the first delivery.
    received_at: Time,
    /// Time of the last change.
    updated_at: Time,
}

impl From<&StoredWebhook> for StoredWebhookView {
    fn from(webhook: &StoredWebhook) -> Self {
        Self {
            id: webhook.id.0,
            reference: webhook.event.reference.as_ref().map(ToString::to_string),
            event: webhook.event.kind.clone(),
            status: webhook.status.name().to_owned(),
            note: webhook.note.clone(),
            received_at: Time(webhook.received_at),
            updated_at: Time(webhook.updated_at),
        }
    }
}

impl PaymentView {
    /// The history for `reader`: only the buyer sees codes and checkout pages.
    pub(crate) fn new(payment: &Payment, reader: &Principal) -> Self {
        let is_buyer = payment.order.buyer.who == *reader;
        let attempt = |attempt: &Attempt| match AttemptView::from(attempt) {
            view if is_buyer => view,
            view => view.without_checkout(),
        };
        let ticket = |ticket: &Ticket| SoldTicketView {
            id: ticket.id.0,
            ticket_type_id: ticket.ticket_type_id.0,
            status: ticket.status.name().to_owned(),
            ticket_code: (ticket.holder == *reader).then(|| ticket.code.as_str().to_owned()),
        };
        Self {
            order: (&payment.order).into(),
            attempts: payment.attempts.iter().map(attempt).collect(),
            refunds: payment.refunds.iter().map(Into::into).collect(),
            tickets: payment.tickets.iter().map(ticket).collect(),
            events: payment.webhooks.iter().map(Into::into).collect(),
            history: payment.audit.iter().map(Into::into).collect(),
        }
    }
}

/// An attempt to pay an order.
#[derive(Object)]
pub(crate) struct AttemptView {
    /// The attempt's reference at the payment gateway.
    reference: String,
    /// The payment gateway.
    gateway: String,
    /// `created`, `unknown`, `open`, `processing`, `failed`, `dropped`, `lapsed`, `fulfilled`, `refund_due`, `review`,
    /// `reversed` or `disputed`
    status: String,
    /// Why a person should look at it: `unreadable` (the gateway's answer cannot be read), `contradicted` (a signed webhook and the
    /// gateway's answer differ), `partial_dispute`, `dispute_won` (and the places are gone) or `refunded_elsewhere` (a part was
    /// refunded at the gateway). Often empty.
    attention: Vec<String>,
    /// What the person wrote who decided about it last. The history has no such text.
    #[oai(nullable)]
    note: Option<String>,
    /// Requested amount.
    amount: Price,
    /// The currency of `amount`.
    currency: String,
    /// Paid amount, once paid.
    #[oai(nullable)]
    paid_amount: Option<Price>,
    /// The currency of `paid_amount`.
    #[oai(nullable)]
    paid_currency: Option<String>,
    /// The checkout page.
    #[oai(nullable)]
    authorization_url: Option<String>,
    /// Creation time.
    created_at: Time,
    /// Time of the last change.
    updated_at: Time,
}

impl AttemptView {
    /// Without the checkout page, for readers other than the buyer.
    pub(crate) fn without_checkout(self) -> Self {
        Self { authorization_url: None, ..self }
    }
}

impl From<&Attempt> for AttemptView {
    fn from(attempt: &Attempt) -> Self {
        let paid = attempt.captured.as_ref().map(|captured| captured.amount);
        Self {
            reference: attempt.reference.to_string(),
            gateway: attempt.gateway.clone(),
            status: attempt.status.name().to_owned(),
            attention: attempt.attention.iter().map(|why| why.name().to_owned()).collect(),
            note: attempt.note.clone(),
            amount: attempt.amount.into(),
            currency: attempt.amount.currency().code().to_owned(),
            paid_amount: paid.map(Into::into),
            paid_currency: paid.map(|amount| amount.currency().code().to_owned()),
            authorization_url: attempt.checkout.as_ref().map(|checkout| checkout.url.clone()),
            created_at: attempt.created_at.into(),
            updated_at: attempt.updated_at.into(),
        }
    }
}

/// A refund.
#[derive(Object)]
pub(crate) struct RefundView {
    /// The refund's id.
    id: i64,
    /// The reference of the refunded attempt.
    reference: String,
    /// Amount.
    amount: Price,
    /// The currency of `amount`.
    currency: String,
    /// `late`, `duplicate`, `event_cancelled`, `requested`, `review` or `elsewhere` (made at the gateway)
    reason: String,
    /// The reason, for people.
    #[oai(nullable)]
    note: Option<String>,
    /// Ids of the voided tickets.
    tickets: Vec<i64>,
    /// `due`, `unknown`, `pending`, `processed`, `failed` or `needs_attention`
    status: String,
    /// Creation time.
    created_at: Time,
    /// Time of the last change.
    updated_at: Time,
}

impl From<&Refund> for RefundView {
    fn from(refund: &Refund) -> Self {
        Self {
            id: refund.id.0,
            reference: refund.attempt.to_string(),
            amount: refund.amount.into(),
            currency: refund.amount.currency().code().to_owned(),
            reason: refund.reason.name().to_owned(),
            note: refund.note.clone(),
            tickets: refund.tickets.iter().map(|id| id.0).collect(),
            status: refund.status.name().to_owned(),
            created_at: refund.created_at.into(),
            updated_at: refund.updated_at.into(),
        }
    }
}

/// A ticket of the order.
#[derive(Object)]
pub(crate) struct SoldTicketView {
    /// The ticket's id.
    id: i64,
    /// The ticket type's id.
    ticket_type_id: i64,
    /// `active`, `used`, `refunded`, `cancelled` or `transferred`
    status: String,
    /// Its code, for the holder only.
    #[oai(nullable)]
    ticket_code: Option<String>,
}

/// An entry of the audit log.
#[derive(Object)]
pub(crate) struct HistoryView {
    /// Time.
    at: Time,
    /// Who acted.
    actor: String,
    /// The action.
    action: String,
    /// What it was applied to.
    #[oai(nullable)]
    subject: Option<String>,
    /// The state before.
    #[oai(nullable)]
    before: Option<String>,
    /// The state after.
    #[oai(nullable)]
    after: Option<String>,
    /// The reason.
    reason: String,
}

impl From<&AuditLine> for HistoryView {
    fn from(line: &AuditLine) -> Self {
        Self {
            at: line.at.into(),
            actor: line.actor.to_string(),
            action: line.action.clone(),
            subject: line.item.clone(),
            before: line.before.clone(),
            after: line.after.clone(),
            reason: line.reason.clone(),
        }
    }
}
