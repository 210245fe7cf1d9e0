//! Who may have how many connections, and which of them ends when there is no room.
//!
//! One address must not take every connection. So an address has a limit, and beyond it, or when all connections are taken, a
//! newcomer replaces the connection that has waited longest for its client: one that is idle, that sends a request slowly or that
//! does not read its answer. A request that the server works on is never cut off. Connections of the address that has most end
//! first. Those of trusted proxies are neither limited nor ended: each carries the requests of many people.

use super::progress::{Ending, Progress};
use crate::lock::lock;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// A request that is arriving, or an answer that is not read, is replaced by another address only after this time.
const PATIENCE: Duration = Duration::from_secs(1);
/// While connections are scarce, a connection that is older ends after its answer.
const LONG: Duration = Duration::from_secs(30);

/// All connections of a server.
#[derive(Debug)]
pub(super) struct Connections {
    max: usize,
    max_per_address: usize,
    state: Mutex<State>,
    /// Accepted, without a place yet.
    pub(super) waiting: AtomicUsize,
    /// Told when a place becomes free.
    pub(super) freed: Notify,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    open: HashMap<u64, Open>,
    counts: HashMap<IpAddr, usize>,
}

#[derive(Debug)]
struct Open {
    address: IpAddr,
    is_exempt: bool,
    progress: Arc<Progress>,
}

impl State {
    fn count(&self, address: IpAddr) -> usize {
        self.counts.get(&address).copied().unwrap_or(0)
    }

    fn remove(&mut self, id: u64) -> Option<Open> {
        let open = self.open.remove(&id)?;
        if let Some(count) = self.counts.get_mut(&open.address) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&open.address);
            }
        }
        Some(open)
    }
}

/// The place of a connection, given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    id: u64,
    address: IpAddr,
    is_exempt: bool,
    began: Instant,
    pub(super) progress: Arc<Progress>,
    all: Arc<Connections>,
}

impl Connections {
    pub(super) fn new(max: usize, max_per_address: usize) -> Self {
        Self {
            max: max.max(1),
            max_per_address: max_per_address.max(1),
            state: Mutex::default(),
            waiting: AtomicUsize::new(0),
            freed: Notify::new(),
        }
    }

    /// How many connections an address has.
    pub(super) fn count(&self, address: IpAddr) -> usize {
        lock(&self.state).count(address)
    }

    /// A place for a connection of this address, or nothing while there is none.
    pub(super) fn enter(self: &Arc<Self>, address: IpAddr, is_exempt: bool, now: Instant) -> Option<Place> {
        let mut state = lock(&self.state);
        let own = state.count(address);
        let goner = if !is_exempt && own >= self.max_per_address {
            Some(oldest(&state, now, |open, _| open.address == address)?)
        } else if state.open.len() >= self.max {
            // An address that has many must not replace the few of others.
            Some(oldest(&state, now, |open, waited| {
                let theirs = state.count(open.address);
                open.address == address
                    || theirs > own + 1
                    || (theirs > own && (waited >= PATIENCE || open.progress.is_idle()))
            })?)
        } else {
            None
        };
        // It counts no longer: it ends as soon as its task is told.
        if let Some(goner) = goner.and_then(|id| state.remove(id)) {
            goner.progress.end();
        }
        let id = state.next;
        state.next += 1;
        let progress = Arc::new(Progress::new(now));
        state.open.insert(id, Open { address, is_exempt, progress: Arc::clone(&progress) });
        *state.counts.entry(address).or_default() += 1;
        Some(Place { id, address, is_exempt, began: now, progress, all: Arc::clone(self) })
    }

    /// Ends the connection that has waited longest for its client, where there is one.
    pub(super) fn make_room(&self, now: Instant) {
        let mut state = lock(&self.state);
        let goner = oldest(&state, now, |_, _| true).and_then(|id| state.remove(id));
        if let Some(goner) = goner {
            goner.progress.end();
        }
    }
}

/// The connection that ends first of those that wait for their clients: of the address that has most, the one that has waited
/// longest.
fn oldest(state: &State, now: Instant, may_go: impl Fn(&Open, Duration) -> bool) -> Option<u64> {
    let waiting = state.open.iter().filter(|(_, open)| !open.is_exempt).filter_map(|(id, open)| {
        let waited = open.progress.waits_for_client(now)?;
        may_go(open, waited).then(|| (state.count(open.address), waited, std::cmp::Reverse(*id)))
    });
    waiting.max().map(|(.., std::cmp::Reverse(id))| id)
}

