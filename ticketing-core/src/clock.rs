//! The sources of time and random numbers. Nothing else in the engine reads a clock or draws a random number.

use crate::domain::code::Seed;
use jiff::Timestamp;

/// A source of time.
pub trait Clock: std::fmt::Debug + Send + Sync + 'static {
    /// The current time in whole microseconds, which every storage keeps exactly.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the only place that reads the system clock")]
    fn now(&self) -> Timestamp {
        whole_microseconds(Timestamp::now())
    }
}

/// Truncates a time to whole microseconds.
pub fn whole_microseconds(at: Timestamp) -> Timestamp {
    Timestamp::new(at.as_second(), at.subsec_nanosecond() / 1_000 * 1_000).unwrap_or(at)
}

/// A cryptographically secure source of random bytes.
pub trait Random: std::fmt::Debug + Send + Sync + 'static {
    /// Fills the whole buffer.
    fn fill(&self, buffer: &mut [u8]);

    /// A fresh seed for codes and references.
    fn seed(&self) -> Seed {
        let mut bytes = [0; 32];
        self.fill(&mut bytes);
        Seed(bytes)
    }
}

/// The operating system's random numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    /// # Panics
    /// If the operating system has no random numbers: selling tickets with predictable codes would be worse.
    #[expect(clippy::expect_used, reason = "see above")]
    fn fill(&self, buffer: &mut [u8]) {
        getrandom::fill(buffer).expect("the operating system gives random numbers");
    }
}
