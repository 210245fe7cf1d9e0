//! Callers that go away: a future that is polled so many times and then dropped.
#![allow(dead_code, reason = "shared by tests that need different parts of it")]

use std::future::Future;
use std::pin::pin;
use std::task::Poll;

/// Polls `work` at most `polls` times, each time that it asks for it; `None` where that was not enough, and it was dropped at
/// the await it had come to.
pub(crate) async fn drop_after<F: Future>(polls: usize, work: F) -> Option<F::Output> {
    let mut work = pin!(work);
    let mut left = polls;
    std::future::poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match work.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
