//! For tests: a clock you turn by hand, chance you can repeat, and a gateway that does as it is told.

mod clock;
mod gateway;
mod random;

pub use clock::ManualClock;
pub use gateway::{Calls, FakeGateway};
pub use random::SeededRandom;
