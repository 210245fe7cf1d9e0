//! What goes to the storage in batches: commands that share commits, and queries that share reads.
//!
//! Each type of command and query has its own queue, created on first use. All commands that go through here are safe to repeat:
//! their reference, nonce or number of tries makes them idempotent.

use super::coalescer::{Answer, Coalescer, Commit, Item};
use crate::clock::Clock;
use crate::domain::command::{Command, Query};
use crate::error::Result;
use crate::runtime::Runtime;
use crate::storage::{Storage, StorageExt as _};
use async_trait::async_trait;
use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, PoisonError, RwLock};

/// How many batches of queries of one type are read at once.
const PARALLEL_READS: usize = 4;

/// The queues.
pub(super) struct Batches {
    to: ToStorage,
    runtime: Arc<dyn Runtime>,
    /// How many items of a type may wait.
    queue_limit: usize,
    queues: RwLock<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
}

impl std::fmt::Debug for Batches {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batches").field("queue_limit", &self.queue_limit).finish_non_exhaustive()
    }
}

/// Commits the batches of all queues.
#[derive(Clone)]
struct ToStorage {
    storage: Arc<dyn Storage>,
    clock: Arc<dyn Clock>,
}

/// A command as an item of a batch.
struct Write<C>(C);

impl<C: Command> Item for Write<C> {
    type Outcome = C::Outcome;
}

#[async_trait]
impl<C: Command> Commit<Write<C>> for ToStorage {
    /// The time of a batch is when its commit begins. A command that waits in the queue may miss a deadline.
    async fn commit(&self, items: &[Write<C>]) -> Answer<Vec<C::Outcome>> {
        let commands = items.iter().map(|item| item.0.clone()).collect();
        self.storage.apply_all(self.clock.now(), commands).await
    }
}

/// A query as an item of a batch.
struct Read<Q>(Q);

impl<Q: Query> Item for Read<Q> {
    type Outcome = Q::Found;
}

#[async_trait]
impl<Q: Query + Eq + Hash> Commit<Read<Q>> for ToStorage {
    /// The read begins after all of its queries arrived, so each caller sees everything that was committed when it called. Equal
    /// queries share one answer (single-flight). Nothing is cached.
    async fn commit(&self, items: &[Read<Q>]) -> Answer<Vec<Q::Found>> {
        let mut places: HashMap<&Q, usize> = HashMap::new();
        let mut different = vec![];
        let of_item: Vec<usize> = items
            .iter()
            .map(|item| {
                *places.entry(&item.0).or_insert_with(|| {
                    different.push(item.0.clone());
                    different.len() - 1
                })
            })
            .collect();
        let found = self.storage.find_all(&different).await?;
        Ok(of_item.into_iter().filter_map(|place| found.get(place).cloned()).collect())
    }
}

impl Batches {
    pub(super) fn new(
        storage: &Arc<dyn Storage>,
        clock: &Arc<dyn Clock>,
        runtime: &Arc<dyn Runtime>,
        queue_limit: usize,
    ) -> Self {
        let to = ToStorage { storage: Arc::clone(storage), clock: Arc::clone(clock) };
        Self { to, runtime: Arc::clone(runtime), queue_limit, queues: RwLock::default() }
    }

    /// Applies a command together with others of its type that come at the same time.
    pub(super) async fn apply<C: Command>(&self, command: C) -> Result<C::Outcome> {
        let queue = self.queue::<Write<C>>(self.to.storage.parallel_batches());
        queue.submit(command.group(), Write(command)).await
    }

    /// Answers a query together with others of its type that come at the same time.
    pub(super) async fn find<Q: Query + Eq + Hash>(&self, query: Q) -> Result<Q::Found> {
        let queue = self.queue::<Read<Q>>(PARALLEL_READS);
        queue.submit(query.group(), Read(query)).await
    }

    /// The queue of this type of item.
    fn queue<I: Item>(&self, parallel: usize) -> Arc<Coalescer<I>>
    where
        ToStorage: Commit<I>,
    {
        let known = self.queues.read().unwrap_or_else(PoisonError::into_inner).get(&TypeId::of::<I>()).cloned();
        let queue = known.unwrap_or_else(|| {
            let mut queues = self.queues.write().unwrap_or_else(PoisonError::into_inner);
            let new = || -> Arc<dyn Any + Send + Sync> {
                Arc::new(Coalescer::<I>::new(&self.runtime, parallel, self.queue_limit, self.to.clone()))
            };
            Arc::clone(queues.entry(TypeId::of::<I>()).or_insert_with(new))
        });
        match queue.downcast() {
            Ok(queue) => queue,
            // Cannot happen: the key is the type. A separate queue would be correct too.
            Err(_) => Arc::new(Coalescer::new(&self.runtime, parallel, self.queue_limit, self.to.clone())),
        }
    }
}
