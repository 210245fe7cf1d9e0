//! The load generator for benchmarks and operators: a closed loop of clients over HTTP, each with its own connection.

use crate::Failure;
use crate::measure::{Came, Measured, histogram};
use serde_json::json;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use ticketing_tests::client::{Answer, Client};
use tokio::task::JoinSet;

/// What the load does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// Reads one event.
    Reads,
    /// Holds a place, pays, and gets the ticket.
    Purchases,
}

/// A load.
#[derive(Clone, Debug)]
pub struct Load {
    /// The address of the server.
    pub server: SocketAddr,
    /// The kind of load.
    pub kind: Kind,
    /// The number of clients, each with a connection.
    pub people: usize,
    /// The duration.
    pub lasting: Duration,
    /// The path at which clients pay (`/sandbox/paystack`), unless the payment gateway captures the money by itself.
    pub pay_at: Option<String>,
    /// Whether to print progress every second.
    pub progress: bool,
}

/// The result.
#[derive(Debug)]
pub struct Loaded {
    /// Throughput and latency.
    pub measured: Measured,
    /// Inconsistencies found afterwards.
    pub wrong: Vec<String>,
}

/// An error unless the response has this status.
pub fn wanted(answer: &Answer, status: u16) -> Result<(), Failure> {
    if answer.status == status { Ok(()) } else { Err(format!("expected {status}, got {}", answer.in_words()).into()) }
}

/// Sends a request; with a body, a POST.
pub async fn ask(
    client: &mut Client,
    path: &str,
    token: Option<&str>,
    body: Option<&serde_json::Value>,
) -> Result<Answer, Failure> {
    let answer = match body {
        Some(body) => client.post(path, token, body).await,
        None => client.get(path, token).await,
    };
    answer.map_err(|lost| format!("no answer: {}", lost.0).into())
}

/// A client with an account.
#[derive(Debug)]
pub struct Person {
    /// Their connection.
    pub client: Client,
    /// Their session token.
    pub token: String,
}

/// Registers a client and logs it in.
pub async fn join(server: SocketAddr, name: &str) -> Result<Person, Failure> {
    let mut client = Client::new(server);
    let email = format!("{name}@example.com");
    let who = json!({"email": email, "name": name, "password": "correct horse battery"});
    wanted(&ask(&mut client, "/auth/register", None, Some(&who)).await?, 201)?;
    let who = json!({"email": email, "password": "correct horse battery"});
    let answer = ask(&mut client, "/auth/login", None, Some(&who)).await?;
    wanted(&answer, 200)?;
    let token = answer.json()["access_token"].as_str().ok_or("no token")?.to_owned();
    Ok(Person { client, token })
}

/// A load that is prepared: clients that are logged in, and an event.
#[derive(Debug)]
pub struct Ready {
    load: Load,
    organizer: Person,
    people: Vec<Person>,
    event: i64,
    codes: Vec<String>,
}

impl Load {
    /// Prepares clients and an event, runs the load, and checks for inconsistencies.
    pub async fn run(&self) -> Result<Loaded, Failure> {
        let mut ready = self.prepare().await?;
        let measured = ready.run(self.lasting).await?;
        Ok(Loaded { measured, wrong: ready.look().await? })
    }

    /// Prepares clients and an event.
    pub async fn prepare(&self) -> Result<Ready, Failure> {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_millis();
        let mut organizer = join(self.server, &format!("organiser-{now}")).await?;
        let event = json!({
            "title": "Load", "event_date": "2099-12-31T20:00:00Z", "location": "Lagos", "price": "5000.00",
            "capacity": 1_000_000_000,
        });
        let token = organizer.token.clone();
        let made = ask(&mut organizer.client, "/events/", Some(&token), Some(&event)).await?;
        wanted(&made, 201)?;
        let event = made.json()["id"].as_i64().ok_or("no event")?;
        let mut people = vec![];
        for number in 0..self.people {
            people.push(join(self.server, &format!("buyer-{now}-{number}")).await?);
        }

        Ok(Ready { load: self.clone(), organizer, people, event, codes: vec![] })
    }
}

