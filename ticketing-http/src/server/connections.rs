//! Who may have how many connections, and which of them ends when there is no room.
//!
//! One address must not take every connection. So an address has a limit, and beyond it, or when all connections are taken, a
//! newcomer replaces a connection that waits for its client: one that is idle, that sends a request slowly or that does not read its
//! answer. A request that the server works on is never cut off. The address that has most goes first, and of its connections the
//! oldest. Those of trusted proxies are neither limited nor ended: each carries the requests of many people.
//!
//! A flood of connections must not cost much either: usually the first one that is looked at can go.

use super::progress::{Ending, Progress};
use crate::lock::lock;
use std::collections::{HashMap, VecDeque};
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
    /// The connections of each address, the oldest first, but those that were passed over last.
    by_address: HashMap<IpAddr, VecDeque<u64>>,
}

#[derive(Debug)]
struct Open {
    address: IpAddr,
    is_exempt: bool,
    progress: Arc<Progress>,
}

impl State {
    fn count(&self, address: IpAddr) -> usize {
        self.by_address.get(&address).map_or(0, VecDeque::len)
    }

    fn remove(&mut self, id: u64) -> Option<Open> {
        let open = self.open.remove(&id)?;
        if let Some(ids) = self.by_address.get_mut(&open.address) {
            if let Some(at) = ids.iter().position(|known| *known == id) {
                ids.remove(at);
            }
            if ids.is_empty() {
                self.by_address.remove(&open.address);
            }
        }
        Some(open)
    }

    /// The oldest connection of an address that waits for its client and may go.
    fn goner_of(&mut self, address: IpAddr, now: Instant, may_go: impl Fn(&Open, Duration) -> bool) -> Option<u64> {
        let ids = self.by_address.get_mut(&address)?;
        for _ in 0..ids.len() {
            let id = *ids.front()?;
            let open = self.open.get(&id).filter(|open| !open.is_exempt);
            let may_go = |open: &Open| open.progress.waits_for_client(now).is_some_and(|waited| may_go(open, waited));
            if open.is_some_and(may_go) {
                return Some(id);
            }
            ids.rotate_left(1);
        }
        None
    }

    /// The connection that a newcomer of this address replaces where all are taken. An address that has many must not replace the
    /// few of others.
    fn goner_for(&mut self, newcomer: IpAddr, now: Instant) -> Option<u64> {
        let own = self.count(newcomer);
        let mut addresses: Vec<(usize, IpAddr)> =
            self.by_address.iter().map(|(address, ids)| (ids.len(), *address)).collect();
        addresses.sort_unstable_by(|a, b| b.cmp(a));
        // Of addresses with equally many, the one that has waited longest.
        let mut longest: Option<(usize, Duration, u64)> = None;
        for (theirs, address) in addresses {
            if longest.is_some_and(|(count, ..)| count > theirs) {
                break;
            }
            let goner = self.goner_of(address, now, |open, waited| {
                address == newcomer
                    || theirs > own + 1
                    || (theirs > own && (waited >= PATIENCE || open.progress.is_idle()))
            });
            let waited = |id: &u64| self.open.get(id)?.progress.waits_for_client(now);
            let found = goner.and_then(|id| Some((theirs, waited(&id)?, id)));
            longest = match (longest, found) {
                (Some(longest), Some(found)) if found.1 > longest.1 => Some(found),
                (longest, found) => longest.or(found),
            };
        }
        longest.map(|(.., id)| id)
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
        let goner = if !is_exempt && state.count(address) >= self.max_per_address {
            Some(state.goner_of(address, now, |_, _| true)?)
        } else if state.open.len() >= self.max {
            Some(state.goner_for(address, now)?)
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
        state.by_address.entry(address).or_default().push_back(id);
        Some(Place { id, address, is_exempt, began: now, progress, all: Arc::clone(self) })
    }

    /// Ends a connection of the address that has most, where one waits for its client.
    pub(super) fn make_room(&self, now: Instant) {
        let mut state = lock(&self.state);
        let most = state.by_address.iter().max_by_key(|(_, ids)| ids.len()).map(|(address, _)| *address);
        let goner = most.and_then(|address| state.goner_of(address, now, |_, _| true)).and_then(|id| state.remove(id));
        if let Some(goner) = goner {
            goner.progress.end();
        }
    }
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
    fn an_address_beyond_its_limit_replaces_its_own_oldest_waiting_connection() {
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
        assert!(crowd.all.state.lock().unwrap().by_address.is_empty());
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
