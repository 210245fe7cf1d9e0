//! A sale that goes on while things break, and what was promised in it.

use crate::client::{Answer, Client, Lost};
use crate::fleet::{Fleet, RoundRobin};
use crate::random::Random;
use crate::sandbox_gateway::{SandboxGateway, play};
use crate::users::{User, codes_of, reference_of};
use serde_json::json;
use sqlx::postgres::PgPool;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What was answered: from then on it is a promise.
#[derive(Debug, Default)]
pub struct Promises {
    /// Payments that were begun.
    pub begun: BTreeSet<String>,
    /// Tickets, by the payment that bought them.
    pub tickets: BTreeMap<String, BTreeSet<String>>,
    /// Answers that never came, or said that the records cannot be reached.
    pub lost: usize,
    /// Answers that no buyer should ever get.
    pub absurd: Vec<String>,
}

/// Buyers who buy and buy.
#[derive(Debug)]
pub struct Sale {
    promises: Arc<Mutex<Promises>>,
    stop: watch::Sender<bool>,
    buyers: JoinSet<()>,
}

impl Sale {
    /// So many buyers, of an event with more places than anybody wants.
    pub async fn begin(fleet: &Fleet, buyers: usize) -> Self {
        let mut organizer = User::join(fleet.address(0), "organizer").await;
        let event = organizer.make_event("More places than anybody wants", 1_000_000).await;
        let (stop, stopped) = watch::channel(false);
        let mut sale = Self { promises: Arc::default(), stop, buyers: JoinSet::new() };
        for number in 0..buyers {
            let person = User::join(fleet.address(number), &format!("buyer-{number}")).await;
            let buyer = Buyer {
                token: person.token,
                anywhere: RoundRobin::new(fleet, number),
                gateway: fleet.gateway,
                event,
                promises: Arc::clone(&sale.promises),
            };
            sale.buyers.spawn(buyer.buy_and_buy(stopped.clone()));
        }
        sale
    }

    /// How many payments were answered with tickets.
    pub fn sold(&self) -> usize {
        self.promises.lock().unwrap().tickets.len()
    }

    /// Waits until somebody gets tickets again who had none when this was called, and says how long it took.
    pub async fn recovery(&self) -> Duration {
        let (since, before) = (Instant::now(), self.sold());
        while self.sold() == before {
            assert!(since.elapsed() < Duration::from_secs(90), "nothing was sold any more: {:?}", self.absurd());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        since.elapsed()
    }

    fn absurd(&self) -> Vec<String> {
        self.promises.lock().unwrap().absurd.clone()
    }

    /// Compares the promises made so far with what is stored.
    pub async fn assert_kept(&self, database: &PgPool) {
        // Taken before the rows are read: what is promised meanwhile is there or not.
        let (begun, tickets) = {
            let promises = self.promises.lock().unwrap();
            assert_eq!(promises.absurd, Vec::<String>::new());
            (promises.begun.clone(), promises.tickets.clone())
        };
        let attempts: Vec<String> =
            sqlx::query_scalar("select reference from attempts").fetch_all(database).await.unwrap();
        let attempts: BTreeSet<String> = attempts.into_iter().collect();
        let lost: Vec<&String> = begun.difference(&attempts).collect();
        assert!(lost.is_empty(), "payments that were answered and are gone: {lost:?}");
        let sql = "select a.reference, t.code from tickets t join attempts a on a.order_id = t.order_id \
            where a.status = 'fulfilled' and t.status = 'active'";
        let rows: Vec<(String, String)> = sqlx::query_as(sql).fetch_all(database).await.unwrap();
        let mut stored: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (reference, code) in rows {
            stored.entry(reference).or_default().insert(code);
        }
        for (reference, codes) in &tickets {
            assert_eq!(stored.get(reference), Some(codes), "the tickets of {reference}");
        }
    }

    /// Lets everybody finish what they are at.
    pub async fn end(&mut self) {
        self.stop.send(true).unwrap();
        while let Some(ended) = self.buyers.join_next().await {
            ended.unwrap();
        }
    }

    /// The whole sale in words.
    pub fn in_words(&self) -> String {
        let promises = self.promises.lock().unwrap();
        let (begun, sold) = (promises.begun.len(), promises.tickets.len());
        format!("payments begun {begun}, answered with tickets {sold}, answers lost {}", promises.lost)
    }
}

struct Buyer {
    token: String,
    anywhere: RoundRobin,
    gateway: SandboxGateway,
    event: i64,
    promises: Arc<Mutex<Promises>>,
}

impl Buyer {
    async fn buy_and_buy(mut self, stopped: watch::Receiver<bool>) {
        let mut random = Random::default();
        let mut bank = Client::new(self.gateway.address);
        while !*stopped.borrow() {
            let body = json!({"event_id": self.event, "quantity": 1 + random.below(3)});
            let answer = self.anywhere.post("/payments/initialize", Some(&self.token), &body).await;
            let Some(answer) = self.heard(answer).await else { continue };
            if answer.status != 200 {
                self.absurd("to begin a payment", &answer);
                continue;
            }
            let reference = reference_of(&answer);
            self.promises.lock().unwrap().begun.insert(reference.clone());
            let action = if random.percent(50) { "pay" } else { "pay_no_webhook" };
            // The gateway is alive whatever else is not.
            play(&mut bank, &format!("/simulate/{reference}"), action).await.unwrap();
            self.come_back(&reference).await;
        }
    }

    /// Asks for the tickets until there is an answer, like somebody who has paid.
    async fn come_back(&mut self, reference: &str) {
        let since = Instant::now();
        while since.elapsed() < Duration::from_secs(90) {
            let answer = self.anywhere.get(&format!("/payments/verify/{reference}"), Some(&self.token)).await;
            let Some(answer) = self.heard(answer).await else { continue };
            if answer.status != 200 {
                return self.absurd("to ask for paid tickets", &answer);
            }
            let codes = codes_of(&answer);
            let mut promises = self.promises.lock().unwrap();
            match promises.tickets.insert(reference.to_owned(), codes.clone()) {
                Some(before) if before != codes => promises.absurd.push(format!("{reference} got other tickets")),
                _ => {}
            }
            return;
        }
        self.promises.lock().unwrap().absurd.push(format!("{reference}: no answer for a minute and a half"));
    }

    /// An answer, unless it was lost or said to come back later.
    async fn heard(&self, answer: Result<Answer, Lost>) -> Option<Answer> {
        let answer = answer.ok().filter(|answer| !matches!(answer.status, 408 | 503 | 504));
        if answer.is_none() {
            self.promises.lock().unwrap().lost += 1;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        answer
    }

    fn absurd(&self, what: &str, answer: &Answer) {
        self.promises.lock().unwrap().absurd.push(format!("{what}: {}", answer.in_words()));
    }
}
