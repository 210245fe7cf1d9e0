//! Refusals: the errors that the domain's rules return. Callers plan for them; they carry facts.

use super::account::ErasureBlock;
use super::factor::FactorTicket;
use super::id::{EventId, TicketId, TicketTypeId};
use super::money::{Currency, Money};
use super::ticket::TicketStatus;
use jiff::Timestamp;

/// Why the rules refused an operation. Nothing was changed.
///
/// Adapters need no list of the variants: [`code`](Self::code), the text and [`facts`](Self::facts) say everything.
/// `Refusal::examples` (feature `testing`) has one of each, for tests that an adapter knows every code.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Refusal {
    /// An account with this e-mail address exists.
    #[error("Email already registered")]
    EmailTaken,
    /// An account with this user name exists.
    #[error("Username already taken")]
    UsernameTaken,
    /// The account is the last active administrator, who can be neither demoted nor disabled.
    #[error("This is the last active administrator. Make another account an administrator first")]
    LastAdmin,
    /// Something stands in the way of erasing the account: it is still needed.
    #[error("The account cannot be erased yet: {}", .by.why())]
    ErasureBlocked {
        /// What it is.
        by: ErasureBlock,
    },
    /// The account is the last active owner of the organisation, who can neither leave nor get another role.
    #[error("This is the organisation's last owner. Make another member an owner first")]
    LastOwner,
    /// The actor may not give or take away these permissions: they do not have them.
    #[error("You cannot give or take away permissions that you do not have")]
    NotGranted,
    /// There is no organisation that the actor is a member of.
    #[error("Organisation not found")]
    OrganisationUnknown,
    /// There is no account that can be a member, or it is no member.
    #[error("There is no account with this verified e-mail address")]
    AccountUnknown,
    /// The organisation has as many members as it may have.
    #[error("The organisation has too many members")]
    TooManyMembers {
        /// How many it may have.
        limit: i64,
    },
    /// The organisation has as many open invitations as it may have.
    #[error("The organisation has too many open invitations. Withdraw one first")]
    TooManyInvitations {
        /// How many it may have.
        limit: i64,
    },
    /// The organisation has no such invitation, or it was accepted.
    #[error("Invitation not found")]
    InvitationUnknown,
    /// The account is in as many organisations as it may be, or has founded as many as it may.
    #[error("This account has too many organisations")]
    TooManyOrganisations {
        /// How many it may have.
        limit: i64,
    },
    /// The organisation requires a second factor of its members, and the account has none.
    #[error("This organisation requires a second factor. Add one to your account first")]
    SecondFactorRequired,
    /// There is no API key that the actor may manage, or it does not work any more.
    #[error("API key not found")]
    ApiKeyUnknown,
    /// The account has as many API keys as it may have.
    #[error("This account has too many API keys. Revoke one first")]
    TooManyApiKeys {
        /// How many it may have.
        limit: i64,
    },
    /// The account's e-mail address must be verified first.
    #[error("Verify your e-mail address first")]
    EmailUnverified,
    /// The guest who bought the order has not given an address yet.
    #[error("The order needs an e-mail address before it can be paid")]
    BuyerUnnamed,
    /// A category with this name exists.
    #[error("Category already exists")]
    CategoryTaken,
    /// There is no such category.
    #[error("Category not found")]
    CategoryUnknown,
    /// There is no such event.
    #[error("Event not found")]
    EventUnknown {
        /// The requested id.
        event_id: EventId,
    },
    /// The event is a draft.
    #[error("The event is a draft. Publish it first")]
    EventDraft,
    /// The event was cancelled.
    #[error("Event is cancelled")]
    EventCancelled,
    /// Ticket sales have ended: the event is over, or it has no end and began more than 24 hours ago.
    #[error("Ticket sales for this event have ended")]
    EventOver {
        /// When sales ended.
        ended_at: Timestamp,
    },
    /// The event would begin or end in the past.
    #[error("The event would be in the past")]
    EventPast,
    /// The event has no such ticket type.
    #[error("Ticket type not found")]
    TicketTypeUnknown {
        /// The requested id.
        ticket_type_id: TicketTypeId,
    },
    /// A line of the order names no ticket type, and the event has several.
    #[error("A ticket type is required: the event has several")]
    TicketTypeNeeded,
    /// There are fewer places left than requested.
    #[error("Event sold out")]
    SoldOut {
        /// The ticket type.
        ticket_type_id: TicketTypeId,
        /// How many places are left.
        available: i64,
    },
    /// The buyer already has as many unpaid orders for this event as one buyer may have.
    #[error("You have too many unpaid orders for this event. Pay or cancel one of them, or wait until one expires")]
    TooManyHolds {
        /// How many a buyer may have.
        limit: i64,
    },
    /// The buyer would have more tickets than one buyer may have: of the event, of a type, or of what is free.
    #[error("This is more than one buyer may have of these tickets")]
    BuyerLimit {
        /// How many the buyer may still have.
        left: i64,
    },
    /// Sales are paused, of the event or of the ticket type.
    #[error("Ticket sales are paused")]
    SalesPaused,
    /// Tickets are not sold at this time: of the event, or of the ticket type.
    #[error("These tickets are not on sale now")]
    NotOnSale {
        /// From when on they are sold, if that was set.
        from: Option<Timestamp>,
        /// Until when they are sold, if that was set.
        until: Option<Timestamp>,
    },
    /// The order has fewer tickets than one order must have.
    #[error("An order must have more of these tickets")]
    TooFew {
        /// The fewest tickets.
        min: i64,
    },
    /// The order has more tickets than one order may have.
    #[error("An order cannot have so many of these tickets")]
    TooMany {
        /// The most tickets.
        max: i64,
    },
    /// There is no such promo code, or it is not good now, or it is for another event: one answer, so that nobody learns which.
    #[error("This promo code is not valid")]
    CodeUnknown,
    /// The promo code was used as often as it may be.
    #[error("This promo code was used up")]
    CodeUsedUp {
        /// How many tickets can still be bought with it.
        left: i64,
    },
    /// The buyer or the order would have more tickets with the promo code than allowed.
    #[error("This promo code is not valid for so many tickets")]
    CodeLimit {
        /// How many tickets can still be bought with it.
        left: i64,
    },
    /// The order would cost something else than the buyer was shown.
    #[error("The price has changed")]
    PriceChanged {
        /// What the order costs now.
        total: Money,
    },
    /// The event has a promo code with this text, with other settings.
    #[error("The event has another promo code with this text")]
    CodeTaken,
    /// The event or the promo code changed since the caller read it.
    #[error("It was changed by somebody else. Read it again")]
    Stale {
        /// Its current version.
        current: i64,
    },
    /// The capacity would be less than what is taken.
    #[error("The capacity cannot be less than what is held and sold")]
    CapacityTooLow {
        /// How many places are held and sold.
        taken: i64,
        /// The ticket type, unless it is the event's own capacity.
        ticket_type_id: Option<TicketTypeId>,
    },
    /// There are orders, so this cannot change any more.
    #[error("There are orders for this event")]
    HasOrders,
    /// A published event must keep a ticket type that everybody sees.
    #[error("The event needs a ticket type that is neither removed nor secret")]
    LastType,
    /// The order's total is too large.
    #[error("The order is too large")]
    TotalTooLarge,
    /// The idempotency key was used before, for something else.
    #[error("This key was used before, for something else")]
    KeyReused,
    /// There is no such order.
    #[error("Order not found")]
    OrderUnknown,
    /// The hold expired.
    #[error("The hold on these places has run out")]
    HoldExpired,
    /// The order was cancelled.
    #[error("The order was cancelled")]
    OrderCancelled,
    /// The order is paid already.
    #[error("The order is already paid")]
    OrderPaid,
    /// A payment of the order is in progress, so it cannot be cancelled.
    #[error("A payment of this order is in progress")]
    PaymentInProgress,
    /// There is no such payment attempt.
    #[error("Payment not found")]
    AttemptUnknown,
    /// The payment attempt is not in review.
    #[error("This payment is not waiting for a decision")]
    NotInReview,
    /// There is no such ticket.
    #[error("Ticket not found")]
    TicketUnknown,
    /// The ticket is for another organiser's event.
    #[error("This ticket is for another organiser's event")]
    TicketForeign,
    /// The ticket was used.
    #[error("This ticket was used before")]
    TicketUsed {
        /// When it was used.
        used_at: Timestamp,
        /// At which entrance, if the scanner said.
        gate: Option<String>,
    },
    /// The ticket was refunded, or its refund is in progress.
    #[error("This ticket was refunded")]
    TicketRefunded,
    /// The ticket is void.
    #[error("This ticket was cancelled")]
    TicketCancelled,
    /// The ticket was transferred to somebody else, under another code.
    #[error("This ticket was transferred to somebody else")]
    TicketTransferred,
    /// The ticket is for another event than the entrance. It stays unused.
    #[error("This ticket is for another event")]
    WrongEvent {
        /// The ticket's event.
        event_id: EventId,
    },
    /// The scan's nonce was used before, for another ticket or entrance.
    #[error("This scan nonce was used for another ticket")]
    NonceReused,
    /// The scan was undone. It admits nobody; a new scan does.
    #[error("This scan was undone")]
    ScanAnnulled {
        /// When it was undone.
        annulled_at: Timestamp,
    },
    /// There is no such scan.
    #[error("Scan not found")]
    ScanUnknown,
    /// The scan is too old to be undone.
    #[error("This scan is too old to be undone")]
    AnnulTooLate {
        /// Until when it could be undone.
        until: Timestamp,
    },
    /// The mail was sent not long ago.
    #[error("This mail was sent a short time ago")]
    MailSent {
        /// From when it may be sent again.
        again_at: Timestamp,
    },
    /// The tickets of the order were sent again too often.
    #[error("The tickets of this order were sent too often")]
    TooManyResends {
        /// From when they may be sent again.
        again_at: Timestamp,
    },
    /// The order has no valid ticket.
    #[error("This order has no valid tickets")]
    NoValidTickets,
    /// The gateway has not answered about the refund for good.
    #[error("This refund is in progress")]
    RefundInProgress,
    /// The proof cannot be used: there is none, it is for something else, it was used or replaced, or it has expired. One answer, so
    /// that nobody learns which.
    #[error("This link or code is not valid any more")]
    ProofUnknown,
    /// The code that was mailed is another one.
    #[error("This code is wrong")]
    MailCodeWrong {
        /// How many more wrong codes there may be until this one is of no use any more.
        left: i64,
    },
    /// Too many proofs of this purpose were begun for the address.
    #[error("Too many mails were requested for this address")]
    TooManyProofs {
        /// When the next is allowed.
        again_at: Timestamp,
    },
    /// The password is right, and a code of the second factor is needed too.
    #[error("A code of your second factor is needed")]
    SecondFactorWanted {
        /// What to send with the code. It is no session.
        ticket: FactorTicket,
        /// Until when it can be sent.
        until: Timestamp,
    },
    /// The code is wrong, or was used before.
    #[error("This code is wrong, or was used before")]
    SecondFactorWrong {
        /// How many more wrong codes there may be until no code is taken for a while.
        left: i64,
    },
    /// There were too many wrong codes, so no code is taken for a while.
    #[error("Too many wrong codes. Please try again later")]
    SecondFactorClosed {
        /// From when on codes are taken again.
        again_at: Timestamp,
    },
    /// The account has a second factor already.
    #[error("The account has a second factor already")]
    SecondFactorOn,
    /// The account has no second factor, or none that was begun and waits for its first code.
    #[error("The account has no second factor")]
    SecondFactorOff,
    /// The other ticket type costs more than the ticket did.
    #[error("The other ticket type is dearer")]
    PriceHigher {
        /// How much more it costs.
        difference: Money,
    },
    /// There is no such transfer: it was withdrawn or replaced, has expired, or never was. One answer, so that nobody learns which.
    #[error("This ticket is not offered to you any more")]
    TransferUnknown,
    /// The ticket cannot be transferred: the event does not allow it, or not any more.
    #[error("This ticket cannot be transferred")]
    TransferClosed,
    /// The ticket was offered too often.
    #[error("This ticket was offered too often")]
    TooManyTransfers {
        /// From when it may be offered again.
        again_at: Timestamp,
    },
    /// Questions of the event must be answered first.
    #[error("Some questions must be answered first: {questions}")]
    AnswersRequired {
        /// The keys of the questions, separated by commas.
        questions: String,
    },
    /// There is no such message.
    #[error("Message not found")]
    MessageUnknown,
    /// Too many messages were sent to the attendees of the event.
    #[error("Too many messages were sent to the attendees of this event")]
    TooManyMessages {
        /// From when the next may be sent.
        again_at: Timestamp,
    },
    /// There is no such refund.
    #[error("Refund not found")]
    RefundUnknown,
    /// Nothing is left to refund.
    #[error("Nothing is left to refund")]
    NothingToRefund,
    /// The buyer cannot return tickets of this order: its date or place did not change, or the time for it is over.
    #[error("Tickets of this order cannot be returned now")]
    ReturnNotOpen {
        /// Until when they could be returned, if they ever could.
        until: Option<Timestamp>,
    },
    /// The ticket does not belong to this order.
    #[error("The ticket does not belong to this order")]
    TicketNotInOrder {
        /// The requested id.
        ticket_id: TicketId,
    },
    /// The ticket is not valid any more, so it cannot be refunded or made void.
    #[error("The ticket is not valid any more")]
    TicketNotValid {
        /// The ticket.
        ticket_id: TicketId,
        /// Its status.
        ticket_status: TicketStatus,
    },
    /// The payment gateway cannot charge the event's currency.
    #[error("The payment gateway cannot charge this currency")]
    CurrencyUnsupported {
        /// The currency.
        currency: Currency,
    },
    /// The refund would exceed what was paid.
    #[error("More than was paid would go back")]
    RefundExceedsPaid {
        /// What can still be refunded.
        refundable: Money,
    },
}

