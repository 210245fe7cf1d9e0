//! What a ticket sale is, and its rules. Pure: no I/O, no clock, no randomness; `now`, ids and codes are arguments.
//!
//! Each noun has a file: its types, the declaration of its table, and, in the folder beside it, its [commands](command::Command)
//! and [queries](command::Query), which are the rules. How rows are loaded, changed and written is the same for all nouns: see
//! [`working_set`], [`load`], [`table`] and [`row`].

// Nouns.
pub mod account;
pub mod api_key;
pub mod attendee;
pub mod audit;
pub mod category;
pub mod check_in;
pub mod event;
pub mod factor;
pub mod message;
pub mod notice;
pub mod order;
pub mod order_details;
pub mod organisation;
pub mod outbox;
pub mod payment;
pub mod payment_history;
pub mod promo_code;
pub mod proof;
pub mod refund;
pub mod request;
pub mod session;
pub mod ticket;
pub mod transfer;
pub mod webhook;

// What nouns share.
pub mod access;
pub mod code;
pub mod id;
pub mod invariants;
pub mod limit;
pub mod money;
pub mod page;
pub mod pricing;
pub mod principal;
pub mod refusal;
pub mod scope;
mod stock;
pub mod subject;
pub(crate) mod text;
pub mod time_zone;
pub(crate) mod wire_names;

// How all of them are loaded, changed and written.
pub mod command;
pub mod list;
pub mod load;
pub mod row;
pub mod shelf;
pub mod table;
pub mod working_set;

#[cfg(test)]
mod tests {
    use super::*;

    /// Row types are `#[non_exhaustive]`, so a storage outside this crate makes them by deserializing.
    #[test]
    fn every_row_type_can_be_written_and_read_with_serde() {
        fn row<T: serde::Serialize + serde::de::DeserializeOwned>() {}
        row::<account::Account>();
        row::<api_key::ApiKey>();
        row::<attendee::Attendee>();
        row::<audit::AuditLine>();
        row::<category::Category>();
        row::<check_in::CheckIn>();
        row::<event::Event>();
        row::<event::TicketType>();
        row::<factor::Factor>();
        row::<message::Message>();
        row::<notice::Notice>();
        row::<order::Order>();
        row::<order_details::OrderDetails>();
        row::<organisation::Member>();
        row::<organisation::Organisation>();
        row::<outbox::OutboxMail>();
        row::<payment::Attempt>();
        row::<payment_history::Payment>();
        row::<proof::Proof>();
        row::<refund::Refund>();
        row::<request::StoredRequest>();
        row::<session::StoredSession>();
        row::<ticket::Ticket>();
        row::<transfer::Transfer>();
        row::<webhook::StoredWebhook>();
    }
}
