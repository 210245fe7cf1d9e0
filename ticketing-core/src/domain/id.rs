//! Integer ids: small, public, and never secret. They stay below 2^53 so that JavaScript reads them exactly.

/// The largest id and the largest amount that leave this crate: 2^53 - 1, JavaScript's `Number.MAX_SAFE_INTEGER`.
pub const MAX_SAFE_INTEGER: i64 = 9_007_199_254_740_991;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<i64> for $name {
            fn from(id: i64) -> Self {
                Self(id)
            }
        }

        impl super::row::Field for $name {
            const KINDS: &'static [super::row::Kind] = &[super::row::Kind::Int];

            fn store(&self, to: &mut dyn super::row::Sink) {
                to.int(Some(self.0));
            }

            fn read(from: &mut dyn super::row::Source) -> Result<Option<Self>, super::row::RowError> {
                Ok(from.int()?.map(Self))
            }
        }
    )*};
}

ids! {
    /// An [`Account`](crate::domain::account::Account)'s id.
    AccountId,
    /// A [`Category`](crate::domain::category::Category)'s id.
    CategoryId,
    /// An [`Event`](crate::domain::event::Event)'s id.
    EventId,
    /// A [`TicketType`](crate::domain::event::TicketType)'s id, unique over all events.
    TicketTypeId,
    /// An [`Order`](crate::domain::order::Order)'s id.
    OrderId,
    /// A [`Ticket`](crate::domain::ticket::Ticket)'s id.
    TicketId,
    /// A [`Refund`](crate::domain::refund::Refund)'s id.
    RefundId,
    /// A [`PromoCode`](crate::domain::promo_code::PromoCode)'s id.
    PromoCodeId,
    /// An [`Organisation`](crate::domain::organisation::Organisation)'s id.
    OrganisationId,
    /// The id of a [`Member`](crate::domain::organisation::Member) of an organisation.
    MemberId,
    /// A [`Proof`](crate::domain::proof::Proof)'s id.
    ProofId,
    /// The id of a [session](crate::domain::session::StoredSession).
    SessionId,
    /// The id of an [API key](crate::domain::api_key::ApiKey).
    ApiKeyId,
    /// The id of a mail waiting in the outbox.
    MailId,
    /// A [`Notice`](crate::domain::notice::Notice)'s id.
    NoticeId,
    /// A [`Transfer`](crate::domain::transfer::Transfer)'s id.
    TransferId,
    /// The id of a [message to attendees](crate::domain::message::Message).
    MessageId,
    /// The id of an entry of the audit log.
    AuditId,
    /// The id of a stored webhook.
    WebhookId,
}
