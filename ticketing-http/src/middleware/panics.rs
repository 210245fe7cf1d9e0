//! Catches panics: a bug costs one request a 500, the server goes on.

use crate::problem::Problem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

/// The response, or a 500 if the handler panicked. The panic hook (see [`telemetry`](crate::telemetry)) logs where it was.
///
/// Nothing of the request is used after a panic, and shared state protects itself: locks ignore poison or fail.
pub async fn catch<T>(answer: impl Future<Output = T>) -> Result<T, Problem> {
    let mut answer = pin!(answer);
    std::future::poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(answer)) => Poll::Ready(Ok(answer)),
        Err(_) => Poll::Ready(Err(Problem::internal())),
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_500_without_its_text() {
        let problem = catch(async {
            tokio::task::yield_now().await;
            panic!("hunter2")
        })
        .await
        .map(|never: std::convert::Infallible| never)
        .unwrap_err();
        assert_eq!(problem.status(), 500);
        assert!(!format!("{problem:?}").contains("hunter2"));
        assert_eq!(catch(async { 7 }).await.unwrap(), 7);
    }
}
