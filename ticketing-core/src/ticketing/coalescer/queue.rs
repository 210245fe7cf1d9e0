//! The waiting items, and the choice of the next batch.

use super::{Answer, Item};
use std::collections::{HashMap, HashSet, VecDeque};
use tokio::sync::oneshot;

/// The maximum number of items in a batch. Beyond a few hundred, larger batches do not commit more items per second.
pub(super) const MAX_BATCH_ITEMS: usize = 500;

pub(super) struct Job<I: Item> {
    pub(super) item: I,
    pub(super) done: oneshot::Sender<Answer<I::Outcome>>,
}

pub(super) struct Queue<I: Item> {
    groups: HashMap<i64, VecDeque<Job<I>>>,
    /// Groups that have items and no batch in flight, the longest waiting first.
    ready: VecDeque<i64>,
    /// Groups of the batches in flight.
    busy: HashSet<i64>,
    /// The number of batches in flight.
    pub(super) in_flight: usize,
    pub(super) waiting: usize,
}

/// The items that are committed together, and their callers.
pub(super) struct Batch<I: Item> {
    pub(super) groups: Vec<i64>,
    pub(super) items: Vec<I>,
    pub(super) callers: Vec<oneshot::Sender<Answer<I::Outcome>>>,
}

impl<I: Item> Default for Queue<I> {
    fn default() -> Self {
        Self { groups: HashMap::new(), ready: VecDeque::new(), busy: HashSet::new(), in_flight: 0, waiting: 0 }
    }
}

impl<I: Item> Queue<I> {
    /// Whether there are items whose group has no batch in flight.
    pub(super) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Empties the queue. Dropping the returned value fails all waiting calls.
    pub(super) fn give_up(&mut self) -> impl Sized + use<I> {
        self.ready.clear();
        self.waiting = 0;
        std::mem::take(&mut self.groups)
    }

    pub(super) fn add(&mut self, group: i64, job: Job<I>) {
        let jobs = self.groups.entry(group).or_default();
        if jobs.is_empty() && !self.busy.contains(&group) {
            self.ready.push_back(group);
        }
        jobs.push_back(job);
        self.waiting += 1;
    }

    /// Takes the next batch: one item of each group in turn, until it is full.
    pub(super) fn take(&mut self) -> Option<Batch<I>> {
        loop {
            let mut batch = Batch { groups: vec![], items: vec![], callers: vec![] };
            let mut turn: VecDeque<i64> = self.ready.drain(..).collect();
            if turn.is_empty() {
                return None;
            }
            while batch.items.len() < MAX_BATCH_ITEMS {
                let Some(group) = turn.pop_front() else { break };
                let Some(jobs) = self.groups.get_mut(&group) else { continue };
                if let Some(job) = jobs.pop_front() {
                    self.waiting -= 1;
                    if !job.done.is_closed() {
                        if self.busy.insert(group) {
                            batch.groups.push(group);
                        }
                        batch.items.push(job.item);
                        batch.callers.push(job.done);
                    }
                }
                if jobs.is_empty() {
                    self.groups.remove(&group);
                } else {
                    turn.push_back(group);
                }
            }
            self.ready.extend(turn.into_iter().filter(|group| !self.busy.contains(group)));
            // If all callers of this batch have left, there may be more behind them.
            if !batch.items.is_empty() {
                return Some(batch);
            }
        }
    }

    /// Makes the groups of a finished batch available again.
    pub(super) fn free(&mut self, groups: &[i64]) {
        for group in groups {
            self.busy.remove(group);
            if self.groups.contains_key(group) {
                self.ready.push_back(*group);
            }
        }
    }
}
