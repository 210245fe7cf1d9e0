//! The bounded queue of calls that wait for a hash. It is bounded by time, because a queue is too long when its last caller would give
//! up, whatever the speed of the cores.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A call that would wait longer is rejected. Less than clients and proxies usually wait for an answer.
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// The most calls, however fast they are: each holds a password in memory.
const MOST_CALLS: u32 = 4_096;
/// What a hash takes until some were measured. Rather more than on most machines.
const FIRST_GUESS: Duration = Duration::from_millis(40);
/// No hash counts as shorter: the number of waiting calls is divided by it.
const SHORTEST: Duration = Duration::from_millis(1);
/// A rejected call is told to wait at most this long. Nobody returns after more.
const LONGEST_TURN: Duration = Duration::from_secs(120);

/// Calls that wait for a hash, or are at it.
#[derive(Debug)]
pub(super) struct Queue {
    threads: u32,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// How many calls are in the queue.
    calls: u32,
    /// How long a hash takes, averaged over the last ones.
    one_takes: Duration,
    /// Until when turns are promised to calls that were rejected.
    promised_until: Option<Instant>,
}

/// A place in the queue, given back when dropped.
#[derive(Debug)]
pub(super) struct Place(Arc<Queue>);

impl Queue {
    pub(super) fn new(threads: usize) -> Self {
        let threads = u32::try_from(threads).unwrap_or(u32::MAX).max(1);
        Self { threads, state: Mutex::new(State { calls: 0, one_takes: FIRST_GUESS, promised_until: None }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place, or says when there will be one.
    ///
    /// Rejected calls are told different times, one hash apart. If all were told the same, they would return together, and most
    /// would be rejected again.
    fn admit(&self, now: Instant) -> Result<(), Duration> {
        let mut state = self.state();
        let each = state.one_takes / self.threads;
        let wait = each.saturating_mul(state.calls);
        if wait <= LONGEST_WAIT && state.calls < MOST_CALLS {
            state.calls += 1;
            return Ok(());
        }
        // The queue has to become shorter first; then come those who were rejected before.
        let room = now + wait.saturating_sub(LONGEST_WAIT) + each;
        let turn = state.promised_until.map_or(room, |until| room.max(until + each)).min(now + LONGEST_TURN);
        state.promised_until = Some(turn);
        Err(turn.saturating_duration_since(now))
    }

    fn took(&self, time: Duration) {
        let mut state = self.state();
        state.one_takes = ((state.one_takes * 7 + time) / 8).max(SHORTEST);
    }
}

/// Takes a place, or says when there will be one.
pub(super) fn enter(queue: &Arc<Queue>) -> Result<Place, Duration> {
    queue.admit(Instant::now()).map(|()| Place(Arc::clone(queue)))
}

impl Place {
    /// Does the work and leaves.
    pub(super) fn measure<T>(self, work: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let done = work();
        self.0.took(began.elapsed());
        done
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.calls = state.calls.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_is_as_long_as_its_last_caller_can_wait() {
        let (queue, now) = (Queue::new(2), Instant::now());
        let admitted = (0..10_000).take_while(|_| queue.admit(now).is_ok()).count();
        // Two threads with 40 ms for each hash: 50 a second.
        assert_eq!(admitted, 751);
        let slow = Queue::new(2);
        (0..100).for_each(|_| slow.took(Duration::from_millis(400)));
        let admitted = (0..10_000).take_while(|_| slow.admit(now).is_ok()).count();
        assert!((75..=77).contains(&admitted), "{admitted}");
        let fast = Queue::new(64);
        assert_eq!((0..10_000).take_while(|_| fast.admit(now).is_ok()).count(), 4_096);
    }

    /// Everybody who comes back when told finds a place, and nobody has to come back twice.
    #[test]
    fn the_time_that_rejected_calls_are_told_is_true() {
        let (queue, began) = (Queue::new(2), Instant::now());
        let each = FIRST_GUESS / 2;
        let mut returns: Vec<Instant> =
            (0..2_000).filter_map(|_| queue.admit(began).err().map(|wait| began + wait)).collect();
        assert_eq!(returns.len(), 2_000 - 751);
        returns.sort();
        assert!(returns.windows(2).all(|pair| pair[0] < pair[1]), "each has a turn of its own");
        let mut done = 0;
        for at in returns {
            // Meanwhile the threads were at work.
            let finished = u32::try_from((at - began).as_nanos() / each.as_nanos()).unwrap();
            let mut state = queue.state();
            state.calls -= finished - done;
            done = finished;
            drop(state);
            assert!(queue.admit(at).is_ok(), "told {:?}", at - began);
        }
    }

    #[test]
    fn nobody_is_told_to_come_back_in_an_hour() {
        let (queue, now) = (Queue::new(1), Instant::now());
        let longest = (0..100_000).filter_map(|_| queue.admit(now).err()).max();
        assert_eq!(longest, Some(LONGEST_TURN));
    }

    #[test]
    fn places_are_given_back() {
        let queue = Arc::new(Queue::new(1));
        for _ in 0..5_000 {
            enter(&queue).unwrap().measure(|| ());
            drop(enter(&queue).unwrap());
        }
        assert_eq!(queue.state().calls, 0);
        assert_eq!(queue.state().one_takes, SHORTEST);
    }
}
