//! Where everything is kept.
#![cfg_attr(
    all(feature = "sqlite", feature = "postgres"),
    allow(clippy::duplicate_mod, reason = "storage/sql is compiled once for each database, with its own types")
)]

use crate::domain::account::{Account, AccountChange, AccountKey, NewAccount};
use crate::domain::check_in::{CheckIn, Scan};
use crate::domain::code::{Reference, Seed};
use crate::domain::event::{Category, Event, EventFilter, NewCategory, NewEvent};
use crate::domain::id::{AccountId, EventId, MailId, OrderId, RefundId, TicketId};
use crate::domain::limit::{Take, Taken};
use crate::domain::order::{Hold, Order, OrderFilter, OrderKey, Release};
use crate::domain::outbox::{MailReport, OutboxMail};
use crate::domain::page::{Page, PageRequest};
use crate::domain::payment::{Attempt, CheckoutReport, OpenAttempt, OpenedAttempt, Payment, Settle, Settlement};
use crate::domain::principal::Principal;
use crate::domain::refund::{Refund, RefundReport, RefundRequest};
use crate::domain::refusal::Refusal;
use crate::domain::request::{Answer, BeginRequest, Begun};
use crate::domain::rules::Resolve;
use crate::domain::ticket::{Ticket, TicketFilter, TicketKey};
use crate::domain::webhook::{NewWebhook, StoredWebhook, WebhookReport};
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

#[cfg(feature = "testing")]
pub mod conformance;
mod invariants;
pub mod memory;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod sql;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod watch;

pub use watch::{Connections, Gauges};

/// What an operation on one item came to: done, or refused by the rules.
pub type Outcome<T> = Result<T, Refusal>;

