//! An open-loop load generator: requests arrive at a fixed rate, whether earlier ones were answered or not. A closed loop cannot
//! show overload, because its callers wait. It reads and writes plain HTTP/1.1 over keep-alive sockets by hand, because it shares
//! the machine with the server and must be cheap.

use crate::Failure;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

/// The timeout of a client.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// The class of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Reads an event.
    Browse,
    /// Buys a ticket: two requests.
    Buy,
    /// Notifies of a payment.
    Webhook,
    /// Checks a ticket in.
    CheckIn,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Successful.
    Done,
    /// Rejected: 503, 429.
    Shed,
    /// Timed out.
    Late,
    /// Another response, or a broken connection.
    Failed,
}

/// The outcome of one arrival.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// The time of arrival, since the start.
    pub at: Duration,
    /// Its class.
    pub class: Class,
    /// How it ended.
    pub end: End,
    /// The time from arrival to outcome.
    pub took: Duration,
}

/// Makes the requests.
pub trait Script: Send + Sync + 'static {
    /// The request with this number in its class; `None` if there are no more.
    fn first(&self, class: Class, number: u64) -> Option<Vec<u8>>;
    /// The follow-up request after this response, if any.
    fn next(&self, class: Class, number: u64, body: &[u8]) -> Option<Vec<u8>>;
}

/// Clients of some classes, with their connections.
#[derive(Clone, Copy, Debug)]
pub struct Pool {
    /// The number of connections.
    pub connections: usize,
    /// How many of every thousand arrivals are of each class.
    pub shares: &'static [(Class, u64)],
}

type Arrival = (Class, u64, Duration);

/// A rate and its duration.
#[derive(Clone, Copy, Debug)]
pub struct Phase {
    /// Arrivals per second.
    pub rate: f64,
    /// The duration.
    pub lasting: Duration,
}

/// Generates the arrivals of all phases in sequence. Returns their outcomes.
pub async fn flood(
    server: SocketAddr,
    pools: &[Pool],
    phases: &[Phase],
    script: &Arc<impl Script>,
) -> Result<Vec<Sample>, Failure> {
    let began = Instant::now();
    let mut doors = vec![];
    let mut running = JoinSet::new();
    for pool in pools {
        let (door, arrivals) = mpsc::unbounded_channel::<Arrival>();
        let arrivals = Arc::new(Mutex::new(arrivals));
        for _ in 0..pool.connections {
            let (arrivals, script) = (Arc::clone(&arrivals), Arc::clone(script));
            running.spawn(async move {
                let (mut line, mut samples) = (Line { server, stream: None, buffer: vec![] }, vec![]);
                loop {
                    let next = arrivals.lock().await.recv().await;
                    let Some((class, number, at)) = next else { return samples };
                    let left = (at + PATIENCE).saturating_sub(began.elapsed());
                    let end = line.serve_within(left, &*script, class, number).await;
                    samples.push(Sample { at, class, end, took: began.elapsed().saturating_sub(at) });
                }
            });
        }
        doors.push((pool, door));
    }
    arrive(began, &doors, phases).await;
    drop(doors);
    let mut samples = vec![];
    while let Some(some) = running.join_next().await {
        samples.extend(some?);
    }
    Ok(samples)
}

