//! Writes and reads as values. A [`Command`] declares which rows it needs and changes them; a [`Query`] declares which rows it needs
//! and computes a result. Both are defined next to their noun, and every storage executes them alike.

use super::load::{LoadKeys, Needs};
use super::working_set::WorkingSet;
use jiff::Timestamp;
use std::any::Any;
use std::fmt::Debug;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A write: one atomic operation on a few rows.
///
/// `needs` and `apply` belong together, as do the functions that they call: each function that changes rows has a counterpart that
/// requests them.
pub trait Command: Clone + Debug + Send + Sync + 'static {
    /// The outcome: often a `Result` with a [`Refusal`](super::refusal::Refusal).
    type Outcome: Clone + Send + 'static;
    /// A stable name for logs and tests, such as `hold`.
    const NAME: &'static str;

    /// Whether it claims rows that are due, by a list of the name [`NAME`](Self::NAME). Two batches of such a command never share a
    /// transaction: the second would claim what the first has claimed.
    const CLAIMS: bool = false;

    /// Commands of one group are committed in the order of their arrival, one batch at a time; groups take turns. For commands
    /// that compete for one row, such as an event's counters: its id.
    fn group(&self) -> i64 {
        0
    }

    /// Requests the rows that [`apply`](Self::apply) reads or changes.
    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys);

    /// The rule: decides, and writes its decision into the rows, or refuses. A refusal must have written nothing, so all checks
    /// precede the first write.
    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Self::Outcome;
}

/// A read.
pub trait Query: Clone + Debug + Send + Sync + 'static {
    /// The result.
    type Found: Clone + Send + Sync + 'static;
    /// Whether all rows must be as of one moment: see [`Needs::is_of_one_moment`].
    const ONE_MOMENT: bool;

    /// Queries of one group are answered one batch at a time; groups take turns.
    fn group(&self) -> i64 {
        0
    }

    /// Requests the rows that [`find`](Self::find) reads.
    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys);

    /// Computes the result from the rows.
    fn find(&self, rows: &WorkingSet) -> Self::Found;
}

/// The work of one transaction.
pub trait Work: Needs + Any {
    /// The name of its commands.
    fn name(&self) -> &'static str;

    /// The number of commands, from which a storage estimates how many ids to reserve.
    fn size(&self) -> usize;

    /// Whether it [claims](Command::CLAIMS) rows. A storage may load several works at once, decide them one after the other on the same
    /// rows, and commit them together, unless two of them claim and have one name.
    fn claims(&self) -> bool {
        false
    }

    /// Applies all commands, one after the other. A storage may call this more than once, each time with freshly loaded rows. Only
    /// the last call counts.
    fn decide(&self, rows: &mut WorkingSet, now: Timestamp);
}

impl dyn Work {
    /// For storages that wrap another: returns the batch, if it is one of this kind of command.
    pub fn batch<C: Command>(&self) -> Option<&Batch<C>> {
        (self as &dyn Any).downcast_ref()
    }
}

/// Commands of one kind, applied one after the other in one transaction. Each sees what the earlier ones did.
#[derive(Debug)]
pub struct Batch<C: Command> {
    commands: Vec<C>,
    outcomes: Mutex<Option<Vec<C::Outcome>>>,
}

impl<C: Command> Batch<C> {
    /// These commands, in this order.
    pub fn new(commands: Vec<C>) -> Self {
        Self { commands, outcomes: Mutex::default() }
    }

    /// The commands.
    pub fn commands(&self) -> &[C] {
        &self.commands
    }

    /// The outcome of each command, once they were decided. Returns them only once.
    pub fn outcomes(&self) -> Option<Vec<C::Outcome>> {
        self.lock().take()
    }

    /// For storages that wrap another: sets the outcomes in place of the wrapped storage.
    pub fn answer(&self, outcomes: Vec<C::Outcome>) {
        *self.lock() = Some(outcomes);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Vec<C::Outcome>>> {
        self.outcomes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Command> Needs for Batch<C> {
    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        self.commands.iter().for_each(|command| command.needs(rows, load));
    }
}

impl<C: Command> Work for Batch<C> {
    fn name(&self) -> &'static str {
        C::NAME
    }

    fn size(&self) -> usize {
        self.commands.len()
    }

    fn claims(&self) -> bool {
        C::CLAIMS
    }

    fn decide(&self, rows: &mut WorkingSet, now: Timestamp) {
        self.answer(self.commands.iter().map(|command| command.apply(rows, now)).collect());
    }
}

/// Queries of one kind.
#[derive(Debug)]
pub struct Queries<'a, Q>(pub &'a [Q]);

impl<Q: Query> Needs for Queries<'_, Q> {
    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        self.0.iter().for_each(|query| query.needs(rows, load));
    }

    fn is_of_one_moment(&self) -> bool {
        Q::ONE_MOMENT
    }
}
