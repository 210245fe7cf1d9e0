//! The storage in memory, behind calls that take their time, fail, and crash before and after the commit.

use crate::bugs::BuggyStorage;
use crate::invariants;
use crate::world::{SECOND, World};
use async_trait::async_trait;
use jiff::Timestamp;
use std::sync::Arc;
use ticketing_core::domain::command::Work;
use ticketing_core::domain::limit::{Take, Taken};
use ticketing_core::domain::list::{List, Tallied, Tally};
use ticketing_core::domain::load::Needs;
use ticketing_core::domain::working_set::WorkingSet;
use ticketing_core::storage::{Storage, StorageError};

type Result<T> = std::result::Result<T, StorageError>;

#[derive(Debug)]
pub(crate) struct FaultyStorage {
    world: Arc<World>,
    inner: BuggyStorage,
}

impl FaultyStorage {
    pub(crate) fn new(world: Arc<World>) -> Self {
        Self { inner: BuggyStorage::new(Arc::clone(&world)), world }
    }

    /// A call that reads.
    async fn read<T>(&self, call: &'static str, work: impl Future<Output = Result<T>>) -> Result<T> {
        latency(&self.world).await;
        if self.world.fault(self.world.options.not_applied) {
            return Err(unavailable());
        }
        let result = work.await;
        self.world.crash_point("crash after read", call).await;
        result
    }

    /// A call that writes: whole or not at all, but who called may not hear of it.
    async fn write<T>(&self, call: &'static str, work: impl Future<Output = Result<T>>) -> Result<T> {
        let world = &self.world;
        latency(world).await;
        world.crash_point("crash before", call).await;
        if world.fault(world.options.not_applied) {
            world.saw("not applied", call);
            world.note(|| format!("{call}: not applied"));
            return Err(unavailable());
        }
        let result = work.await;
        world.note(|| format!("{call}: committed"));
        invariants::after_commit(world);
        world.crash_point("crash after", call).await;
        if world.fault(world.options.commit_unknown) {
            world.saw("commit unknown", call);
            world.note(|| format!("{call}: committed, answer lost"));
            return Err(unavailable());
        }
        latency(world).await;
        result
    }
}

fn unavailable() -> StorageError {
    StorageError::Unavailable("simulated".into())
}

/// How long a call is on its way. Now and then a process stands still for long: swapped out, or cut off.
pub(crate) async fn latency(world: &Arc<World>) {
    let milliseconds = if world.current() > 0 && world.fault(world.options.stall) {
        world.saw("stall", "5 to 60 s");
        world.between(5 * SECOND, 60 * SECOND)
    } else if world.options.slow_storage {
        world.between(1, 120)
    } else {
        world.between(0, 3)
    };
    world.sleep(milliseconds).await;
}

#[async_trait]
impl Storage for FaultyStorage {
    async fn transact(&self, now: Timestamp, work: Arc<dyn Work>) -> Result<()> {
        self.write(work.name(), self.inner.transact(now, work)).await
    }

    async fn load(&self, needs: &dyn Needs) -> Result<WorkingSet> {
        self.read("load", self.inner.load(needs)).await
    }

    async fn tally(&self, tallies: &[Tally]) -> Result<Vec<Tallied>> {
        self.read("tally", self.world.memory.tally(tallies)).await
    }

    async fn forget(&self, list: &List) -> Result<u32> {
        self.write("forget", self.world.memory.forget(list)).await
    }

    async fn take_tokens(&self, now: Timestamp, takes: &[Take]) -> Result<Taken> {
        self.write("take_tokens", self.world.memory.take_tokens(now, takes)).await
    }

    async fn forget_tokens(&self, now: Timestamp, limit: u32) -> Result<u32> {
        self.write("forget_tokens", self.world.memory.forget_tokens(now, limit)).await
    }

    async fn ready(&self) -> Result<()> {
        self.read("ready", self.world.memory.ready()).await
    }

    async fn check(&self) -> Result<Vec<String>> {
        self.read("check", self.world.memory.check()).await
    }

    fn parallel_batches(&self) -> usize {
        self.world.options.parallel_batches
    }
}
