use crate::api::dto::body::body;
use crate::api::dto::field::{Faults, ReadField, wrong};
use crate::api::dto::json::Json;
use crate::api::dto::order::OrderView;
use crate::api::dto::price::Price;
use crate::api::dto::text::Text;
use crate::api::dto::time::Time;
use poem_openapi::{Enum, Object};
use ticketing_core::domain::audit::AuditLine;
use ticketing_core::domain::payment::{Attempt, Payment};
use ticketing_core::domain::principal::Principal;
use ticketing_core::domain::refund::Refund;
use ticketing_core::domain::rules::Verdict;
use ticketing_core::domain::ticket::Ticket;
use ticketing_core::domain::webhook::StoredWebhook;

body! {
    /// Money to be sent back.
    struct RefundBody {
        /// For which tickets, by their ids. Absent: for all that are still valid.
        tickets: Option<Vec<i64>>,
        /// Why, in words. The buyer reads it too.
        note: Option<Text<0, 500>>,
    }
    example {"tickets": [1], "note": "Fell ill"}

    /// A decision on a payment that brought something else than was asked for.
    struct ReviewBody {
        /// What is to become of it.
        verdict: VerdictWord,
        /// Why, in words.
        note: Text<1, 500>,
    }
    example {"verdict": "accept", "note": "The rest was paid in cash"}
}

/// What is to become of a payment in review.
#[derive(Clone, Copy, Enum)]
#[oai(rename_all = "lowercase")]
pub(crate) enum VerdictWord {
    /// What came is enough: issue the tickets.
    Accept,
    /// Send back what came.
    Refund,
}

impl ReadField for VerdictWord {
    fn read(json: Option<Json>, at: &str, faults: &mut Faults) -> Option<Self> {
        match json {
            Some(Json::Text(word)) if word == "accept" => Some(Self::Accept),
            Some(Json::Text(word)) if word == "refund" => Some(Self::Refund),
            other => wrong(other, "accept or refund", at, faults),
        }
    }
}

impl From<VerdictWord> for Verdict {
    fn from(word: VerdictWord) -> Self {
        match word {
            VerdictWord::Accept => Self::Accept,
            VerdictWord::Refund => Self::Refund,
        }
    }
}

/// The whole story of an order's money.
#[derive(Object)]
pub(crate) struct PaymentView {
    /// The order.
    order: OrderView,
    /// Every try to pay it, oldest first.
    attempts: Vec<AttemptView>,
    /// Everything that went back, oldest first.
    refunds: Vec<RefundView>,
    /// Its tickets.
    tickets: Vec<SoldTicketView>,
    /// What the payment service told by webhook, oldest first.
    events: Vec<ToldView>,
    /// What was decided, when, by whom and why, oldest first.
    history: Vec<HistoryView>,
}

/// Something that the payment service told by webhook.
#[derive(Object)]
pub(crate) struct ToldView {
    /// What it told, in its own word: `charge.success`.
    event: String,
    /// `waiting` or `unconfirmed` (still to be asked about), `applied`, `ignored`, `quarantined` or `contradicted`
    status: String,
    /// What was found out about it.
    #[oai(nullable)]
    note: Option<String>,
    /// When it came first.
    received_at: Time,
    /// When it last changed.
    updated_at: Time,
}

impl From<&StoredWebhook> for ToldView {
    fn from(webhook: &StoredWebhook) -> Self {
        Self {
            event: webhook.event.kind.clone(),
            status: webhook.status.name().to_owned(),
            note: webhook.note.clone(),
            received_at: Time(webhook.received_at),
            updated_at: Time(webhook.updated_at),
        }
    }
}

impl PaymentView {
    /// The story as `reader` may read it: codes and checkouts are the buyer's alone.
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

/// One try to pay an order.
#[derive(Object)]
pub(crate) struct AttemptView {
    /// What the payment service knows it by.
    reference: String,
    /// Which payment service.
    gateway: String,
    /// `created`, `unknown`, `open`, `processing`, `failed`, `dropped`, `lapsed`, `fulfilled`, `refund_due`, `review`,
    /// `reversed` or `disputed`
    status: String,
    /// What was asked for.
    amount: Price,
    /// The currency of `amount`.
    currency: String,
    /// What came, once something did.
    #[oai(nullable)]
    paid_amount: Option<Price>,
    /// The currency of `paid_amount`.
    #[oai(nullable)]
    paid_currency: Option<String>,
    /// Where the buyer pays.
    #[oai(nullable)]
    authorization_url: Option<String>,
    /// When it was begun.
    created_at: Time,
    /// When it last changed.
    updated_at: Time,
}

impl AttemptView {
    /// For whoever is not the buyer: where the buyer pays is the buyer's business.
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

/// Money on its way back.
#[derive(Object)]
pub(crate) struct RefundView {
    /// The refund's id.
    id: i64,
    /// The attempt whose money it is.
    reference: String,
    /// How much.
    amount: Price,
    /// The currency of `amount`.
    currency: String,
    /// `late`, `duplicate`, `event_cancelled`, `requested` or `review`
    reason: String,
    /// Why, in words.
    #[oai(nullable)]
    note: Option<String>,
    /// The tickets that it voided.
    tickets: Vec<i64>,
    /// `due`, `unknown`, `pending`, `processed`, `failed` or `needs_attention`
    status: String,
    /// When it was decided.
    created_at: Time,
    /// When it last changed.
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

/// A ticket that an order brought.
#[derive(Object)]
pub(crate) struct SoldTicketView {
    /// The ticket's id.
    id: i64,
    /// As what it lets in.
    ticket_type_id: i64,
    /// `active`, `used`, `refunded`, `cancelled` or `transferred`
    status: String,
    /// Its code, to its holder alone.
    #[oai(nullable)]
    ticket_code: Option<String>,
}

/// A decision.
#[derive(Object)]
pub(crate) struct HistoryView {
    /// When.
    at: Time,
    /// Who decided.
    actor: String,
    /// What was done.
    action: String,
    /// To what.
    #[oai(nullable)]
    subject: Option<String>,
    /// How that stood before.
    #[oai(nullable)]
    before: Option<String>,
    /// How it stands since.
    #[oai(nullable)]
    after: Option<String>,
    /// Why.
    reason: String,
}

impl From<&AuditLine> for HistoryView {
    fn from(line: &AuditLine) -> Self {
        Self {
            at: line.at.into(),
            actor: line.actor.to_string(),
            action: line.action.clone(),
            subject: line.subject.clone(),
            before: line.before.clone(),
            after: line.after.clone(),
            reason: line.reason.clone(),
        }
    }
}