async fn arrive(began: Instant, doors: &[(&Pool, mpsc::UnboundedSender<Arrival>)], phases: &[Phase]) {
    let classes: Vec<_> = doors
        .iter()
        .flat_map(|(pool, door)| pool.shares.iter().map(move |(class, share)| (*class, *share, door)))
        .collect();
    let mut sent = vec![0_u64; classes.len()];
    let (mut start, mut owed_before) = (Duration::ZERO, 0.0);
    for phase in phases {
        loop {
            let now = began.elapsed();
            let into = now.saturating_sub(start).min(phase.lasting);
            let owed = owed_before + into.as_secs_f64() * phase.rate;
            for ((class, share, door), sent) in classes.iter().zip(&mut sent) {
                while (*sent as f64) < owed * (*share as f64) / 1000.0 {
                    let _ = door.send((*class, *sent, now));
                    *sent += 1;
                }
            }
            if into == phase.lasting {
                owed_before = owed;
                break;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        start += phase.lasting;
    }
}

/// The same clients in a closed loop, each sending the next request at once: the maximum throughput.
pub async fn peak(
    server: SocketAddr,
    connections: usize,
    shares: &'static [(Class, u64)],
    lasting: Duration,
    script: &Arc<impl Script>,
) -> Result<Vec<Sample>, Failure> {
    let (began, next) = (Instant::now(), Arc::new(std::sync::atomic::AtomicU64::new(0)));
    let mut running = JoinSet::new();
    for _ in 0..connections {
        let (script, next) = (Arc::clone(script), Arc::clone(&next));
        running.spawn(async move {
            let (mut line, mut samples) = (Line { server, stream: None, buffer: vec![] }, vec![]);
            while began.elapsed() < lasting {
                let number = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                // Spread over the thousand, so that a short run has all classes.
                let (mut place, at) = (number * 617 % 1000, began.elapsed());
                let class = shares.iter().find(|(_, share)| {
                    let found = place < *share;
                    place = place.saturating_sub(*share);
                    found
                });
                let Some((class, _)) = class else { continue };
                let end = line.serve_within(PATIENCE, &*script, *class, PEAK + number).await;
                samples.push(Sample { at, class: *class, end, took: began.elapsed().saturating_sub(at) });
            }
            samples
        });
    }
    let mut samples = vec![];
    while let Some(some) = running.join_next().await {
        samples.extend(some?);
    }
    Ok(samples)
}

/// The first request number of the closed loop, so that no number is used twice.
pub const PEAK: u64 = 1 << 40;

/// A connection, reopened after it has ended.
struct Line {
    server: SocketAddr,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

impl Line {
    /// A client that times out closes its connection.
    async fn serve_within(&mut self, left: Duration, script: &impl Script, class: Class, number: u64) -> End {
        let end = match tokio::time::timeout(left, self.serve(script, class, number)).await {
            Ok(Ok(end)) => return end,
            Ok(Err(_)) => End::Failed,
            Err(_) => End::Late,
        };
        self.stream = None;
        end
    }

    async fn serve(&mut self, script: &impl Script, class: Class, number: u64) -> Result<End, Failure> {
        let mut wanted = script.first(class, number);
        while let Some(request) = wanted {
            let (status, body) = self.ask(&request).await?;
            match status {
                200 => wanted = script.next(class, number, body),
                429 | 503 => return Ok(End::Shed),
                other => return Err(format!("{class:?}: {other} {}", String::from_utf8_lossy(body)).into()),
            }
        }
        Ok(End::Done)
    }

    async fn ask(&mut self, request: &[u8]) -> Result<(u16, &[u8]), Failure> {
        // The server may have closed an idle connection: reopen it, once.
        let kept = self.stream.is_some();
        match self.try_ask(request).await {
            Err(_) if kept => {
                self.stream = None;
                self.try_ask(request).await?;
            }
            asked => asked?,
        }
        let head = find(&self.buffer, b"\r\n\r\n").ok_or("no head")? + 4;
        let status = std::str::from_utf8(self.buffer.get(9..12).ok_or("no status")?)?.parse()?;
        Ok((status, self.buffer.get(head..).unwrap_or_default()))
    }

    async fn try_ask(&mut self, request: &[u8]) -> Result<(), Failure> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(self.server).await?;
                stream.set_nodelay(true)?;
                self.stream.insert(stream)
            }
        };
        stream.write_all(request).await?;
        self.buffer.clear();
        loop {
            if stream.read_buf(&mut self.buffer).await? == 0 {
                return Err("the connection has ended".into());
            }
            let Some(head) = find(&self.buffer, b"\r\n\r\n") else { continue };
            let length = length(self.buffer.get(..head).unwrap_or_default());
            if self.buffer.len() >= head + 4 + length {
                return Ok(());
            }
        }
    }
}

fn length(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let line = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    line.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// The position of one byte string in another.
pub fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}
