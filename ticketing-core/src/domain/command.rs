//! Writes and reads as values. A [`Command`] says which rows it needs and what it does to them; a [`Query`] says which rows it
//! needs and what it makes of them. Both stand beside their noun, and every storage executes them alike.

use super::load::{LoadKeys, Needs};
use super::working_set::WorkingSet;
use jiff::Timestamp;
use std::any::Any;
use std::fmt::Debug;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A write: one operation on a few rows, which is done whole or not at all.
///
/// `needs` and `apply` belong together, as do the functions that they are made of: whatever changes rows has a sibling that
/// asks for them.
pub trait Command: Clone + Debug + Send + Sync + 'static {
    /// What comes of it: often a `Result` with a [`Refusal`](super::refusal::Refusal).
    type Outcome: Clone + Send + 'static;
    /// A stable name for logs and tests, such as `hold`.
    const NAME: &'static str;

    /// Commands of one group are committed in the order of their arrival, one batch at a time; groups take turns. For commands
    /// that compete for one row, such as an event's counters: its id.
    fn group(&self) -> i64 {
        0
    }

    /// Asks for the rows that [`apply`](Self::apply) looks at or changes.
    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys);

    /// The rule: refuses or decides, and writes its decision into the rows. One that refuses has written nothing: all checks
    /// come before the first write.
    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Self::Outcome;
}

/// A read.
pub trait Query: Clone + Debug + Send + Sync + 'static {
    /// What is found.
    type Found: Clone + Send + Sync + 'static;
    /// Whether all rows must be as of one moment: see [`Needs::is_of_one_moment`].
    const ONE_MOMENT: bool;

    /// Queries of one group are answered one batch at a time; groups take turns.
    fn group(&self) -> i64 {
        0
    }

    /// Asks for the rows that [`find`](Self::find) looks at.
    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys);

    /// What the rows say.
    fn find(&self, rows: &WorkingSet) -> Self::Found;
}

/// What a storage does in one transaction.
pub trait Work: Needs + Any {
    /// The names of its commands, in order.
    fn names(&self) -> Vec<&'static str>;

    /// How many commands it has: a measure for how many ids are set aside.
    fn size(&self) -> usize;

    /// Applies all commands, one after the other. A storage may call this more than once, each time with rows that were loaded
    /// afresh: only the last time counts.
    fn decide(&self, rows: &mut WorkingSet, now: Timestamp);
}

impl dyn Work {
    /// The batch of this kind of command that this is, if it is one: for storages that wrap another.
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

    /// For storages that wrap another: answers in its place.
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
    fn names(&self) -> Vec<&'static str> {
        vec![C::NAME; self.commands.len()]
    }

    fn size(&self) -> usize {
        self.commands.len()
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
