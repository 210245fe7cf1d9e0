//! Where everything is kept.

use crate::domain::command::Work;
use crate::domain::limit::{Take, Taken};
use crate::domain::list::{List, Tallied, Tally};
use crate::domain::load::Needs;
use crate::domain::refusal::Refusal;
use crate::domain::row::RowError;
use crate::domain::working_set::WorkingSet;
use async_trait::async_trait;
use jiff::Timestamp;
use std::sync::Arc;

#[cfg(feature = "testing")]
pub mod conformance;
mod ext;
mod gauges;
mod look_alikes;
pub mod memory;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod sql;
#[cfg(feature = "sqlite")]
pub mod sqlite;

pub use ext::StorageExt;
pub use gauges::{Connections, Gauges};

/// The outcome of a command: done, or refused by the rules.
pub type Outcome<T> = Result<T, Refusal>;

/// Keeps everything. In memory, SQLite and PostgreSQL come with the crate; write your own by implementing this and passing the
/// conformance kit.
///
/// A storage knows no noun and no rule. It sees [tables](crate::domain::table::Table) with rows, and [work](Work) that says
/// which rows it needs, decides on them, and leaves what is to be written in the [working set](WorkingSet). Typed reads and
/// writes for callers are in [`StorageExt`].
///
/// # How to write one
/// [`MemoryStorage`](memory::MemoryStorage) is the shortest one; `examples/examples/own_storage.rs` keeps serialised rows in a
/// sorted map, as a key-value store would. Both do the same for [`transact`](Self::transact):
///
/// 1. Ask [`LoadKeys::next_round`](crate::domain::load::LoadKeys::next_round) what to read, and put it into an empty working
///    set, until there are no more rounds.
/// 2. Set the ids that new rows may get: [`AnyShelf::set_ids`](crate::domain::shelf::AnyShelf::set_ids).
/// 3. Let the work [decide](Work::decide).
/// 4. Write the [changes](crate::domain::shelf::AnyShelf::changes) of every noun, atomically.
///
/// # Contract
/// Behind each sentence stand the cases of the conformance kit (feature `testing`) that prove it. What the single
/// commands do is proved by the cases in the file of their noun, each refusal beside its success.
///
/// - **Atomicity**: a call commits whole or not at all, whatever crashes (`races::a_dropped_call_is_done_or_not_done`,
///   `races::readers_never_see_half_a_write`). `Ok` means that it is on stable storage: that no kit
///   can prove, so each storage has tests of its own.
/// - **Batches**: a write takes a slice and returns one outcome per item, in order. Each item sees what the earlier
///   ones did. An item that the rules refuse changes nothing and does not stop the others
///   (`batches::later_holds_see_the_places_that_earlier_ones_took`, `batches::later_settlements_see_earlier_ones`,
///   `batches::later_refunds_and_scans_see_earlier_ones`, `batches::later_accounts_see_earlier_ones`,
///   `batches::later_events_see_earlier_ones`, `batches::later_reports_see_earlier_ones`,
///   `batches::a_batch_may_be_about_many_events`). An empty one does nothing (`batches::an_empty_batch_does_nothing`).
/// - **Rules**: what a command does is said by its [`apply`](crate::domain::command::Command::apply), on every storage alike
///   (`model::random_commands_act_as_in_memory`: every answer and every read, to the last id). A storage may let work decide
///   again: only the last time counts.
/// - **Isolation**: concurrent calls act as if one came after the other, from any number of threads and, where the
///   storage is shared, processes (`races::a_payment_at_the_deadline_becomes_tickets_or_a_refund`,
///   `races::two_attempts_that_succeed_at_once_buy_once`, `races::a_ticket_scanned_sixteen_times_at_once_admits_one_person`,
///   `races::a_review_is_decided_once`, `races::cancelling_an_event_while_people_buy_undoes_every_order`). A read is of
///   one moment, all of it (`races::readers_never_see_half_a_write`). In particular `held + sold <=
///   capacity` holds at every moment, for every type and every event (`races::the_last_place_goes_to_one_buyer`,
///   `races::sixty_four_buyers_get_ten_places_of_two_types`).
/// - **Idempotency**: a repeat with the same key (order reference, attempt reference, scan nonce, refund key) and the
///   same content finds what the first call made; with other content it is refused. So a call whose answer was lost
///   may be repeated (`orders::a_repeated_hold_finds_the_same_order`,
///   `orders::a_reference_used_for_something_else_is_refused`,
///   `attempts::an_attempt_reads_back_and_a_repeat_finds_it`, `settle::the_same_success_again_changes_nothing`,
///   `refunds::a_repeated_refund_is_the_same_refund`, `tickets::a_nonce_belongs_to_one_scan`,
///   `events::creating_an_event_again_with_its_key_finds_the_same_event`, `webhooks::a_webhook_is_stored_byte_for_byte_once`,
///   and at once: `races::a_hold_requested_eight_times_at_once_is_one_order`,
///   `races::a_success_reported_eight_times_at_once_issues_the_tickets_once`,
///   `races::a_scan_repeated_eight_times_at_once_gets_one_answer`, `races::a_refund_requested_eight_times_at_once_is_one_refund`,
///   `races::creating_with_one_key_eight_times_at_once_creates_once`).
/// - **Two kinds of no**: [`StorageError`] means that nothing of the call is known to be committed. A [`Refusal`] is
///   the domain's answer.
/// - **Second wall**: what the rules promise is also a constraint of the storage, so that a wrong rule fails loudly.
///   And [`check`](Self::check) finds what is wrong none the less: the kit asks it after every case.
/// - **Time** is passed in, in whole microseconds; a storage never reads a clock. What is read back equals what was
///   written (`events::an_event_reads_back_as_it_was_made`,
///   `orders::holds_expire_at_their_deadline_and_not_before`).
/// - **Cancellation**: dropping a call's future leaves it done or not done, never half
///   (`races::a_dropped_call_is_done_or_not_done`), and leaves nothing behind for the next caller
///   (`races::a_dropped_read_leaves_nothing_behind`).
/// - **Claims** (`claim_…`) give each due item to one caller only, until its lease ends
///   (`outbox::a_claimed_mail_belongs_to_one_worker_until_the_lease_ends`,
///   `refunds::a_claimed_refund_is_marked_unknown_and_belongs_to_one_worker`,
///   `webhooks::a_claimed_webhook_belongs_to_one_worker_until_the_lease_ends`,
///   `polls::an_open_attempt_is_polled_with_backoff_until_it_lapses`,
///   `races::eight_workers_never_take_the_same_mail`,
///   `races::eight_workers_never_take_the_same_refund_poll_or_webhook`).
/// - **Lists** come in one order on every storage, page by page (`paging::events_come_in_pages`,
///   `paging::orders_come_in_pages`, `paging::tickets_come_in_pages`,
///   `filters::events_are_sorted_with_ties_by_id`), and every letter of a searched text means itself, in any case
///   (`filters::search_text_has_no_wildcards`,
///   `filters::events_are_found_by_text_in_any_case_and_any_script`).
/// - A storage calls no gateway and no mailer: it has none.
///
/// What the caller guarantees: an account that acts or buys exists; a hold names each ticket type once, in the order
/// of their ids, each with at least one ticket; capacities are positive; no text contains a NUL; a seed is used once.
#[async_trait]
pub trait Storage: std::fmt::Debug + Send + Sync + 'static {
    /// One transaction: loads and locks what the work needs, lets it decide, and writes the difference, whole or not at all. May
    /// let it decide more than once, each time on rows that were loaded afresh.
    async fn transact(&self, now: Timestamp, work: Arc<dyn Work>) -> Result<(), StorageError>;

    /// Reads what is needed, without locks. All of it as of one moment, unless the needs
    /// [say](Needs::is_of_one_moment) that they can do without.
    async fn load(&self, needs: &dyn Needs) -> Result<WorkingSet, StorageError>;

    /// Counts rows, as of one moment. One answer for each tally, in their order.
    async fn tally(&self, tallies: &[Tally]) -> Result<Vec<Tallied>, StorageError>;

    /// Deletes the rows of a list, and says how many there were.
    async fn forget(&self, list: &List) -> Result<u32, StorageError>;

    /// Takes tokens from quotas: all that are asked for, or none. A key is named once at most. What is counted may be forgotten
    /// by a crash. [`Take::apply`] is the rule.
    async fn take_tokens(&self, now: Timestamp, takes: &[Take]) -> Result<Taken, StorageError>;

    /// Forgets at most `limit` quotas that are full, and says how many.
    async fn forget_tokens(&self, now: Timestamp, limit: u32) -> Result<u32, StorageError>;

    /// Whether the storage can be asked, and has the tables that this version needs. A storage that comes back later is ready
    /// again.
    async fn ready(&self) -> Result<(), StorageError>;

    /// Compares the counters with the rows that they count, and every other invariant; says in words what is wrong. Empty on a
    /// sound storage. Storages without a query language load everything and use
    /// [`invariants::check`](crate::domain::invariants::check).
    async fn check(&self) -> Result<Vec<String>, StorageError>;

    /// A number that changes with every transaction of this process that may have changed rows, before the caller of that transaction
    /// gets its answer. So what was read is still as it was while the number stays the same, apart from changes by other processes.
    /// `None`, the default: not known, and nothing is kept in memory.
    fn version(&self) -> Option<u64> {
        None
    }

    /// The connections of this process; all zero where there are none.
    fn connections(&self) -> Connections {
        Connections::default()
    }

    /// How many batches of holds, of different events, are worth committing at once: more than one where the storage locks rows
    /// and not everything.
    fn parallel_batches(&self) -> usize {
        1
    }
}

/// A failure: nothing of the call is known to be committed. Repeating it is safe.
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

impl From<RowError> for StorageError {
    fn from(error: RowError) -> Self {
        Self::Broken(error.into())
    }
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
