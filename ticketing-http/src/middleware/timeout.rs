//! The timeout of requests.

use crate::problem::Problem;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// The deadline of a request, shared by its body and its handler.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// A deadline this long from now.
    pub fn after(time: Duration) -> Self {
        Self(Instant::now() + time)
    }

    /// Waits for the body: 408 if the client sends it too slowly.
    pub async fn for_body<T>(self, body: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
        match timeout_at(self.0, body).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Problem::new("request_timeout", "The request took too long to arrive.")),
        }
    }

    /// Waits for the response: 503 if the server takes too long. The handler's future is dropped, as when a client hangs up.
    pub async fn for_answer<T>(self, answer: impl Future<Output = T>) -> Result<T, Problem> {
        timeout_at(self.0, answer).await.map_err(|_| {
            let sentence = "The request timed out. It may have been processed: please check before trying again.";
            Problem::new("timed_out", sentence).retry_after(Duration::from_secs(1))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn body_and_handler_share_one_deadline() {
        let deadline = Deadline::after(Duration::from_secs(30));
        let slowly = async |seconds| {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            seconds
        };
        assert!(deadline.for_body(async { Ok(slowly(20).await) }).await.is_ok());
        assert_eq!(deadline.for_answer(slowly(11)).await.unwrap_err().status(), 503);
        assert_eq!(deadline.for_body(async { Ok(slowly(1).await) }).await.unwrap_err().status(), 408);
    }
}