impl Place {
    /// Whether the connection should end after its answer, so that others get its place.
    pub(super) fn is_to_end(&self, now: Instant) -> bool {
        if self.is_exempt {
            return false;
        }
        let (somebody_waits, is_old) =
            (self.all.waiting.load(Ordering::Relaxed) > 0, now.duration_since(self.began) >= LONG);
        if !somebody_waits && !is_old {
            return false;
        }
        let state = lock(&self.all.state);
        let (open, own) = (state.open.len(), state.count(self.address));
        let is_scarce = |count: usize, max: usize| count > max - max / 4;
        let is_full = open >= self.all.max || own >= self.all.max_per_address;
        (somebody_waits && is_full)
            || (is_old && (is_scarce(open, self.all.max) || is_scarce(own, self.all.max_per_address)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.all.state).remove(self.id);
        self.all.freed.notify_one();
    }
}

impl Place {
    /// Completes when the connection has to end.
    pub(super) async fn ending(&self) -> Ending {
        self.progress.ending().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    struct Crowd {
        all: Arc<Connections>,
        now: Instant,
    }

    impl Crowd {
        fn of(max: usize, max_per_address: usize) -> Self {
            Self { all: Arc::new(Connections::new(max, max_per_address)), now: Instant::now() }
        }

        fn enter(&mut self, last: u8) -> Option<Place> {
            self.now += Duration::from_millis(1);
            self.all.enter(address(last), false, self.now)
        }

        fn busy(&mut self, last: u8) -> Option<Place> {
            let place = self.enter(last)?;
            place.progress.works(self.now);
            Some(place)
        }
    }

    fn ended(places: &[Place]) -> Vec<usize> {
        (0..places.len()).filter(|index| places[*index].progress.has_ended()).collect()
    }

    #[test]
    fn an_address_beyond_its_limit_replaces_its_own_longest_waiting_connection() {
        let mut crowd = Crowd::of(100, 3);
        let other = crowd.enter(2).unwrap();
        let mut own: Vec<_> = (0..3).map(|_| crowd.enter(1).unwrap()).collect();
        own[0].progress.works(crowd.now);
        own.push(crowd.enter(1).unwrap());
        assert_eq!(ended(&own), [1]);
        assert_eq!(crowd.all.count(address(1)), 3);
        // Those that the server works on stay, and the newcomer has to wait.
        own.iter().for_each(|place| place.progress.works(crowd.now));
        assert!(crowd.enter(1).is_none());
        assert!(crowd.enter(2).is_some() && !other.progress.has_ended());
    }

    #[test]
    fn a_full_server_ends_connections_of_the_address_that_has_most() {
        let mut crowd = Crowd::of(10, 8);
        let honest = crowd.enter(1).unwrap();
        let greedy: Vec<_> = (0..8).map(|_| crowd.enter(2).unwrap()).collect();
        let last = crowd.enter(3).unwrap();
        let newcomer = crowd.busy(4).unwrap();
        assert_eq!(ended(&greedy), [0]);
        assert!(!honest.progress.has_ended() && !last.progress.has_ended() && !newcomer.progress.has_ended());
        // The greedy address cannot take the place of others.
        let more: Vec<_> = (0..20).map(|_| crowd.enter(2)).collect();
        assert!(!honest.progress.has_ended() && !last.progress.has_ended());
        drop(more);
    }

    #[test]
    fn requests_in_progress_are_never_cut_off() {
        let mut crowd = Crowd::of(4, 4);
        let busy: Vec<_> = (1..=4).map(|last| crowd.busy(last).unwrap()).collect();
        assert!(crowd.enter(9).is_none());
        crowd.now += Duration::from_secs(60);
        assert!(crowd.enter(9).is_none());
        assert_eq!(ended(&busy), [0; 0]);
        drop(busy);
        assert!(crowd.enter(9).is_some());
    }

    #[test]
    fn an_idle_connection_ends_before_a_slow_one() {
        let mut crowd = Crowd::of(2, 2);
        let slow = crowd.enter(1).unwrap();
        let idle = crowd.enter(2).unwrap();
        idle.progress.answers(crowd.now);
        idle.progress.is_answered(crowd.now);
        let _third = crowd.enter(3).unwrap();
        assert!(idle.progress.has_ended() && !slow.progress.has_ended());
        let crowd_is_patient = crowd.enter(4).is_none();
        assert!(crowd_is_patient, "both may still be sending");
        crowd.now += PATIENCE;
        assert!(crowd.enter(4).is_some() && slow.progress.has_ended());
    }

    #[test]
    fn trusted_proxies_are_exempt() {
        let mut crowd = Crowd::of(4, 2);
        let proxied: Vec<_> = (0..4).map(|_| crowd.all.enter(address(1), true, crowd.now).unwrap()).collect();
        crowd.now += Duration::from_secs(60);
        assert!(crowd.enter(2).is_none());
        assert_eq!(ended(&proxied), [0; 0]);
        assert!(proxied.iter().all(|place| !place.is_to_end(crowd.now)));
        drop(proxied);
        assert!(crowd.all.state.lock().unwrap().counts.is_empty());
    }

    #[test]
    fn long_connections_end_after_an_answer_while_connections_are_scarce() {
        let mut crowd = Crowd::of(8, 8);
        let old = crowd.busy(1).unwrap();
        crowd.now += LONG;
        assert!(!old.is_to_end(crowd.now), "there is room");
        let _others: Vec<_> = (2..=7).map(|last| crowd.busy(last).unwrap()).collect();
        let young = crowd.busy(8).unwrap();
        assert!(old.is_to_end(crowd.now) && !young.is_to_end(crowd.now));
        crowd.all.waiting.store(1, Ordering::Relaxed);
        assert!(young.is_to_end(crowd.now), "somebody waits");
    }
}
