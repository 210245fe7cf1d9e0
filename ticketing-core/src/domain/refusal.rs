//! Refusals: the domain's own no. A caller plans for them; they carry facts, not sentences.

use super::id::{EventId, TicketTypeId};
use super::money::Money;
use jiff::Timestamp;

/// Why the rules say no. Nothing was changed.
///
/// The list is closed on purpose: adapters map every row, and a test proves that they do.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// Somebody has an account with this address.
    #[error("Email already registered")]
    EmailTaken,
    /// Somebody has this user name.
    #[error("Username already taken")]
    UsernameTaken,
    /// There is a category with this name.
    #[error("Category already exists")]
    CategoryTaken,
    /// There is no such category.
    #[error("Category not found")]
    CategoryUnknown,
    /// There is no such event.
    #[error("Event not found")]
    EventUnknown {
        /// What was asked for.
        event_id: EventId,
    },
    /// The event was called off.
    #[error("Event is cancelled")]
    EventCancelled,
    /// The event has ended.
    #[error("Event is over")]
    EventOver {
        /// When it ended.
        ended_at: Timestamp,
    },
    /// The event has no such ticket type.
    #[error("Ticket type not found")]
    TicketTypeUnknown {
        /// What was asked for.
        ticket_type_id: TicketTypeId,
    },
    /// A line of the order names no ticket type, and the event has several.
    #[error("A ticket type is required: the event has {types} of them")]
    TicketTypeNeeded {
        /// How many the event has.
        types: usize,
    },
    /// There are fewer places than wanted.
    #[error("Event sold out")]
    SoldOut {
        /// Of which type.
        ticket_type_id: TicketTypeId,
        /// How many there are.
        available: i64,
    },
    /// The order would cost more than can be counted.
    #[error("The order is too large")]
    TotalTooLarge,
    /// The same key was used before, for something else.
    #[error("This key was used before, for something else")]
    KeyReused,
    /// There is no such order.
    #[error("Order not found")]
    OrderUnknown,
    /// The hold ran out.
    #[error("The hold on these places has run out")]
    HoldExpired,
    /// The order was given up.
    #[error("The order was cancelled")]
    OrderCancelled,
    /// The order is paid already.
    #[error("The order is already paid")]
    OrderPaid,
    /// A payment of the order is in progress, so it cannot be given up.
    #[error("A payment of this order is in progress")]
    PaymentInProgress,
    /// There is no such payment attempt.
    #[error("Payment not found")]
    AttemptUnknown,
    /// The attempt is not waiting for a decision.
    #[error("This payment is not waiting for a decision")]
    NotInReview,
    /// Nobody has such a ticket.
    #[error("Ticket not found")]
    TicketUnknown,
    /// The ticket is for an event of somebody else.
    #[error("This ticket is for another organiser's event")]
    TicketForeign,
    /// The ticket has let somebody in.
    #[error("This ticket was used before")]
    TicketUsed {
        /// When.
        used_at: Timestamp,
        /// Where, if the scanner said.
        gate: Option<String>,
    },
    /// The ticket's money goes back, or went.
    #[error("This ticket was refunded")]
    TicketRefunded,
    /// The ticket is void.
    #[error("This ticket was cancelled")]
    TicketCancelled,
    /// Somebody else has the ticket now, under another code.
    #[error("This ticket was transferred to somebody else")]
    TicketTransferred,
    /// The scan's name was used before, for another ticket.
    #[error("This scan nonce was used for another ticket")]
    NonceReused,
    /// There is no such refund.
    #[error("Refund not found")]
    RefundUnknown,
    /// Nothing is left that could be refunded.
    #[error("Nothing is left to refund")]
    NothingToRefund,
    /// More than was paid would go back.
    #[error("More than was paid would go back")]
    RefundExceedsPaid {
        /// What may still go back.
        refundable: Money,
    },
}

impl Refusal {
    /// The refusal's stable name, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::EmailTaken => "email_taken",
            Self::UsernameTaken => "username_taken",
            Self::CategoryTaken => "category_taken",
            Self::CategoryUnknown => "category_unknown",
            Self::EventUnknown { .. } => "event_unknown",
            Self::EventCancelled => "event_cancelled",
            Self::EventOver { .. } => "event_over",
            Self::TicketTypeUnknown { .. } => "ticket_type_unknown",
            Self::TicketTypeNeeded { .. } => "ticket_type_needed",
            Self::SoldOut { .. } => "sold_out",
            Self::TotalTooLarge => "total_too_large",
            Self::KeyReused => "key_reused",
            Self::OrderUnknown => "order_unknown",
            Self::HoldExpired => "hold_expired",
            Self::OrderCancelled => "order_cancelled",
            Self::OrderPaid => "order_paid",
            Self::PaymentInProgress => "payment_in_progress",
            Self::AttemptUnknown => "attempt_unknown",
            Self::NotInReview => "not_in_review",
            Self::TicketUnknown => "ticket_unknown",
            Self::TicketForeign => "ticket_foreign",
            Self::TicketUsed { .. } => "ticket_used",
            Self::TicketRefunded => "ticket_refunded",
            Self::TicketCancelled => "ticket_cancelled",
            Self::TicketTransferred => "ticket_transferred",
            Self::NonceReused => "nonce_reused",
            Self::RefundUnknown => "refund_unknown",
            Self::NothingToRefund => "nothing_to_refund",
            Self::RefundExceedsPaid { .. } => "refund_exceeds_paid",
        }
    }

    /// One of every kind, for adapters' tests that nothing is left unmapped.
    #[cfg(feature = "testing")]
    pub fn examples() -> Vec<Self> {
        let at = Timestamp::UNIX_EPOCH;
        let ticket_type_id = TicketTypeId(1);
        vec![
            Self::EmailTaken,
            Self::UsernameTaken,
            Self::CategoryTaken,
            Self::CategoryUnknown,
            Self::EventUnknown { event_id: EventId(1) },
            Self::EventCancelled,
            Self::EventOver { ended_at: at },
            Self::TicketTypeUnknown { ticket_type_id },
            Self::TicketTypeNeeded { types: 2 },
            Self::SoldOut { ticket_type_id, available: 0 },
            Self::TotalTooLarge,
            Self::KeyReused,
            Self::OrderUnknown,
            Self::HoldExpired,
            Self::OrderCancelled,
            Self::OrderPaid,
            Self::PaymentInProgress,
            Self::AttemptUnknown,
            Self::NotInReview,
            Self::TicketUnknown,
            Self::TicketForeign,
            Self::TicketUsed { used_at: at, gate: Some("north".to_owned()) },
            Self::TicketRefunded,
            Self::TicketCancelled,
            Self::TicketTransferred,
            Self::NonceReused,
            Self::RefundUnknown,
            Self::NothingToRefund,
            Self::RefundExceedsPaid { refundable: Money::zero(super::money::Currency::NGN) },
        ]
    }
}
