//! The runtime for the engine's own tasks and timers. Default: Tokio. A simulation brings its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::oneshot;

/// A future that is spawned or awaited.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Spawns tasks and sleeps. Nothing else in the engine starts a task or a timer.
pub trait Runtime: std::fmt::Debug + Send + Sync + 'static {
    /// Runs a task to completion, even if its caller is dropped. A panic ends only the task.
    fn spawn(&self, task: Task);

    /// Waits for this long.
    fn sleep(&self, duration: Duration) -> Task;
}

/// Tokio. The engine must be called from within a Tokio runtime.
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

/// Runs work as a task. The receiver gets its result, or an error if it panicked. The work goes on if the receiver is dropped.
pub(crate) fn run<T: Send + 'static>(
    runtime: &dyn Runtime,
    work: impl Future<Output = T> + Send + 'static,
) -> oneshot::Receiver<T> {
    let (done, waiting) = oneshot::channel();
    runtime.spawn(Box::pin(async move { drop(done.send(work.await)) }));
    waiting
}

/// Like [`run`], but the work is dropped together with the receiver.
pub(crate) fn run_while_wanted<T: Send + 'static>(
    runtime: &dyn Runtime,
    work: impl Future<Output = T> + Send + 'static,
) -> oneshot::Receiver<T> {
    let (mut done, waiting) = oneshot::channel();
    runtime.spawn(Box::pin(async move {
        // Biased, so that a run can be repeated exactly: `select!` chooses at random otherwise.
        let result = tokio::select! {
            biased;
            () = done.closed() => return,
            result = work => result,
        };
        drop(done.send(result));
    }));
    waiting
}

/// The result of work, or `None` if it panicked. For work that several callers share.
pub(crate) async fn caught<T>(mut work: impl Future<Output = T> + Unpin) -> Option<T> {
    std::future::poll_fn(move |context| match catch_unwind(AssertUnwindSafe(|| Pin::new(&mut work).poll(context))) {
        Ok(poll) => poll.map(Some),
        Err(_) => Poll::Ready(None),
    })
    .await
}