impl Refusal {
    /// The refusal's stable name, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::EmailTaken => "email_taken",
            Self::UsernameTaken => "username_taken",
            Self::LastAdmin => "last_admin",
            Self::ErasureBlocked { .. } => "erasure_blocked",
            Self::LastOwner => "last_owner",
            Self::NotGranted => "not_granted",
            Self::OrganisationUnknown => "organisation_unknown",
            Self::AccountUnknown => "account_unknown",
            Self::TooManyMembers { .. } => "too_many_members",
            Self::TooManyInvitations { .. } => "too_many_invitations",
            Self::InvitationUnknown => "invitation_unknown",
            Self::TooManyOrganisations { .. } => "too_many_organisations",
            Self::SecondFactorRequired => "second_factor_required",
            Self::ApiKeyUnknown => "api_key_unknown",
            Self::TooManyApiKeys { .. } => "too_many_api_keys",
            Self::EmailUnverified => "email_unverified",
            Self::BuyerUnnamed => "buyer_unnamed",
            Self::EventDraft => "event_draft",
            Self::TooManyResends { .. } => "too_many_resends",
            Self::NoValidTickets => "no_valid_tickets",
            Self::RefundInProgress => "refund_in_progress",
            Self::CategoryTaken => "category_taken",
            Self::CategoryUnknown => "category_unknown",
            Self::EventUnknown { .. } => "event_unknown",
            Self::EventCancelled => "event_cancelled",
            Self::EventOver { .. } => "event_over",
            Self::EventPast => "event_past",
            Self::TicketTypeUnknown { .. } => "ticket_type_unknown",
            Self::TicketTypeNeeded => "ticket_type_needed",
            Self::SoldOut { .. } => "sold_out",
            Self::TooManyHolds { .. } => "too_many_holds",
            Self::BuyerLimit { .. } => "buyer_limit",
            Self::SalesPaused => "sales_paused",
            Self::NotOnSale { .. } => "not_on_sale",
            Self::TooFew { .. } => "too_few",
            Self::TooMany { .. } => "too_many",
            Self::CodeUnknown => "code_unknown",
            Self::CodeUsedUp { .. } => "code_used_up",
            Self::CodeLimit { .. } => "code_limit",
            Self::PriceChanged { .. } => "price_changed",
            Self::CodeTaken => "code_taken",
            Self::Stale { .. } => "stale",
            Self::CapacityTooLow { .. } => "capacity_too_low",
            Self::HasOrders => "has_orders",
            Self::LastType => "last_type",
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
            Self::WrongEvent { .. } => "wrong_event",
            Self::NonceReused => "nonce_reused",
            Self::ScanAnnulled { .. } => "scan_annulled",
            Self::ScanUnknown => "scan_unknown",
            Self::AnnulTooLate { .. } => "annul_too_late",
            Self::ReturnNotOpen { .. } => "return_not_open",
            Self::TicketNotInOrder { .. } => "ticket_not_in_order",
            Self::TicketNotValid { .. } => "ticket_not_valid",
            Self::CurrencyUnsupported { .. } => "currency_unsupported",
            Self::MailSent { .. } => "mail_sent",
            Self::ProofUnknown => "proof_unknown",
            Self::MailCodeWrong { .. } => "mail_code_wrong",
            Self::TooManyProofs { .. } => "too_many_proofs",
            Self::SecondFactorWanted { .. } => "second_factor_wanted",
            Self::SecondFactorWrong { .. } => "second_factor_wrong",
            Self::SecondFactorClosed { .. } => "second_factor_closed",
            Self::SecondFactorOn => "second_factor_on",
            Self::SecondFactorOff => "second_factor_off",
            Self::PriceHigher { .. } => "price_higher",
            Self::TransferUnknown => "transfer_unknown",
            Self::TransferClosed => "transfer_closed",
            Self::TooManyTransfers { .. } => "too_many_transfers",
            Self::AnswersRequired { .. } => "answers_required",
            Self::MessageUnknown => "message_unknown",
            Self::TooManyMessages { .. } => "too_many_messages",
            Self::RefundUnknown => "refund_unknown",
            Self::NothingToRefund => "nothing_to_refund",
            Self::RefundExceedsPaid { .. } => "refund_exceeds_paid",
        }
    }

    /// What the refusal knows, by name: `ticket_type_id` and `available` of [`SoldOut`](Self::SoldOut), for example. Most know
    /// nothing beyond their code.
    pub fn facts(&self) -> impl Iterator<Item = (&'static str, Fact<'_>)> {
        let facts = match self {
            Self::EventUnknown { event_id } => [Some(("event_id", Fact::Id(event_id.0))), None],
            Self::EventOver { ended_at } => [Some(("ended_at", Fact::Time(*ended_at))), None],
            Self::TicketTypeUnknown { ticket_type_id } => [Some(("ticket_type_id", Fact::Id(ticket_type_id.0))), None],
            Self::SoldOut { ticket_type_id, available } => {
                [Some(("ticket_type_id", Fact::Id(ticket_type_id.0))), Some(("available", Fact::Count(*available)))]
            }
            Self::TooManyHolds { limit }
            | Self::TooManyMembers { limit }
            | Self::TooManyInvitations { limit }
            | Self::TooManyApiKeys { limit }
            | Self::TooManyOrganisations { limit } => [Some(("limit", Fact::Count(*limit))), None],
            Self::BuyerLimit { left } => [Some(("left", Fact::Count(*left))), None],
            Self::NotOnSale { from, until } => {
                [from.map(|from| ("from", Fact::Time(from))), until.map(|until| ("until", Fact::Time(until)))]
            }
            Self::TooFew { min } => [Some(("min", Fact::Count(*min))), None],
            Self::TooMany { max } => [Some(("max", Fact::Count(*max))), None],
            Self::CodeUsedUp { left }
            | Self::CodeLimit { left }
            | Self::SecondFactorWrong { left }
            | Self::MailCodeWrong { left } => [Some(("left", Fact::Count(*left))), None],
            Self::PriceChanged { total } => [Some(("total", Fact::Money(*total))), None],
            Self::Stale { current } => [Some(("current", Fact::Count(*current))), None],
            Self::CapacityTooLow { taken, ticket_type_id } => {
                [Some(("taken", Fact::Count(*taken))), ticket_type_id.map(|id| ("ticket_type_id", Fact::Id(id.0)))]
            }
            Self::TicketUsed { used_at, gate } => {
                [Some(("used_at", Fact::Time(*used_at))), Some(("gate", Fact::Text(gate.as_deref())))]
            }
            Self::WrongEvent { event_id } => [Some(("event_id", Fact::Id(event_id.0))), None],
            Self::ScanAnnulled { annulled_at } => [Some(("annulled_at", Fact::Time(*annulled_at))), None],
            Self::AnnulTooLate { until } => [Some(("until", Fact::Time(*until))), None],
            Self::ReturnNotOpen { until } => [until.map(|until| ("until", Fact::Time(until))), None],
            Self::TicketNotInOrder { ticket_id } => [Some(("ticket_id", Fact::Id(ticket_id.0))), None],
            Self::TicketNotValid { ticket_id, ticket_status } => [
                Some(("ticket_id", Fact::Id(ticket_id.0))),
                Some(("ticket_status", Fact::Text(Some(ticket_status.name())))),
            ],
            Self::CurrencyUnsupported { currency } => [Some(("currency", Fact::Text(Some(currency.code())))), None],
            Self::MailSent { again_at }
            | Self::TooManyResends { again_at }
            | Self::TooManyProofs { again_at }
            | Self::SecondFactorClosed { again_at } => [Some(("again_at", Fact::Time(*again_at))), None],
            Self::SecondFactorWanted { ticket, until } => {
                [Some(("ticket", Fact::Text(Some(&ticket.0)))), Some(("until", Fact::Time(*until)))]
            }
            Self::PriceHigher { difference } => [Some(("difference", Fact::Money(*difference))), None],
            Self::TooManyTransfers { again_at } => [Some(("again_at", Fact::Time(*again_at))), None],
            Self::AnswersRequired { questions } => [Some(("questions", Fact::Text(Some(questions)))), None],
            Self::TooManyMessages { again_at } => [Some(("again_at", Fact::Time(*again_at))), None],
            Self::ErasureBlocked { by } => [Some(("by", Fact::Text(Some(by.name())))), None],
            Self::RefundExceedsPaid { refundable } => [Some(("refundable", Fact::Money(*refundable))), None],
            Self::EmailTaken
            | Self::UsernameTaken
            | Self::CategoryTaken
            | Self::CategoryUnknown
            | Self::TicketTypeNeeded
            | Self::EventCancelled
            | Self::EventDraft
            | Self::NoValidTickets
            | Self::RefundInProgress
            | Self::EventPast
            | Self::SalesPaused
            | Self::CodeUnknown
            | Self::CodeTaken
            | Self::HasOrders
            | Self::LastType
            | Self::LastAdmin
            | Self::LastOwner
            | Self::NotGranted
            | Self::OrganisationUnknown
            | Self::AccountUnknown
            | Self::InvitationUnknown
            | Self::ApiKeyUnknown
            | Self::SecondFactorRequired
            | Self::EmailUnverified
            | Self::BuyerUnnamed
            | Self::TotalTooLarge
            | Self::KeyReused
            | Self::OrderUnknown
            | Self::HoldExpired
            | Self::OrderCancelled
            | Self::OrderPaid
            | Self::PaymentInProgress
            | Self::AttemptUnknown
            | Self::NotInReview
            | Self::TicketUnknown
            | Self::TicketForeign
            | Self::TicketRefunded
            | Self::TicketCancelled
            | Self::TicketTransferred
            | Self::NonceReused
            | Self::ScanUnknown
            | Self::ProofUnknown
            | Self::SecondFactorOn
            | Self::SecondFactorOff
            | Self::TransferUnknown
            | Self::TransferClosed
            | Self::MessageUnknown
            | Self::RefundUnknown
            | Self::NothingToRefund => [None, None],
        };
        facts.into_iter().flatten()
    }

    /// One of every variant, for tests that an adapter maps them all. A test checks that none is missing.
    #[cfg(feature = "testing")]
    pub fn examples() -> Vec<Self> {
        let at = Timestamp::UNIX_EPOCH;
        let ticket_type_id = TicketTypeId(1);
        vec![
            Self::EmailTaken,
            Self::UsernameTaken,
            Self::LastAdmin,
            Self::ErasureBlocked { by: ErasureBlock::Events },
            Self::LastOwner,
            Self::NotGranted,
            Self::OrganisationUnknown,
            Self::AccountUnknown,
            Self::TooManyMembers { limit: 200 },
            Self::TooManyInvitations { limit: 100 },
            Self::InvitationUnknown,
            Self::TooManyOrganisations { limit: 50 },
            Self::ApiKeyUnknown,
            Self::SecondFactorRequired,
            Self::TooManyApiKeys { limit: 100 },
            Self::EmailUnverified,
            Self::BuyerUnnamed,
            Self::CategoryTaken,
            Self::CategoryUnknown,
            Self::EventUnknown { event_id: EventId(1) },
            Self::EventCancelled,
            Self::EventDraft,
            Self::TooManyResends { again_at: at },
            Self::NoValidTickets,
            Self::RefundInProgress,
            Self::EventOver { ended_at: at },
            Self::EventPast,
            Self::TicketTypeUnknown { ticket_type_id },
            Self::TicketTypeNeeded,
            Self::SoldOut { ticket_type_id, available: 0 },
            Self::TooManyHolds { limit: 5 },
            Self::BuyerLimit { left: 0 },
            Self::SalesPaused,
            Self::NotOnSale { from: Some(at), until: Some(at) },
            Self::TooFew { min: 2 },
            Self::TooMany { max: 4 },
            Self::CodeUnknown,
            Self::CodeUsedUp { left: 0 },
            Self::CodeLimit { left: 1 },
            Self::PriceChanged { total: Money::zero(Currency::NGN) },
            Self::CodeTaken,
            Self::Stale { current: 2 },
            Self::CapacityTooLow { taken: 3, ticket_type_id: Some(ticket_type_id) },
            Self::HasOrders,
            Self::LastType,
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
            Self::WrongEvent { event_id: EventId(1) },
            Self::NonceReused,
            Self::ScanAnnulled { annulled_at: at },
            Self::ScanUnknown,
            Self::AnnulTooLate { until: at },
            Self::ReturnNotOpen { until: Some(at) },
            Self::TicketNotInOrder { ticket_id: TicketId(1) },
            Self::TicketNotValid { ticket_id: TicketId(1), ticket_status: TicketStatus::Refunded },
            Self::CurrencyUnsupported { currency: Currency::NGN },
            Self::MailSent { again_at: at },
            Self::ProofUnknown,
            Self::TooManyProofs { again_at: at },
            Self::MailCodeWrong { left: 3 },
            Self::SecondFactorWanted { ticket: FactorTicket("ticket".to_owned()), until: at },
            Self::SecondFactorWrong { left: 4 },
            Self::SecondFactorClosed { again_at: at },
            Self::SecondFactorOn,
            Self::SecondFactorOff,
            Self::PriceHigher { difference: Money::zero(Currency::NGN) },
            Self::TransferUnknown,
            Self::TransferClosed,
            Self::TooManyTransfers { again_at: at },
            Self::AnswersRequired { questions: "diet".to_owned() },
            Self::MessageUnknown,
            Self::TooManyMessages { again_at: at },
            Self::RefundUnknown,
            Self::NothingToRefund,
            Self::RefundExceedsPaid { refundable: Money::zero(super::money::Currency::NGN) },
        ]
    }
}

