//! Where the engine's own tasks run, and how it waits. Tokio by default; a simulation brings its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::oneshot;

/// Something that runs by itself, or is waited for.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs tasks and lets time pass. Nothing else in the engine starts a task or a timer.
pub trait Runtime: std::fmt::Debug + Send + Sync + 'static {
    /// Runs a task to its end, whatever becomes of who started it. A task that panics ends; nothing else does.
    fn spawn(&self, task: Task);

    /// Waits.
    fn sleep(&self, duration: Duration) -> Task;
}

/// Tokio, which must be running where the engine is called.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokioRuntime;

impl Runtime for TokioRuntime {
    fn spawn(&self, task: Task) {
        drop(tokio::spawn(task));
    }

    fn sleep(&self, duration: Duration) -> Task {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// Runs work by itself and gives what it comes to; an error where it panicked. It runs on where nobody waits for it.
pub(crate) fn run<T: Send + 'static>(
    runtime: &dyn Runtime,
    work: impl Future<Output = T> + Send + 'static,
) -> oneshot::Receiver<T> {
    let (done, waiting) = oneshot::channel();
    runtime.spawn(Box::pin(async move { drop(done.send(work.await)) }));
    waiting
}

/// The same, but it is dropped as soon as nobody waits for it.
pub(crate) fn run_while_wanted<T: Send + 'static>(
    runtime: &dyn Runtime,
    work: impl Future<Output = T> + Send + 'static,
) -> oneshot::Receiver<T> {
    let (mut done, waiting) = oneshot::channel();
    runtime.spawn(Box::pin(async move {
        // In this order, so that a run can be repeated exactly: `select!` draws lots otherwise.
        let result = tokio::select! {
            biased;
            () = done.closed() => return,
            result = work => result,
        };
        drop(done.send(result));
    }));
    waiting
}

/// What work comes to; nothing where it panicked. For work of several callers, of which one must not take the others along.
pub(crate) async fn caught<T>(mut work: impl Future<Output = T> + Unpin) -> Option<T> {
    std::future::poll_fn(move |context| match catch_unwind(AssertUnwindSafe(|| Pin::new(&mut work).poll(context))) {
        Ok(poll) => poll.map(Some),
        Err(_) => Poll::Ready(None),
    })
    .await
}
