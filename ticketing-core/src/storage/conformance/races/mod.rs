//! Concurrent calls, on several threads. Each race is run several times, because the first to start often wins.

mod money;
mod places;
mod workers;

pub use money::*;
pub use places::*;
pub use workers::*;

use std::sync::Arc;
use tokio::sync::Barrier;

/// Starts `calls` calls together and returns the result of each.
pub(super) async fn at_once<T, F>(calls: usize, call: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let start = Arc::new(Barrier::new(calls));
    let spawn = |index| {
        let (start, call) = (Arc::clone(&start), call(index));
        tokio::spawn(async move {
            start.wait().await;
            call.await
        })
    };
    let tasks: Vec<_> = (0..calls).map(spawn).collect();
    let mut results = Vec::with_capacity(calls);
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}
