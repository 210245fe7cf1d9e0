//! The state of the sandbox, and its changes.

use super::refund::Refund;
use super::transaction::Transaction;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// A change, as the journal keeps it. Each contains the whole new state of one object: the last one wins.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Change {
    Transaction(Box<Transaction>),
    Refund(Box<Refund>),
    /// A webhook to be sent.
    Owed(Event),
    /// The webhook with this id was accepted, or given up.
    Settled(u64),
}

/// A webhook: the exact bytes that are signed and sent.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Event {
    pub(super) id: u64,
    pub(super) body: String,
}

/// All transactions, refunds and undelivered webhooks.
#[derive(Default)]
pub(super) struct Ledger {
    transactions: HashMap<String, Transaction>,
    references_by_id: HashMap<u64, String>,
    references_by_access_code: HashMap<String, String>,
    refunds: BTreeMap<u64, Refund>,
    refunds_by_reference: HashMap<String, Vec<u64>>,
    owed: BTreeMap<u64, Event>,
    last_id: u64,
}

impl Ledger {
    /// Applies a change. Cannot fail: changes are checked before they are made, and the journal holds only such changes.
    pub(super) fn apply(&mut self, change: Change) {
        match change {
            Change::Transaction(transaction) => {
                self.last_id = self.last_id.max(transaction.id);
                let reference = transaction.reference.clone();
                self.references_by_id.insert(transaction.id, reference.clone());
                self.references_by_access_code.insert(transaction.access_code.clone(), reference.clone());
                self.transactions.insert(reference, *transaction);
            }
            Change::Refund(refund) => {
                self.last_id = self.last_id.max(refund.id);
                if !self.refunds.contains_key(&refund.id) {
                    self.refunds_by_reference.entry(refund.transaction.clone()).or_default().push(refund.id);
                }
                self.refunds.insert(refund.id, *refund);
            }
            Change::Owed(event) => {
                self.last_id = self.last_id.max(event.id);
                self.owed.insert(event.id, event);
            }
            Change::Settled(id) => {
                self.owed.remove(&id);
            }
        }
    }

    /// An id that was never used, not even by an earlier run without a journal: it derives from the time. Like Paystack's, it exceeds
    /// 32 bits.
    pub(super) fn fresh_id(&mut self, now: jiff::Timestamp) -> u64 {
        let millisecond = u64::try_from(now.as_millisecond()).unwrap_or_default();
        self.last_id = millisecond.max(self.last_id + 1);
        self.last_id
    }

    pub(super) fn transaction(&self, reference: &str) -> Option<&Transaction> {
        self.transactions.get(reference)
    }

    pub(super) fn by_access_code(&self, access_code: &str) -> Option<&Transaction> {
        self.transaction(self.references_by_access_code.get(access_code)?)
    }

    /// By reference or by id, as `POST /refund` allows both.
    pub(super) fn by_reference_or_id(&self, either: &str) -> Option<&Transaction> {
        self.transaction(either).or_else(|| {
            let id = either.parse().ok()?;
            self.transaction(self.references_by_id.get(&id)?)
        })
    }

    pub(super) fn refund(&self, id: u64) -> Option<&Refund> {
        self.refunds.get(&id)
    }

    /// Oldest first.
    pub(super) fn refunds(&self) -> impl DoubleEndedIterator<Item = &Refund> {
        self.refunds.values()
    }

    /// Oldest first.
    pub(super) fn refunds_of(&self, reference: &str) -> impl DoubleEndedIterator<Item = &Refund> {
        self.refunds_by_reference.get(reference).into_iter().flatten().filter_map(|id| self.refunds.get(id))
    }

    /// The sum of a transaction's refunds that have not failed, in minor units.
    pub(super) fn refunded(&self, reference: &str) -> u64 {
        self.refunds_of(reference).filter(|refund| refund.counts()).map(|refund| refund.amount).sum()
    }

    pub(super) fn owed(&self, id: u64) -> Option<&Event> {
        self.owed.get(&id)
    }

    /// All unfinished work, as the changes that started it.
    pub(super) fn unfinished(&self) -> Vec<Change> {
        let late = self.transactions.values().filter(|transaction| transaction.due.is_some());
        let moving = self.refunds.values().filter(|refund| refund.status.next(refund.end).is_some());
        late.map(|transaction| Change::Transaction(Box::new(transaction.clone())))
            .chain(moving.map(|refund| Change::Refund(Box::new(refund.clone()))))
            .chain(self.owed.values().cloned().map(Change::Owed))
            .collect()
    }
}
