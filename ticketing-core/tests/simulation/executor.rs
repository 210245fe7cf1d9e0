//! A single-threaded executor whose every choice follows from the seed: which task goes next, and when time jumps.

use crate::world::World;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use ticketing_core::runtime::{Runtime, Task};

/// A process: 0 is the world outside (buyers, gates, the gateway), the others are servers.
pub(crate) type Process = usize;

/// Locks; a panic elsewhere has ended the history anyhow.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tasks that want to be polled, in the order in which they were woken.
type Ready = Arc<Mutex<Vec<usize>>>;

struct TaskWaker {
    id: usize,
    queued: AtomicBool,
    ready: Ready,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        if !self.queued.swap(true, Ordering::Relaxed) {
            lock(&self.ready).push(self.id);
        }
    }
}

struct Slot {
    process: Process,
    /// Taken out while it is polled.
    task: Option<Task>,
    waker: Arc<TaskWaker>,
}

/// The tasks and timers of one history.
#[derive(Default)]
pub(crate) struct Executor {
    ready: Ready,
    tasks: Mutex<Vec<Option<Slot>>>,
    timers: Mutex<Timers>,
}

#[derive(Default)]
struct Timers {
    heap: BinaryHeap<Reverse<(u64, u64)>>,
    wakers: std::collections::BTreeMap<u64, Waker>,
    next: u64,
}

impl Executor {
    pub(crate) fn spawn(&self, process: Process, task: Task) -> usize {
        let mut tasks = lock(&self.tasks);
        let id = tasks.len();
        let waker = Arc::new(TaskWaker { id, queued: AtomicBool::new(true), ready: Arc::clone(&self.ready) });
        tasks.push(Some(Slot { process, task: Some(task), waker }));
        lock(&self.ready).push(id);
        id
    }

    /// Drops a task, wherever it stands.
    pub(crate) fn abort(&self, id: usize) {
        let slot = lock(&self.tasks).get_mut(id).and_then(Option::take);
        drop(slot);
    }

    /// Drops all tasks of a process, wherever they stand.
    pub(crate) fn kill(&self, process: Process) {
        let dead: Vec<Slot> = {
            let mut tasks = lock(&self.tasks);
            let of_process = tasks.iter_mut().filter(|slot| slot.as_ref().is_some_and(|slot| slot.process == process));
            of_process.filter_map(Option::take).collect()
        };
        drop(dead);
    }

    /// Polls tasks until none is left to poll before `until`, or the world says stop.
    pub(crate) fn run(&self, world: &Arc<World>, until: u64) {
        while !world.has_failed() {
            let Some(id) = self.pick(world) else {
                if !self.jump(world, until) {
                    return;
                }
                continue;
            };
            let Some((process, task, waker)) = self.take(id) else { continue };
            world.step(id, process);
            self.poll(id, task, waker);
            if let Some(process) = world.to_kill() {
                self.kill(process);
                crate::servers::died(world, process);
            }
        }
    }

    fn pick(&self, world: &World) -> Option<usize> {
        let mut ready = lock(&self.ready);
        let count = ready.len();
        (count > 0).then(|| ready.swap_remove(world.below(count as u64) as usize))
    }

    fn take(&self, id: usize) -> Option<(Process, Task, Arc<TaskWaker>)> {
        let mut tasks = lock(&self.tasks);
        let slot = tasks.get_mut(id)?.as_mut()?;
        slot.waker.queued.store(false, Ordering::Relaxed);
        Some((slot.process, slot.task.take()?, Arc::clone(&slot.waker)))
    }

    fn poll(&self, id: usize, mut task: Task, waker: Arc<TaskWaker>) {
        let waker = Waker::from(waker);
        let result = task.as_mut().poll(&mut Context::from_waker(&waker));
        let mut tasks = lock(&self.tasks);
        let Some(entry) = tasks.get_mut(id) else { return };
        let ended = match (result, entry.as_mut()) {
            (Poll::Pending, Some(slot)) => {
                slot.task = Some(task);
                None
            }
            // Aborted by itself while it ran, or done.
            _ => Some((task, entry.take())),
        };
        drop(tasks);
        drop(ended);
    }

    /// Lets the time of the next timer come. Says whether there was one in time.
    fn jump(&self, world: &World, until: u64) -> bool {
        let mut due = Vec::new();
        {
            let mut timers = lock(&self.timers);
            let Some(Reverse((at, _))) = timers.heap.peek().copied() else { return false };
            if at > until {
                return false;
            }
            world.set_now(at);
            while let Some(Reverse((other, id))) = timers.heap.peek().copied()
                && other == at
            {
                timers.heap.pop();
                due.extend(timers.wakers.remove(&id));
            }
        }
        due.into_iter().for_each(Waker::wake);
        true
    }

    fn at(&self, at: u64, waker: Waker) -> u64 {
        let mut timers = lock(&self.timers);
        let id = timers.next;
        timers.next += 1;
        timers.heap.push(Reverse((at, id)));
        timers.wakers.insert(id, waker);
        id
    }
}

/// Waits until a moment of simulated time; one in the past lets others have their turn.
pub(crate) struct Sleep {
    world: Arc<World>,
    at: u64,
    is_set: bool,
}

impl Sleep {
    pub(crate) fn until(world: Arc<World>, at: u64) -> Self {
        Self { world, at, is_set: false }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_set && self.world.now() >= self.at {
            return Poll::Ready(());
        }
        if self.world.now() >= self.at {
            cx.waker().wake_by_ref();
        } else {
            self.world.executor.at(self.at, cx.waker().clone());
        }
        self.is_set = true;
        Poll::Pending
    }
}

/// What the engine of one process runs on.
#[derive(Debug)]
pub(crate) struct SimulatedRuntime {
    pub(crate) world: Arc<World>,
    pub(crate) process: Process,
}

impl Runtime for SimulatedRuntime {
    fn spawn(&self, task: Task) {
        self.world.executor.spawn(self.process, task);
    }

    fn sleep(&self, duration: Duration) -> Task {
        Box::pin(self.world.sleep(duration.as_millis() as u64))
    }
}
