//! The lines between a server, its database and its payment gateway go bad in the middle of a sale, one way after the other.
//! Nothing that was answered is lost, buyers are asked to try again and told nothing worse, and the server goes on by itself.
//!
//! `NETWORK_LINES=all` also cuts the line to the payment gateway, after which the circuit breaker rests for a minute each
//! time; `NETWORK_SECONDS` says how long a line is bad; 1.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use ticketing_core::domain::ticket::TicketKey;
use ticketing_core::storage::Storage;
use ticketing_core::storage::StorageExt as _;
use ticketing_core::storage::postgres::PostgresStorage;
use ticketing_tests::client::{Answer, Client};
use ticketing_tests::cluster::Cluster;
use ticketing_tests::faulty_proxy::{Fault, FaultyProxy};
use ticketing_tests::number;
use ticketing_tests::proof;
use ticketing_tests::sandbox_gateway::{SECRET_KEY, SandboxGateway, play};
use ticketing_tests::server::Server;
use ticketing_tests::users::{User, codes_of, reference_of};
use tokio::sync::watch;

const BUYERS: usize = 6;
/// How long a buyer waits for an answer that does not come, by way of the server's own limit.
const PATIENCE_SECONDS: &str = "5";
/// Sales must go on within this time after a line is good again.
const RECOVERY: Duration = Duration::from_secs(90);

/// What buyers were told.
#[derive(Debug, Default)]
struct Told {
    tickets: BTreeMap<String, BTreeSet<String>>,
    /// Other answers, by status and code.
    other: BTreeMap<String, usize>,
    lost: usize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_faulty_network_delays_a_sale_and_loses_nothing() {
    let _turn = ticketing_tests::one_at_a_time().await;
    let Some(cluster) = Cluster::start() else { return };
    let url = cluster.create("network");
    let seconds = Duration::from_millis(1000 * number("NETWORK_SECONDS", 1) as u64);
    let (scheme, rest) = url.split_once('@').unwrap();
    let (real, name) = rest.split_once('/').unwrap();
    let to_database = FaultyProxy::before(real.parse().unwrap()).await;
    let mut server = Server::prepare(&[
        ("PAYSTACK_SECRET_KEY", SECRET_KEY),
        ("REQUEST_TIMEOUT_SECONDS", PATIENCE_SECONDS),
        ("JWT_SECRET_KEY", "0f3c9a54e1d84b6fa7725c8e90b1d2a3f4"),
    ]);
    server.set("DATABASE_URL", format!("{scheme}@{}/{name}", to_database.address));
    let gateway = SandboxGateway::open(server.address).await;
    let to_gateway = FaultyProxy::before(gateway.address).await;
    server.set("PAYSTACK_BASE_URL", format!("http://{}", to_gateway.address));
    server.restart().await;

    let mut organizer = User::join(server.address, "organizer").await;
    let event = organizer.make_event("Over a bad line", 1_000_000).await;
    let told = Arc::new(Mutex::new(Told::default()));
    let (stop, stopped) = watch::channel(false);
    let mut buyers = Vec::new();
    for number in 0..BUYERS {
        let person = User::join(server.address, &format!("buyer-{number}")).await;
        buyers.push(tokio::spawn(buy_and_buy(person, gateway, event, Arc::clone(&told), stopped.clone())));
    }
    wait_for_a_sale(&told, "at the beginning").await;

    let slow = Fault::Slow(Duration::from_millis(100));
    let all = std::env::var("NETWORK_LINES").is_ok_and(|word| word == "all");
    for line in [Fault::Cut, Fault::Stalled, Fault::HalfClosed, slow, Fault::Forgotten] {
        // The circuit breaker rests for a minute after each of the others.
        let gateway_too = all || line == slow || line == Fault::Stalled;
        let lines = [("database", &to_database), ("payment gateway", &to_gateway)];
        for (whose, bad) in lines.into_iter().take(1 + usize::from(gateway_too)) {
            let before = told.lock().unwrap().tickets.len();
            bad.set(line);
            tokio::time::sleep(seconds).await;
            let during = told.lock().unwrap().tickets.len() - before;
            // What is forgotten stays so: the server itself must give its old connections up.
            if line != Fault::Forgotten {
                bad.set(Fault::Good);
            }
            let recovery = wait_for_a_sale(&told, &format!("after the line to the {whose} was {line:?}")).await;
            proof::told("network", &format!("{whose} {line:?}"), 1, &format!("sold again after {recovery:.1?}"));
            println!("network: {whose} {line:?}: {during} sales meanwhile, the next {recovery:.1?} after");
            bad.set(Fault::Good);
        }
    }
    stop.send(true).unwrap();
    for buyer in buyers {
        buyer.await.unwrap();
    }
    server.kill();

    let storage = PostgresStorage::connect(&url).await.unwrap();
    assert_eq!(storage.check().await.unwrap(), Vec::<String>::new());
    let codes: Vec<String> = told.lock().unwrap().tickets.values().flatten().cloned().collect();
    for code in &codes {
        let key = TicketKey::Code(code.parse().unwrap());
        assert!(storage.ticket(&key).await.unwrap().is_some(), "ticket {code} was answered, and is gone");
    }
    storage.close().await;
    let told = told.lock().unwrap();
    println!(
        "network: {} payments answered with tickets, other answers {:?}, {} lost",
        told.tickets.len(),
        told.other,
        told.lost
    );
    let absurd: Vec<&String> = told.other.keys().filter(|answer| answer.starts_with('5') && !is_fair(answer)).collect();
    assert_eq!(absurd, Vec::<&String>::new());
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

/// Come again, or the payment gateway did not answer: nothing else is a fair answer where a line is bad.
fn is_fair(answer: &str) -> bool {
    answer.starts_with("503 ") || answer.contains("gateway_")
}

async fn wait_for_a_sale(told: &Mutex<Told>, when: &str) -> Duration {
    let (began, before) = (Instant::now(), told.lock().unwrap().tickets.len());
    // One for each buyer: sales that were already in flight prove nothing.
    while told.lock().unwrap().tickets.len() < before + BUYERS {
        let so_far = || format!("{:?}", told.lock().unwrap().other);
        assert!(began.elapsed() < RECOVERY, "nobody sells {when}: {}", so_far());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    began.elapsed()
}

/// A buyer who tries until told to stop.
async fn buy_and_buy(
    mut person: User,
    gateway: SandboxGateway,
    event: i64,
    told: Arc<Mutex<Told>>,
    stopped: watch::Receiver<bool>,
) {
    let mut bank = Client::new(gateway.address);
    while !*stopped.borrow() {
        let Some(begun) = heard(person.begin(event, 1).await, &told) else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let reference = reference_of(&begun);
        play(&mut bank, &format!("/simulate/{reference}"), "pay").await.unwrap();
        while !*stopped.borrow() {
            if let Some(answer) = heard(person.verify(&reference).await, &told) {
                told.lock().unwrap().tickets.insert(reference.clone(), codes_of(&answer));
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// The answer where it is what was asked for; others are counted.
fn heard<E>(answer: Result<Answer, E>, told: &Mutex<Told>) -> Option<Answer> {
    let mut told = told.lock().unwrap();
    match answer {
        Err(_) => told.lost += 1,
        Ok(answer) if answer.status == 200 => return Some(answer),
        Ok(answer) => *told.other.entry(format!("{} {}", answer.status, answer.code())).or_default() += 1,
    }
    None
}
