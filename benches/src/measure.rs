//! Callers who call again as soon as they have an answer.

use crate::Failure;
use hdrhistogram::Histogram;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What was measured.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Calls that did what was wanted.
    pub done: u64,
    /// Calls that were sent away.
    pub refused: u64,
    /// How long all of it took.
    pub took: Duration,
    times: Histogram<u64>,
}

impl Measured {
    /// Calls a second.
    pub fn rate(&self) -> f64 {
        self.done as f64 / self.took.as_secs_f64()
    }

    /// The time within which so many of a hundred calls were answered.
    pub fn percentile(&self, percent: f64) -> Duration {
        Duration::from_nanos(self.times.value_at_percentile(percent))
    }

    /// Puts the same, measured again, to it.
    pub fn add(&mut self, other: &Self) -> Result<(), Failure> {
        self.done += other.done;
        self.refused += other.refused;
        self.took += other.took;
        Ok(self.times.add(&other.times)?)
    }
}

/// What came of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// What was wanted.
    Done,
    /// It was sent away: too busy, sold out.
    Refused,
}

/// An empty histogram, exact to a thousandth.
pub fn histogram() -> Result<Histogram<u64>, Failure> {
    Ok(Histogram::new(3)?)
}

/// So many callers for so long. Each gets its number and the number of its call. The first error ends it.
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