/// Keeps everything, by few atomic operations of the domain. In memory, SQLite and PostgreSQL come with the
/// crate; write your own by implementing this and passing the conformance kit.
///
/// # Contract
/// Behind each sentence stand the cases of the conformance kit (feature `testing`) that prove it. What the single
/// operations do is proved by the cases in the file of their noun, each refusal beside its success.
///
/// - **Atomicity**: a call commits whole or not at all, whatever crashes (`races::a_dropped_call_is_done_or_not_done`,
///   `races::who_reads_while_others_write_never_sees_a_half`). `Ok` means that it is on stable storage: that no kit
///   can prove, so each storage has tests of its own.
/// - **Batches**: a write takes a slice and returns one outcome per item, in order. Each item sees what the earlier
///   ones did. An item that the rules refuse changes nothing and does not stop the others
///   (`batches::later_holds_see_the_places_that_earlier_ones_took`, `batches::later_settlements_see_earlier_ones`,
///   `batches::later_refunds_and_scans_see_earlier_ones`, `batches::later_accounts_see_earlier_ones`,
///   `batches::later_events_see_earlier_ones`, `batches::later_reports_see_earlier_ones`,
///   `batches::a_batch_may_be_about_many_events`). An empty one does nothing (`batches::an_empty_batch_does_nothing`).
/// - **Rules**: what an operation does is said by the function of the same name in [`rules`](crate::domain::rules). A
///   storage loads the rows that a call names, applies the rule, and writes the difference
///   (`model::random_commands_act_as_in_memory`: every answer and every read, to the last id).
/// - **Isolation**: concurrent calls act as if one came after the other, from any number of threads and, where the
///   storage is shared, processes (`races::money_at_the_deadline_becomes_tickets_or_goes_back`,
///   `races::two_attempts_that_succeed_at_once_buy_once`, `races::a_ticket_scanned_sixteen_times_at_once_lets_one_in`,
///   `races::a_review_is_decided_once`, `races::calling_off_while_everybody_buys_leaves_nobody_behind`). A read is of
///   one moment, all of it (`races::who_reads_while_others_write_never_sees_a_half`). In particular `held + sold <=
///   capacity` holds at every moment, for every type and every event (`races::the_last_place_goes_to_one_buyer`,
///   `races::sixty_four_buyers_get_ten_places_of_two_types`).
/// - **Idempotency**: a repeat with the same key (order reference, attempt reference, scan nonce, refund key) and the
///   same content finds what the first call made; with other content it is refused. So a call whose answer was lost
///   may be repeated (`orders::a_repeated_hold_finds_the_same_order`,
///   `orders::a_reference_used_for_something_else_is_refused`,
///   `attempts::an_attempt_reads_back_and_a_repeat_finds_it`, `settle::the_same_success_again_changes_nothing`,
///   `refunds::a_repeated_refund_is_the_same_refund`, `tickets::a_nonce_belongs_to_one_scan`,
///   `events::an_event_made_again_under_its_key_is_the_same_event`, `webhooks::a_webhook_is_kept_byte_for_byte_once`,
///   and at once: `races::one_hold_asked_for_eight_times_is_one_order`,
///   `races::one_success_told_eight_times_issues_the_tickets_once`,
///   `races::one_scan_told_eight_times_gets_one_answer`, `races::one_refund_asked_for_eight_times_is_one_refund`,
///   `races::what_is_made_under_one_key_eight_times_at_once_is_made_once`).
/// - **Two kinds of no**: [`StorageError`] means that nothing of the call is known to be committed. A [`Refusal`] is
///   the domain's answer.
/// - **Second wall**: what the rules promise is also a constraint of the storage, so that a wrong rule fails loudly.
///   And [`check`](Self::check) finds what is wrong none the less: the kit asks it after every case.
/// - **Time** is passed in, in whole microseconds; a storage never reads a clock. What is read back equals what was
///   written (`events::an_event_reads_back_as_it_was_made`,
///   `orders::holds_end_when_they_have_run_out_and_not_before`).
/// - **Cancellation**: dropping a call's future leaves it done or not done, never half
///   (`races::a_dropped_call_is_done_or_not_done`), and whoever comes next meets no trace of it
///   (`races::a_dropped_read_leaves_nothing_behind`).
/// - **Claims** (`claim_…`) give each due item to one caller only, until its lease ends
///   (`outbox::a_claimed_mail_is_one_workers_only_until_the_lease_ends`,
///   `refunds::a_claimed_refund_is_marked_unknown_and_is_one_workers_only`,
///   `webhooks::a_claimed_webhook_is_one_workers_only_until_the_lease_ends`,
///   `polls::an_open_attempt_is_asked_about_less_and_less_often_until_it_lapses`,
///   `races::eight_workers_never_take_the_same_mail`,
///   `races::eight_workers_never_take_the_same_refund_poll_or_webhook`).
/// - **Lists** come in one order on every storage, page by page (`paging::events_come_in_pages`,
///   `paging::orders_come_in_pages`, `paging::tickets_come_in_pages`,
///   `filters::events_are_sorted_and_equal_ones_by_id`), and every letter of a searched text means itself, in any case
///   (`filters::every_letter_of_a_searched_text_means_itself`,
///   `filters::events_are_found_by_text_in_any_case_and_any_script`).
/// - A storage calls no gateway and no mailer: it has none.
///
/// What the caller guarantees: an account that acts or buys exists; a hold names each ticket type once, in the order
/// of their ids, each with at least one ticket; capacities are positive; no text contains a NUL; a seed is used once.
#[async_trait]
pub trait Storage: std::fmt::Debug + Send + Sync + 'static {
    /// How many batches of holds, of different events, are worth committing at once: more than one where the storage locks rows
    /// and not everything.
    fn batches_at_once(&self) -> usize {
        1
    }

    // Accounts.

    /// Makes accounts. Refuses a taken address or user name.
    async fn register(&self, now: Timestamp, new: &[NewAccount]) -> Result<Vec<Outcome<Account>>, StorageError>;

    /// Changes an account; `None` where there is none.
    async fn change_account(
        &self,
        now: Timestamp,
        id: AccountId,
        change: &AccountChange,
    ) -> Result<Option<Account>, StorageError>;

    /// Finds accounts. One answer for each key, in their order, also where one is named twice
    /// (`accounts::accounts_are_found_together_by_whatever_key`).
    async fn accounts(&self, keys: &[AccountKey]) -> Result<Vec<Option<Account>>, StorageError>;

    /// Finds one account.
    async fn account(&self, key: &AccountKey) -> Result<Option<Account>, StorageError> {
        Ok(self.accounts(std::slice::from_ref(key)).await?.pop().flatten())
    }

    // Events.

    /// Makes categories. Refuses a taken name.
    async fn put_categories(&self, new: &[NewCategory]) -> Result<Vec<Outcome<Category>>, StorageError>;

    /// All categories, by name.
    async fn categories(&self) -> Result<Vec<Category>, StorageError>;

    /// Makes events with their ticket types. Refuses an unknown category.
    async fn put_events(
        &self,
        now: Timestamp,
        organizer: &Principal,
        new: &[NewEvent],
    ) -> Result<Vec<Outcome<Event>>, StorageError>;

    /// Calls an event off. On repeat, nothing more happens.
    async fn cancel_event(&self, now: Timestamp, id: EventId) -> Result<Outcome<Event>, StorageError>;

    /// Finds an event.
    async fn event(&self, id: EventId) -> Result<Option<Event>, StorageError>;

    /// Lists events.
    async fn events(&self, filter: &EventFilter, page: PageRequest) -> Result<Page<Event>, StorageError>;

    // Orders.

    /// Takes places, or refuses.
    async fn hold(&self, now: Timestamp, wishes: &[Hold]) -> Result<Vec<Outcome<Order>>, StorageError>;

    /// Gives places of unpaid orders back.
    async fn release(&self, now: Timestamp, wishes: &[Release]) -> Result<Vec<Outcome<Order>>, StorageError>;

    /// Ends at most `limit` holds that have run out, the longest overdue first, and gives the orders.
    async fn expire_holds(&self, now: Timestamp, limit: u32) -> Result<Vec<Order>, StorageError>;

    /// Finds an order.
    async fn order(&self, key: &OrderKey) -> Result<Option<Order>, StorageError>;

    /// Lists orders, the newest first.
    async fn orders(&self, filter: &OrderFilter, page: PageRequest) -> Result<Page<Order>, StorageError>;

    // Payments.

    /// Writes attempts down, before any gateway is called. Says of each whether it was this call that did.
    async fn open_attempts(
        &self,
        now: Timestamp,
        wishes: &[OpenAttempt],
    ) -> Result<Vec<Outcome<OpenedAttempt>>, StorageError>;

    /// Writes down what came of asking for checkouts.
    async fn report_checkouts(
        &self,
        now: Timestamp,
        reports: &[CheckoutReport],
    ) -> Result<Vec<Outcome<Attempt>>, StorageError>;

    /// Applies what gateways say: order paid, tickets issued and mail owed together; or money recorded together with its
    /// refund or review. There is no moment at which money is recorded and its consequence is not.
    async fn settle(&self, now: Timestamp, said: &[Settle]) -> Result<Vec<Outcome<Settlement>>, StorageError>;

    /// Takes at most `limit` open attempts that are due to be asked about, the longest overdue first.
    async fn claim_polls(&self, now: Timestamp, limit: u32) -> Result<Vec<Attempt>, StorageError>;

    /// Finds orders, each with its tickets by id, as of one moment. One answer for each id, in their order, also where one is named
    /// twice (`orders::orders_are_found_together_each_with_its_tickets`).
    async fn purchases(&self, orders: &[OrderId]) -> Result<Vec<Option<(Order, Vec<Ticket>)>>, StorageError>;

    /// Finds attempts, each with the buyer of its order, as of one moment. One answer for each reference, in their order, also
    /// where one is named twice (`attempts::attempts_are_found_together_each_with_its_buyer`).
    async fn attempts(&self, references: &[Reference]) -> Result<Vec<Option<(Attempt, Principal)>>, StorageError>;

    /// Finds one attempt.
    async fn attempt(&self, reference: &Reference) -> Result<Option<Attempt>, StorageError> {
        let found = self.attempts(std::slice::from_ref(reference)).await?.pop();
        Ok(found.flatten().map(|(attempt, _)| attempt))
    }

    /// The whole story of an order's money, found by the order's reference or by one of its attempts'.
    async fn payment(&self, reference: &Reference) -> Result<Option<Payment>, StorageError>;

    /// What people should look at, of this organiser's events or of all, the oldest first: attempts in review or disputed,
    /// whose money goes back by itself, or with a refund that the gateway gave up or wants something for.
    async fn reviews(&self, organizer: Option<&Principal>, page: PageRequest) -> Result<Page<Attempt>, StorageError>;

    /// Applies people's decisions on attempts in review.
    async fn resolve_reviews(&self, now: Timestamp, wishes: &[Resolve]) -> Result<Vec<Outcome<Attempt>>, StorageError>;

    // Refunds.

    /// Decides refunds: tickets void, places free, money owed, mail owed, together.
    async fn request_refunds(
        &self,
        now: Timestamp,
        wishes: &[RefundRequest],
    ) -> Result<Vec<Outcome<Refund>>, StorageError>;

    /// Takes at most `limit` refunds that are due to be sent or looked up, as they stood before, the longest overdue first.
    async fn claim_refunds(
        &self,
        now: Timestamp,
        lease: SignedDuration,
        limit: u32,
    ) -> Result<Vec<Refund>, StorageError>;

    /// Writes down what gateways say of refunds.
    async fn report_refunds(
        &self,
        now: Timestamp,
        reports: &[RefundReport],
    ) -> Result<Vec<Outcome<Refund>>, StorageError>;

    /// Lets upkeep try a refund again that the gateway gave up.
    async fn retry_refund(
        &self,
        now: Timestamp,
        id: RefundId,
        actor: &Principal,
    ) -> Result<Outcome<Refund>, StorageError>;

    /// Undoes at most one order per seed of events that were called off, event after event, and gives those orders: the unpaid
    /// cancelled, the paid with their refund decided. Gives nothing once all are undone.
    async fn undo_cancelled_events(&self, now: Timestamp, seeds: &[Seed]) -> Result<Vec<Order>, StorageError>;

    // Tickets and check-ins.

    /// Finds a ticket.
    async fn ticket(&self, key: &TicketKey) -> Result<Option<Ticket>, StorageError>;

    /// Lists tickets, the newest first.
    async fn tickets(&self, filter: &TicketFilter, page: PageRequest) -> Result<Page<Ticket>, StorageError>;

    /// Lets holders in, each ticket once.
    async fn check_in(&self, now: Timestamp, scans: &[Scan]) -> Result<Vec<Outcome<CheckIn>>, StorageError>;

    /// The check-in of a ticket, if it was used.
    async fn check_in_of(&self, ticket: TicketId) -> Result<Option<CheckIn>, StorageError>;

    // Outbox.

    /// Takes at most `limit` mails that are due, the longest overdue first.
    async fn claim_mails(
        &self,
        now: Timestamp,
        lease: SignedDuration,
        limit: u32,
    ) -> Result<Vec<OutboxMail>, StorageError>;

    /// Writes down what came of tries to send; `None` where there is no such mail.
    async fn report_mails(
        &self,
        now: Timestamp,
        reports: &[MailReport],
    ) -> Result<Vec<Option<OutboxMail>>, StorageError>;

    /// Puts a mail that was sent or given up back into the queue; `None` where there is none.
    async fn resend_mail(&self, now: Timestamp, id: MailId) -> Result<Option<OutboxMail>, StorageError>;

    /// Mails that were given up, of this organiser's events or of all, oldest first.
    async fn dead_mails(
        &self,
        organizer: Option<&Principal>,
        page: PageRequest,
    ) -> Result<Page<OutboxMail>, StorageError>;

    /// Finds a mail.
    async fn mail(&self, id: MailId) -> Result<Option<OutboxMail>, StorageError>;

    /// The mails of an order, oldest first.
    async fn mails(&self, order: &OrderKey) -> Result<Vec<OutboxMail>, StorageError>;

    // Webhooks.

    /// Keeps webhooks, each event once; the flag says whether it was the first delivery.
    async fn receive_webhooks(
        &self,
        now: Timestamp,
        new: &[NewWebhook],
    ) -> Result<Vec<(StoredWebhook, bool)>, StorageError>;

    /// Takes at most `limit` webhooks that are due to be applied, the longest overdue first.
    async fn claim_webhooks(
        &self,
        now: Timestamp,
        lease: SignedDuration,
        limit: u32,
    ) -> Result<Vec<StoredWebhook>, StorageError>;

    /// Writes down what came of applying webhooks; `None` where there is no such webhook.
    async fn report_webhooks(
        &self,
        now: Timestamp,
        reports: &[WebhookReport],
    ) -> Result<Vec<Option<StoredWebhook>>, StorageError>;

    /// Makes the open refunds of an attempt due to be looked up, and gives them.
    async fn wake_refunds(&self, now: Timestamp, attempt: &Reference) -> Result<Vec<RefundId>, StorageError>;

    // Requests that are safe to repeat.

    /// Begins a request that names a key, or says what to do instead.
    async fn begin_request(&self, now: Timestamp, begin: &BeginRequest) -> Result<Begun, StorageError>;

    /// Keeps the answer of a request; without one, lets the request be made again at once.
    async fn finish_request(&self, now: Timestamp, scope: &str, answer: Option<&Answer>) -> Result<(), StorageError>;

    /// Forgets at most `limit` requests that are older than answers are kept, and says how many.
    async fn forget_requests(&self, now: Timestamp, limit: u32) -> Result<u32, StorageError>;

    // Limits.

    /// Takes tokens from quotas: all that are asked for, or none. A key is named once at most. What is counted may be forgotten by a crash.
    async fn take_tokens(&self, now: Timestamp, wishes: &[Take]) -> Result<Taken, StorageError>;

    /// Forgets at most `limit` quotas that are full, and says how many.
    async fn forget_tokens(&self, now: Timestamp, limit: u32) -> Result<u32, StorageError>;

    // Looking after it.

    /// Whether the storage can be asked, and is in the shape that this version wants. A storage that comes back later is ready
    /// again.
    async fn ready(&self) -> Result<(), StorageError>;

    /// How much is under way, as of one moment.
    async fn gauges(&self) -> Result<Gauges, StorageError>;

    /// Compares the counters with the rows that they count, and every other invariant; says in words what is wrong.
    /// Empty on a sound storage.
    async fn check(&self) -> Result<Vec<String>, StorageError>;
}

/// Trouble: nothing of the call is known to be committed. Repeating it is safe.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The storage cannot be reached, or is too busy. Worth trying again.
    #[error("the storage is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The storage cannot be used as it is configured, or is not one of ours.
    #[error("the storage cannot be used: {0}")]
    Unusable(String),
    /// What is stored, or was to be stored, breaks an invariant. A bug, or somebody changed rows by hand.
    #[error("storage invariant violated")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StorageError {
    /// The same trouble, for one more caller who had a part in it.
    pub(crate) fn again(error: &Arc<Self>) -> Self {
        match &**error {
            Self::Unavailable(_) => Self::Unavailable(Box::new(Arc::clone(error))),
            Self::Broken(_) => Self::Broken(Box::new(Arc::clone(error))),
            Self::Unusable(what) => Self::Unusable(what.clone()),
        }
    }
}
