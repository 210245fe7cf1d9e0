//! Time and chance, injected: nothing else in the engine reads a clock or draws a random number.

use crate::domain::code::Seed;
use jiff::Timestamp;

/// Says what time it is.
pub trait Clock: std::fmt::Debug + Send + Sync + 'static {
    /// Now, in whole microseconds: what every storage keeps exactly.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the time comes from")]
    fn now(&self) -> Timestamp {
        whole_microseconds(Timestamp::now())
    }
}

/// The time without what is below a microsecond.
pub fn whole_microseconds(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}

/// Fills buffers with bytes that nobody can guess.
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
    /// Where the operating system has no random numbers: selling tickets that can be guessed would be worse.
    #[expect(clippy::expect_used, reason = "see above")]
    fn fill(&self, buffer: &mut [u8]) {
        getrandom::fill(buffer).expect("the operating system gives random numbers");
    }
}
