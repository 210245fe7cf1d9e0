//! The domain: types and rules of ticket sales. Pure functions without I/O, clock and randomness; `now`, ids and codes are
//! arguments.

pub mod account;
pub mod audit;
pub mod book;
pub mod check_in;
pub mod code;
pub mod event;
pub mod id;
pub mod limit;
pub mod money;
pub mod order;
pub mod outbox;
pub mod page;
pub mod payment;
pub mod principal;
pub mod refund;
pub mod refusal;
pub mod request;
pub mod rules;
pub mod ticket;
pub mod webhook;
mod words;

#[cfg(test)]
mod tests {
    use super::*;

    /// Row types are `#[non_exhaustive]`, so a storage outside this crate makes them by deserializing.
    #[test]
    fn every_row_type_can_be_written_and_read_with_serde() {
        fn row<T: serde::Serialize + serde::de::DeserializeOwned>() {}
        row::<account::Account>();
        row::<audit::AuditLine>();
        row::<check_in::CheckIn>();
        row::<event::Category>();
        row::<event::Event>();
        row::<event::TicketType>();
        row::<order::Order>();
        row::<outbox::OutboxMail>();
        row::<payment::Attempt>();
        row::<payment::Payment>();
        row::<refund::Refund>();
        row::<request::StoredRequest>();
        row::<ticket::Ticket>();
        row::<webhook::StoredWebhook>();
    }
}
