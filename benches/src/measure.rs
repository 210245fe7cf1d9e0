//! A closed loop: callers that make the next call as soon as they have an answer.

use crate::Failure;
use hdrhistogram::Histogram;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A measurement.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Successful calls.
    pub done: u64,
    /// Rejected calls.
    pub refused: u64,
    /// The total time.
    pub took: Duration,
    times: Histogram<u64>,
}

impl Measured {
    /// A measurement with an externally counted number of calls.
    pub fn new(done: u64, refused: u64, took: Duration, times: Histogram<u64>) -> Self {
        Self { done, refused, took, times }
    }

    /// Calls per second.
    pub fn rate(&self) -> f64 {
        self.done as f64 / self.took.as_secs_f64()
    }

    /// A percentile of the latency.
    pub fn percentile(&self, percent: f64) -> Duration {
        Duration::from_nanos(self.times.value_at_percentile(percent))
    }

    /// Adds another measurement of the same.
    pub fn add(&mut self, other: &Self) -> Result<(), Failure> {
        self.done += other.done;
        self.refused += other.refused;
        self.took += other.took;
        Ok(self.times.add(&other.times)?)
    }
}

/// The outcome of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// Successful.
    Done,
    /// Rejected: busy, sold out.
    Refused,
}

/// An empty histogram with a precision of one thousandth.
pub fn histogram() -> Result<Histogram<u64>, Failure> {
    Ok(Histogram::new(3)?)
}

/// Runs this many callers for this long. Each gets its number and the number of its call. The first error ends the run.
pub async fn callers<F, Fut>(callers: usize, lasting: Duration, call: F) -> Result<Measured, Failure>
where
    F: Fn(usize, u64) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Came, Failure>> + Send + 'static,
{
    let (call, stop) = (Arc::new(call), Arc::new(AtomicBool::new(false)));
    let began = Instant::now();
    let mut running = tokio::task::JoinSet::new();
    for caller in 0..callers {
        let (call, stop) = (Arc::clone(&call), Arc::clone(&stop));
        running.spawn(async move {
            let (mut times, mut done, mut refused) = (histogram()?, 0, 0);
            for number in 0.. {
                if began.elapsed() >= lasting || stop.load(Ordering::Relaxed) {
                    break;
                }
                let asked = Instant::now();
                match call(caller, number).await.inspect_err(|_| stop.store(true, Ordering::Relaxed))? {
                    Came::Done => done += 1,
                    Came::Refused => refused += 1,
                }
                times.record(u64::try_from(asked.elapsed().as_nanos())?)?;
            }
            Ok::<_, Failure>((times, done, refused))
        });
    }
    let mut all = Measured { done: 0, refused: 0, took: Duration::ZERO, times: histogram()? };
    while let Some(one) = running.join_next().await {
        let (times, done, refused) = one??;
        all.times.add(times)?;
        all.done += done;
        all.refused += refused;
    }
    all.took = began.elapsed();
    Ok(all)
}
