//! Slows down guessing of promo codes: a client address may name so many codes that are none.

use super::bounded::Bounded;
use super::client_address::ClientAddress;
use crate::lock::lock;
use crate::problem::Problem;
use jiff::{SignedDuration, Timestamp};
use std::sync::Mutex;
use std::time::Duration;
use ticketing_core::domain::limit::{Quota, Take};

/// How long a wrong code is remembered.
const EVERY: SignedDuration = SignedDuration::from_mins(1);
/// Ten wrong codes at once, then one more a minute.
const QUOTA: Quota = Quota::new(10, EVERY);
/// The maximum number of addresses that are remembered.
const MAX_ROWS: usize = 100_000;

/// Counts wrong codes, in this process.
#[derive(Debug)]
pub struct CodeGuesses {
    /// When each address's quota is full again, in microseconds since 1970.
    full_at: Mutex<Bounded<String, i64>>,
}

impl Default for CodeGuesses {
    fn default() -> Self {
        Self { full_at: Mutex::new(Bounded::new(MAX_ROWS)) }
    }
}

impl CodeGuesses {
    /// An error if the client has named too many wrong codes.
    pub fn check(&self, client: ClientAddress, now: Timestamp) -> Result<(), Problem> {
        let (key, at) = (client.group().to_string(), now.as_microsecond());
        let full_at = lock(&self.full_at).get_mut(&key).copied();
        let Err(again_at) = Take::new(key, 1, QUOTA).apply(at, full_at) else { return Ok(()) };
        let again_at = Timestamp::from_microsecond(again_at).unwrap_or(now);
        let wait = Duration::try_from(again_at.duration_since(now)).unwrap_or_default();
        Err(Problem::new("too_many_codes", "Too many promo codes were tried. Please try again later.")
            .retry_after(wait))
    }

    /// Counts a code that is none.
    pub fn wrong(&self, client: ClientAddress, now: Timestamp) {
        let (key, at) = (client.group().to_string(), now.as_microsecond());
        let mut full_at = lock(&self.full_at);
        let known = full_at.get_mut(&key).copied();
        // Also beyond the quota: all of those that are tried at once have to be waited for.
        let after = known
            .map_or(at, |full_at| full_at.max(at))
            .saturating_add(i64::try_from(EVERY.as_micros()).unwrap_or(i64::MAX));
        *full_at.entry(key, |full_at| *full_at <= at) = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_eleventh_wrong_code_has_to_wait() {
        let (guesses, client) = (CodeGuesses::default(), ClientAddress("192.0.2.1".parse().unwrap()));
        let at = |seconds: i64| Timestamp::from_second(1_800_000_000 + seconds).unwrap();
        for _ in 0..10 {
            assert!(guesses.check(client, at(0)).is_ok());
            guesses.wrong(client, at(0));
        }
        let refused = guesses.check(client, at(1)).unwrap_err();
        assert_eq!((refused.code(), refused.status().as_u16()), ("too_many_codes", 429));
        assert!(guesses.check(ClientAddress("192.0.2.2".parse().unwrap()), at(1)).is_ok());
        assert!(guesses.check(client, at(60)).is_ok());
    }

    #[test]
    fn codes_that_are_tried_at_once_have_to_be_waited_for_too() {
        let (guesses, client) = (CodeGuesses::default(), ClientAddress("192.0.2.1".parse().unwrap()));
        let at = |seconds: i64| Timestamp::from_second(1_800_000_000 + seconds).unwrap();
        // All of them come before the first one is known to be wrong.
        assert!((0..64).all(|_| guesses.check(client, at(0)).is_ok()));
        (0..64).for_each(|_| guesses.wrong(client, at(0)));
        assert!(guesses.check(client, at(60)).is_err(), "64 codes were tried in a minute, and the next one may be");
    }
}