/// Something that a [`Refusal`] knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fact<'a> {
    /// The id of something.
    Id(i64),
    /// A number of things.
    Count(i64),
    /// A point in time.
    Time(Timestamp),
    /// A text, where there is one.
    Text(Option<&'a str>),
    /// An amount of money.
    Money(Money),
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use super::Refusal;
    use std::collections::BTreeSet;

    /// serde derives the list of variants, and names them all when it meets an unknown one.
    #[test]
    fn examples_has_every_variant_once_under_its_code() {
        let unknown = serde_json::from_str::<Refusal>("\"?\"").unwrap_err().to_string();
        let (_, expected) = unknown.split_once("expected one of ").unwrap();
        let variants: BTreeSet<&str> = expected.split('`').skip(1).step_by(2).collect();
        let examples = Refusal::examples();
        let codes: BTreeSet<&str> = examples.iter().map(Refusal::code).collect();
        assert_eq!(codes, variants);
        assert_eq!(examples.len(), variants.len());
    }

    #[test]
    fn names_of_facts_are_unique_within_a_refusal_and_are_those_of_its_fields() {
        for refusal in Refusal::examples() {
            let mut found: Vec<&str> = refusal.facts().map(|(name, _)| name).collect();
            let fields = match serde_json::to_value(&refusal).unwrap() {
                serde_json::Value::Object(tagged) => tagged[refusal.code()].as_object().unwrap().clone(),
                _ => serde_json::Map::new(),
            };
            let mut expected: Vec<&str> = fields.keys().map(String::as_str).collect();
            expected.sort_unstable();
            found.sort_unstable();
            assert_eq!(found, expected, "{}", refusal.code());
        }
    }
}
