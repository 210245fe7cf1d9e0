//! Honest people while somebody attacks: what they ask for, whether they get it, and how long it takes.

use crate::client::Client;
use hyper::Method;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// The address of the `number`-th of many clients, as a trusted proxy would name it.
pub fn address_of(number: usize) -> String {
    format!("198.18.{}.{}", number / 250 % 256, number % 250 + 1)
}

/// An address of this machine that no attacker has.
pub fn quiet_address() -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 0, 0, 77))
}

/// What people were answered, and how long it took. The times are for people to read: nothing is asserted of them.
#[derive(Debug, Default)]
pub struct Seen {
    /// Status of each answer, or what went wrong.
    pub answers: Vec<Result<u16, String>>,
    took: Vec<Duration>,
}

impl Seen {
    /// Adds an answer.
    pub fn add(&mut self, answer: Result<u16, String>, took: Duration) {
        self.answers.push(answer);
        self.took.push(took);
    }

    /// What was not 200.
    pub fn refused(&self) -> Vec<&Result<u16, String>> {
        self.answers.iter().filter(|answer| !matches!(answer, Ok(200))).collect()
    }

    /// In a line.
    pub fn in_words(&self) -> String {
        let mut took = self.took.clone();
        took.sort();
        let at = |part: usize| took.get((took.len() * part / 100).min(took.len().saturating_sub(1))).copied();
        let (middle, slowest) = (at(50).unwrap_or_default(), took.last().copied().unwrap_or_default());
        let good = self.answers.len() - self.refused().len();
        format!("{good} of {} answered, median {middle:?}, slowest {slowest:?}", self.answers.len())
    }
}

/// People who ask for a path again and again, each time on a new connection, until they are told to stop.
#[derive(Debug)]
pub struct Onlookers {
    task: JoinHandle<Seen>,
    stop: Arc<AtomicBool>,
}

impl Onlookers {
    /// They begin now, and ask from a quiet address.
    pub fn ask(server: SocketAddr, paths: &'static [&'static str]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            let mut seen = Seen::default();
            let mut round = 0;
            // At least once each, even where the attack is over already.
            while round < paths.len() || !until.load(Ordering::Relaxed) {
                let mut client = Client::from(quiet_address(), server);
                let began = Instant::now();
                let answer = client.send(Method::GET, paths[round % paths.len()], None, None).await;
                seen.add(answer.map(|answer| answer.status).map_err(|lost| lost.0), began.elapsed());
                round += 1;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            seen
        });
        Self { task, stop }
    }

    /// What they got.
    pub async fn stop(self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.unwrap()
    }
}
