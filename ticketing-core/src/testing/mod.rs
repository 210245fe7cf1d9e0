//! Test doubles: a manual clock, repeatable randomness, and a scripted payment gateway.

mod clock;
mod gateway;
mod random;

pub use clock::ManualClock;
pub use gateway::{Calls, FakeGateway};
pub use random::SeededRandom;
