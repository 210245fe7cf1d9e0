//! The server is killed at random moments of a running sale, again and again, as by `kill -9`. Whatever it had answered
//! stays true: no ticket is missing, none is there twice, no payment is lost, and places of buyers who went away come back.
//!
//! `CRASH_CYCLES_HTTP` says how often; 50 if it is not set.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use ticketing_tests::client::{Answer, Client};
use ticketing_tests::number;
use ticketing_tests::proof::told;
use ticketing_tests::random::Random;
use ticketing_tests::sandbox_gateway::{SECRET_KEY, SandboxGateway};
use ticketing_tests::server::Server;
use ticketing_tests::stored_state::StoredState;
use ticketing_tests::users::{User, codes_of, reference_of};
use tokio::sync::watch;

/// Buyers at work at once, each on a connection of their own.
const BUYERS: usize = 8;

/// What the server has answered: from then on it is a promise.
#[derive(Clone, Debug, Default)]
struct Promises {
    /// Payments that were begun.
    begun: BTreeSet<String>,
    /// Payments that the gateway took money for.
    paid: BTreeSet<String>,
    /// Tickets, by the payment that bought them.
    tickets: BTreeMap<String, BTreeSet<String>>,
    sold_out: usize,
    /// Answers that never came.
    lost: usize,
    /// Answers that no buyer should ever get.
    absurd: Vec<String>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeatedly_killed_server_keeps_every_promise() {
    let _turn = ticketing_tests::one_at_a_time().await;
    let cycles = number("CRASH_CYCLES_HTTP", 50);
    // The shortest hold there is, so that the first ones run out while the test runs.
    let mut server = Server::prepare(&[("HOLD_SECONDS", "60"), ("PAYSTACK_SECRET_KEY", SECRET_KEY)]);
    let gateway = SandboxGateway::open(server.address).await;
    server.set("PAYSTACK_BASE_URL", gateway.url());
    server.restart().await;

    let mut organizer = User::join(server.address, "organizer").await;
    let events = [
        organizer.make_event("More places than anybody wants", 1_000_000).await,
        organizer.make_event("Fewer places than everybody wants", 50).await,
    ];
    let promises = Arc::new(Mutex::new(Promises::default()));
    let (stop, stopped) = watch::channel(false);
    let mut buyers = Vec::new();
    for number in 0..BUYERS {
        let person = User::join(server.address, &format!("buyer-{number}")).await;
        buyers.push(tokio::spawn(buy_and_buy(person, gateway, events, Arc::clone(&promises), stopped.clone())));
    }

    let mut random = Random::default();
    let mut recoveries = Vec::new();
    for cycle in 0..cycles {
        // Also before it is up again: a killed recovery must be no worse than a killed sale.
        if random.percent(10) {
            tokio::time::sleep(Duration::from_millis(random.below(60))).await;
            server.kill();
            server.spawn();
            tokio::time::sleep(Duration::from_millis(random.below(60))).await;
            server.kill();
            recoveries.push(server.restart().await);
        }
        tokio::time::sleep(Duration::from_millis(20 + random.below(400))).await;
        server.kill();
        if cycle % 10 == 9 {
            look_into(&server, &promises).await.close().await;
        }
        recoveries.push(server.restart().await);
    }

    // One more breath, so that sales after the last start are there too, and the end.
    tokio::time::sleep(Duration::from_millis(500)).await;
    stop.send(true).unwrap();
    for buyer in buyers {
        buyer.await.unwrap();
    }
    server.kill();

    let stored = look_into(&server, &promises).await;
    stored.let_time_pass(&gateway).await;
    stored.assert_sound().await;
    let captured = stored.assert_no_money_is_lost(&gateway).await;
    assert_eq!(
        stored.count("select count(*) from orders where status = 'held'").await,
        0,
        "a dead buyer's hold lives on"
    );
    assert_eq!(stored.count("select sum(held) from events").await, 0);
    let by_status = stored.texts("select status || ' ' || count(*) from orders group by status").await.join(", ");
    let tickets = stored.count("select count(*) from tickets").await;
    stored.close().await;

    let log = server.log();
    assert!(!log.contains("panicked"), "something panicked: {}", server.folder.display());
    let promises = promises.lock().unwrap();
    recoveries.sort();
    println!(
        "kill_nine: {} kills; payments begun {}, paid {} (captured {captured}), answered with tickets {}; tickets {tickets}; \
         orders {by_status}; sold out {}; answers lost {}; ready again after p50 {:?}, max {:?}",
        recoveries.len(),
        promises.begun.len(),
        promises.paid.len(),
        promises.tickets.len(),
        promises.sold_out,
        promises.lost,
        recoveries[recoveries.len() / 2],
        recoveries[recoveries.len() - 1],
    );
    let slowest = recoveries[recoveries.len() - 1];
    let found =
        format!("0 of {} promises lost; ready after max {slowest:.1?}", promises.begun.len() + promises.tickets.len());
    told("kill_nine", "SIGKILL under a sale (SQLite)", recoveries.len(), &found);
    // A test in which nothing was sold, or nothing was cut off, would have shown nothing.
    assert!(promises.tickets.len() >= cycles, "only {} sales in {cycles} cycles", promises.tickets.len());
    assert!(promises.lost >= cycles, "only {} answers were cut off in {cycles} cycles", promises.lost);
    assert!(promises.sold_out > 0 && promises.paid.len() > promises.tickets.len());
}

/// Opens a copy of what the dead server left, and compares it with what it had promised.
async fn look_into(server: &Server, promises: &Mutex<Promises>) -> StoredState {
    // Taken before the copy is read: the server is dead, so nothing can be promised meanwhile.
    let stored = StoredState::open(&server.copy_of_database()).await;
    stored.assert_sound().await;
    let attempts: BTreeMap<String, String> = stored.attempts().await.into_iter().collect();
    let active: BTreeSet<String> =
        stored.texts("select code from tickets where status = 'active'").await.into_iter().collect();
    let bought = stored.texts(
        "select a.reference || ' ' || t.code from tickets t join attempts a on a.order_id = t.order_id and a.status = 'fulfilled'",
    );
    let mut in_books: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in bought.await {
        let (reference, code) = line.split_once(' ').unwrap();
        in_books.entry(reference.to_owned()).or_default().insert(code.to_owned());
    }
    let promises = promises.lock().unwrap().clone();
    assert_eq!(promises.absurd, Vec::<String>::new());
    for reference in &promises.begun {
        assert!(attempts.contains_key(reference), "payment {reference} was answered, and is gone");
    }
    for (reference, codes) in &promises.tickets {
        assert_eq!(in_books.get(reference), Some(codes), "the tickets of {reference}");
        assert!(codes.is_subset(&active), "a ticket of {reference} is not valid any more");
    }
    let all: usize = promises.tickets.values().map(BTreeSet::len).sum();
    let different: BTreeSet<&String> = promises.tickets.values().flatten().collect();
    assert_eq!(different.len(), all, "two payments bought the same ticket");
    stored
}

/// A buyer who buys until told to stop: sometimes without paying, sometimes without coming back after paying.
async fn buy_and_buy(
    mut person: User,
    gateway: SandboxGateway,
    events: [i64; 2],
    promises: Arc<Mutex<Promises>>,
    stopped: watch::Receiver<bool>,
) {
    let mut random = Random::default();
    let mut bank = Client::new(gateway.address);
    while !*stopped.borrow() {
        let event = events[usize::from(random.percent(15))];
        let answer = person.begin(event, 1 + random.below(3)).await;
        let Some(answer) = heard(answer, &promises) else {
            // The server is dead. Others would knock again too.
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        };
        match (answer.status, answer.code().as_str()) {
            (200, _) => {}
            (400, "sold_out") => {
                promises.lock().unwrap().sold_out += 1;
                continue;
            }
            _ => {
                absurd(&promises, "to begin a payment", &answer);
                continue;
            }
        }
        let reference = reference_of(&answer);
        promises.lock().unwrap().begun.insert(reference.clone());
        if random.percent(15) {
            continue; // walks away
        }
        // The gateway is alive whether or not the server is.
        let action = if random.percent(50) { "pay" } else { "pay_no_webhook" };
        ticketing_tests::sandbox_gateway::play(&mut bank, &format!("/simulate/{reference}"), action).await.unwrap();
        promises.lock().unwrap().paid.insert(reference.clone());
        if random.percent(15) {
            continue; // closes the browser
        }
        come_back(&mut person, &reference, &promises).await;
    }
}

/// Asks for the tickets until there is an answer, like somebody who has paid.
async fn come_back(person: &mut User, reference: &str, promises: &Mutex<Promises>) {
    let since = Instant::now();
    while since.elapsed() < Duration::from_secs(60) {
        let Some(answer) = heard(person.verify(reference).await, promises) else {
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        };
        match (answer.status, answer.code().as_str()) {
            (200, _) => {
                let codes = codes_of(&answer);
                let mut promises = promises.lock().unwrap();
                match promises.tickets.insert(reference.to_owned(), codes.clone()) {
                    Some(before) if before != codes => promises.absurd.push(format!("{reference} got other tickets")),
                    _ => {}
                }
                return;
            }
            // The hold ran out while the server was dead, and others took the places.
            (409, "payment_refund_due") => return,
            _ => return absurd(promises, "to ask for paid tickets", &answer),
        }
    }
    promises.lock().unwrap().absurd.push(format!("{reference}: no answer for a minute"));
}

fn heard<E>(answer: Result<Answer, E>, promises: &Mutex<Promises>) -> Option<Answer> {
    if answer.is_err() {
        promises.lock().unwrap().lost += 1;
    }
    answer.ok()
}

fn absurd(promises: &Mutex<Promises>, what: &str, answer: &Answer) {
    promises.lock().unwrap().absurd.push(format!("{what}: {}", answer.in_words()));
}
