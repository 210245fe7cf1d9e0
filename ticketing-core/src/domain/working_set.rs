//! The rows that a transaction works on, as loaded and as changed. A storage loads (and locks) the rows that a command needs, the
//! command changes them, and the storage writes the difference. So all storages decide alike, and a later command of a batch sees
//! the changes of the earlier ones.

use super::account::Account;
use super::api_key::ApiKey;
use super::attendee::Attendee;
use super::audit::AuditLine;
use super::category::Category;
use super::check_in::CheckIn;
use super::event::Event;
use super::factor::Factor;
use super::list::ListName;
use super::message::Message;
use super::notice::Notice;
use super::order::Order;
use super::order_details::OrderDetails;
use super::organisation::{Member, Organisation};
use super::outbox::OutboxMail;
use super::page::Page;
use super::payment::Attempt;
use super::promo_code::PromoCode;
use super::proof::Proof;
use super::refund::Refund;
use super::request::StoredRequest;
use super::row::{Field, Value};
use super::session::StoredSession;
use super::shelf::{AnyShelf, Shelf};
use super::table::{Record, Table};
use super::ticket::Ticket;
use super::transfer::Transfer;
use super::webhook::StoredWebhook;

/// The one list of nouns, owners first: rows are written in this order.
macro_rules! nouns {
    ($($(#[$doc:meta])* $record:ident in $shelf:ident;)*) => {
        /// A kind of record.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[non_exhaustive]
        pub enum Noun { $($(#[$doc])* $record),* }

        impl Noun {
            /// Every noun, owners first.
            pub const ALL: &'static [Noun] = &[$(Noun::$record),*];

            /// Its table.
            pub fn table(self) -> &'static Table {
                match self { $(Noun::$record => <$record as Record>::table()),* }
            }
        }

        /// The rows of a transaction.
        #[derive(Clone, Debug, Default)]
        #[non_exhaustive]
        pub struct WorkingSet {
            $($(#[$doc])* pub $shelf: Shelf<$record>,)*
            claims: Vec<(ListName, Vec<Value>)>,
            pages: Vec<(ListName, Page<Value>)>,
        }

        impl WorkingSet {
            /// The rows of a noun, without their type.
            pub fn shelf(&self, noun: Noun) -> &dyn AnyShelf {
                match noun { $(Noun::$record => &self.$shelf),* }
            }

            /// The rows of a noun, without their type, to be changed.
            pub fn shelf_mut(&mut self, noun: Noun) -> &mut dyn AnyShelf {
                match noun { $(Noun::$record => &mut self.$shelf),* }
            }
        }
    };
}

nouns! {
    /// Accounts by id.
    Account in accounts;
    /// Sessions by id.
    StoredSession in sessions;
    /// Second factors by account.
    Factor in factors;
    /// Proofs by id.
    Proof in proofs;
    /// Organisations by id.
    Organisation in organisations;
    /// Members of organisations by id.
    Member in members;
    /// API keys by id.
    ApiKey in api_keys;
    /// Categories by id.
    Category in categories;
    /// Events by id, with their ticket types.
    Event in events;
    /// Promo codes by id.
    PromoCode in promo_codes;
    /// Notices of changed events by id.
    Notice in notices;
    /// Messages to attendees by id.
    Message in messages;
    /// Orders by id, with their lines.
    Order in orders;
    /// What is known about orders, by order.
    OrderDetails in order_details;
    /// Attempts by reference.
    Attempt in attempts;
    /// Refunds by id.
    Refund in refunds;
    /// Tickets by id.
    Ticket in tickets;
    /// Attendees by ticket.
    Attendee in attendees;
    /// Transfers of tickets by id.
    Transfer in transfers;
    /// Check-ins by ticket.
    CheckIn in check_ins;
    /// Mails by id.
    OutboxMail in mails;
    /// Webhooks by id.
    StoredWebhook in webhooks;
    /// Requests with an idempotency key, by scope.
    StoredRequest in requests;
    /// Lines of the audit log by id.
    AuditLine in audit;
}

impl WorkingSet {
    /// The keys that a [claim](super::load::LoadKeys::claim) of this name has locked, the most overdue first.
    pub fn claimed<K: Field>(&self, name: impl Into<ListName>) -> Vec<K> {
        let name = name.into();
        let keys = self.claims.iter().filter(|(known, _)| *known == name).flat_map(|(_, keys)| keys);
        keys.filter_map(key_from).collect()
    }

    /// The keys of the page of a [list](super::load::LoadKeys::list) of this name.
    pub fn listed<K: Field>(&self, name: impl Into<ListName>) -> Page<K> {
        let name = name.into();
        match self.pages.iter().find(|(known, _)| *known == name) {
            Some((_, page)) => {
                Page { items: page.items.iter().filter_map(key_from).collect(), more: page.more, total: page.total }
            }
            None => Page { items: vec![], more: false, total: None },
        }
    }

    /// For storages: keeps the keys that a claim has locked.
    pub fn keep_claim(&mut self, name: ListName, keys: Vec<Value>) {
        self.claims.push((name, keys));
    }

    /// For storages: keeps the keys of a page.
    pub fn keep_page(&mut self, name: ListName, page: Page<Value>) {
        self.pages.push((name, page));
    }

    /// For storages that keep everything in one working set. Nothing has to be requested.
    pub fn whole() -> Self {
        let mut rows = Self::default();
        Noun::ALL.iter().for_each(|noun| rows.shelf_mut(*noun).set_whole());
        rows
    }
}

fn key_from<K: Field>(key: &Value) -> Option<K> {
    K::read(&mut vec![key.clone()].into_iter()).ok().flatten()
}
