//! Who waits, and who goes next.

use super::{Answer, Item};
use std::collections::{HashMap, HashSet, VecDeque};
use tokio::sync::oneshot;

/// How many share one commit at most. Beyond a few hundred a batch gets slower as fast as it gets bigger.
pub(super) const MOST: usize = 500;

pub(super) struct Job<I: Item> {
    pub(super) item: I,
    pub(super) done: oneshot::Sender<Answer<I::Outcome>>,
}

pub(super) struct Queue<I: Item> {
    groups: HashMap<i64, VecDeque<Job<I>>>,
    /// Groups that have items and no batch under way, the longest waiting first.
    ready: VecDeque<i64>,
    /// Groups of the batches under way.
    busy: HashSet<i64>,
    /// Batches under way.
    pub(super) under_way: usize,
    pub(super) waiting: usize,
}

/// What is committed next.
pub(super) struct Batch<I: Item> {
    pub(super) groups: Vec<i64>,
    pub(super) items: Vec<I>,
    pub(super) callers: Vec<oneshot::Sender<Answer<I::Outcome>>>,
}

impl<I: Item> Default for Queue<I> {
    fn default() -> Self {
        Self { groups: HashMap::new(), ready: VecDeque::new(), busy: HashSet::new(), under_way: 0, waiting: 0 }
    }
}

impl<I: Item> Queue<I> {
    /// Whether anybody waits whose group has no batch under way.
    pub(super) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Lets nobody wait any longer.
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

    /// One of each group in turn, until there are enough.
    pub(super) fn take(&mut self) -> Option<Batch<I>> {
        loop {
            let mut batch = Batch { groups: vec![], items: vec![], callers: vec![] };
            let mut turn: VecDeque<i64> = self.ready.drain(..).collect();
            if turn.is_empty() {
                return None;
            }
            while batch.items.len() < MOST {
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
            // All callers may have left: then there may be more behind them.
            if !batch.items.is_empty() {
                return Some(batch);
            }
        }
    }

    /// A batch is done: what waited behind it may go.
    pub(super) fn free(&mut self, groups: &[i64]) {
        for group in groups {
            self.busy.remove(group);
            if self.groups.contains_key(group) {
                self.ready.push_back(*group);
            }
        }
    }
}
