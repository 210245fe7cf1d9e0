//! How long a request may take.

use crate::problem::Problem;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// When a request must have been answered. Its body and its handler share it.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// So long from now.
    pub fn after(time: Duration) -> Self {
        Self(Instant::now() + time)
    }

    /// Waits for the body: 408 when it comes too slowly, which is the client's doing.
    pub async fn for_body<T>(self, body: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
        match timeout_at(self.0, body).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Problem::new("request_timeout", "The request took too long to arrive.")),
        }
    }

    /// Waits for the answer: 503 when it takes too long, which is our doing. What the handler had begun is dropped
    /// where it stood, as it is when a client hangs up.
    pub async fn for_answer<T>(self, answer: impl Future<Output = T>) -> Result<T, Problem> {
        timeout_at(self.0, answer).await.map_err(|_| {
            let sentence = "This takes too long right now. Please look whether it was done before trying again.";
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
