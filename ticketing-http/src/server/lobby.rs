//! Connections that were accepted while there was no place for them. They wait here, and not in the system's queue, which would keep
//! those of other addresses waiting behind them.

use super::Guest;
use super::connections::{Connections, Place};
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

/// How often to look whether a connection has become idle or slow, while somebody waits.
const LOOK: Duration = Duration::from_millis(200);

/// The connections that wait, in the order in which they came.
pub(super) struct Lobby {
    all: Arc<Connections>,
    guests: VecDeque<(Guest, Instant)>,
    seats: usize,
    /// How long one may wait.
    patience: Duration,
    look_at: Instant,
}

type Admitted = (Guest, Place);

impl Lobby {
    pub(super) fn new(all: Arc<Connections>, seats: usize, patience: Duration) -> Self {
        Self { all, guests: VecDeque::new(), seats, patience, look_at: Instant::now() }
    }

    /// Admits a connection at once where it can. Otherwise it waits. If there are too many, one that is of the address with most of
    /// them is closed.
    pub(super) fn enter(&mut self, guest: Guest) -> Option<Admitted> {
        let now = Instant::now();
        if let Some(place) = self.all.enter(guest.address, guest.is_exempt, now) {
            return Some((guest, place));
        }
        self.guests.push_back((guest, now));
        if self.guests.len() > self.seats {
            self.dismiss();
        }
        self.count();
        None
    }

    /// The next one that was waiting, once there is a place. Dropping this future loses nothing.
    pub(super) async fn next(&mut self) -> Option<Admitted> {
        if self.guests.is_empty() {
            return std::future::pending().await;
        }
        let freed = Arc::clone(&self.all);
        let _ = tokio::time::timeout_at(self.look_at, freed.freed.notified()).await;
        self.look_at = Instant::now() + LOOK;
        self.admit()
    }

    /// Those of the address with the fewest connections come first.
    fn admit(&mut self) -> Option<Admitted> {
        let now = Instant::now();
        self.guests.retain(|(_, since)| now.duration_since(*since) < self.patience);
        let mut order: Vec<usize> = (0..self.guests.len()).collect();
        order.sort_by_key(|index| (self.all.count(self.guests[*index].0.address), *index));
        let found = order.into_iter().find_map(|index| {
            let guest = &self.guests[index].0;
            Some((index, self.all.enter(guest.address, guest.is_exempt, now)?))
        });
        let admitted = found.and_then(|(index, place)| Some((self.guests.remove(index)?.0, place)));
        if admitted.is_some() {
            // There may be room for another.
            self.all.freed.notify_one();
        }
        self.count();
        admitted
    }

    fn dismiss(&mut self) {
        let mut counts: HashMap<IpAddr, usize> = HashMap::new();
        self.guests.iter().for_each(|(guest, _)| *counts.entry(guest.address).or_default() += 1);
        let most = (0..self.guests.len()).max_by_key(|index| (counts.get(&self.guests[*index].0.address), *index));
        drop(most.and_then(|index| self.guests.remove(index)));
    }

    fn count(&self) {
        self.all.waiting.store(self.guests.len(), Ordering::Relaxed);
    }
}