impl Ready {
    /// Runs the load for this long.
    pub async fn run(&mut self, lasting: Duration) -> Result<Measured, Failure> {
        let (began, done, event) = (Instant::now(), Arc::new(AtomicU64::new(0)), self.event);
        let mut running = JoinSet::new();
        for mut person in self.people.drain(..) {
            let (load, done) = (self.load.clone(), Arc::clone(&done));
            running.spawn(async move {
                let (mut times, mut refused, mut codes) = (histogram()?, 0, vec![]);
                while began.elapsed() < lasting {
                    let asked = Instant::now();
                    match load.once(&mut person, event, &mut codes).await? {
                        Came::Done => {
                            done.fetch_add(1, Ordering::Relaxed);
                            times.record(u64::try_from(asked.elapsed().as_nanos())?)?;
                        }
                        Came::Refused => {
                            refused += 1;
                            tokio::time::sleep(Duration::from_millis(20)).await;
                        }
                    }
                }
                Ok::<_, Failure>((times, refused, codes, person))
            });
        }
        let watched = self.load.progress.then(|| tokio::spawn(tell(began, Arc::clone(&done))));
        let (mut times, mut refused) = (histogram()?, 0);
        while let Some(one) = running.join_next().await {
            let one = one??;
            times.add(one.0)?;
            refused += one.1;
            self.codes.extend(one.2);
            self.people.push(one.3);
        }
        let took = began.elapsed();
        if let Some(watched) = watched {
            watched.abort();
        }
        Ok(Measured::new(done.load(Ordering::Relaxed), refused, took, times))
    }

    /// Whether every issued ticket is distinct, and counted as sold. Returns what is wrong.
    pub async fn look(&mut self) -> Result<Vec<String>, Failure> {
        self.load.look(&mut self.organizer.client, self.event, &self.codes).await
    }
}

impl Load {
    async fn once(&self, person: &mut Person, event: i64, codes: &mut Vec<String>) -> Result<Came, Failure> {
        if self.kind == Kind::Reads {
            let answer = ask(&mut person.client, &format!("/events/{event}"), None, None).await?;
            return came(&answer, 200);
        }
        let token = Some(person.token.as_str());
        let wish = json!({"event_id": event, "quantity": 1});
        let answer = ask(&mut person.client, "/payments/initialize", token, Some(&wish)).await?;
        if came(&answer, 200)? == Came::Refused {
            return Ok(Came::Refused);
        }
        let reference = answer.json()["reference"].as_str().ok_or("no reference")?.to_owned();
        if let Some(pay_at) = &self.pay_at {
            let path = format!("{pay_at}/simulate/{reference}");
            wanted(&ask(&mut person.client, &path, None, Some(&json!({"action": "pay"}))).await?, 200)?;
        }
        loop {
            let answer = ask(&mut person.client, &format!("/payments/verify/{reference}"), token, None).await?;
            match came(&answer, 200)? {
                Came::Done => {
                    let body = answer.json();
                    let tickets = body["tickets"].as_array().ok_or("no tickets")?;
                    codes.extend(tickets.iter().filter_map(|ticket| Some(ticket["ticket_code"].as_str()?.to_owned())));
                    return Ok(Came::Done);
                }
                Came::Refused => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// Every issued ticket is distinct, and counted as sold.
    async fn look(&self, client: &mut Client, event: i64, codes: &[String]) -> Result<Vec<String>, Failure> {
        let mut wrong = vec![];
        if self.kind == Kind::Reads {
            return Ok(wrong);
        }
        let different = codes.iter().collect::<HashSet<_>>().len();
        if different != codes.len() {
            wrong.push(format!("{} tickets were given out, and only {different} are different", codes.len()));
        }
        let body = ask(client, &format!("/events/{event}"), None, None).await?.json();
        let sold = body["tickets_sold"].as_u64().ok_or("the event does not say how many are sold")?;
        if usize::try_from(sold)? != codes.len() {
            wrong.push(format!("{} tickets were given out, and {sold} are counted as sold", codes.len()));
        }
        Ok(wrong)
    }
}

/// A rejection is not an error of the load; any other unexpected status is.
fn came(answer: &Answer, status: u16) -> Result<Came, Failure> {
    match answer.status {
        503 | 429 => Ok(Came::Refused),
        _ => wanted(answer, status).map(|()| Came::Done),
    }
}

async fn tell(began: Instant, done: Arc<AtomicU64>) {
    let mut before = 0;
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = done.load(Ordering::Relaxed);
        println!("{:>4} s: {:>7} done, {:>6} in the last second", began.elapsed().as_secs(), now, now - before);
        before = now;
    }
}
