use hyper::Method;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use ticketing_tests::client::{Answer, Client};
use ticketing_tests::number;
use ticketing_tests::onlookers::{Onlookers, Seen, address_of};
use ticketing_tests::proof::told;
use ticketing_tests::server::Server;
use tokio::sync::{Barrier, Semaphore};
use tokio::task::JoinSet;

const PASSWORD: &str = "correct horse battery";
/// The proxy in front names each client.
const SETTINGS: &[(&str, &str)] = &[("TRUSTED_PROXIES", "127.0.0.1"), ("MAX_CONNECTIONS", "10000")];

async fn post(client: &mut Client, path: &str, from: &str, body: serde_json::Value) -> Answer {
    let body = Some(("application/json", body.to_string().into()));
    client.send_with(Method::POST, path, None, body, &[("X-Forwarded-For", from)]).await.unwrap()
}

async fn register(client: &mut Client, name: &str, from: &str) {
    let body = json!({"email": format!("{name}@example.com"), "name": name, "password": PASSWORD});
    let answer = post(client, "/auth/register", from, body).await;
    assert_eq!(answer.status, 201, "{}", answer.in_words());
}

async fn log_in(client: &mut Client, name: &str, password: &str, from: &str) -> Answer {
    post(client, "/auth/login", from, json!({"email": format!("{name}@example.com"), "password": password})).await
}

fn wait_of(answer: &Answer) -> Duration {
    Duration::from_secs(answer.header("retry-after").unwrap().parse().unwrap())
}

/// Everybody logs in at the same moment, and comes back exactly when told to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_log_ins_locks_nobody_out() {
    let _turn = ticketing_tests::one_at_a_time().await;
    let people = number("ABUSE_PEOPLE", 150);
    super::on_each_database(SETTINGS, async |server, database| {
        let address = server.address;
        let door = Arc::new(Semaphore::new(8));
        let mut joining = JoinSet::new();
        for person in 0..people {
            let door = Arc::clone(&door);
            joining.spawn(async move {
                let _permit = door.acquire().await.unwrap();
                register(&mut Client::new(address), &format!("fan{person}"), &address_of(person)).await;
            });
        }
        joining.join_all().await;
        let onlookers = Onlookers::ask(address, &["/health", "/events"]);
        let start = Arc::new(Barrier::new(people));
        let mut storm = JoinSet::new();
        for person in 0..people {
            let start = Arc::clone(&start);
            storm.spawn(async move {
                // Half of them from one address, as behind the router of a university.
                let from = if person % 2 == 0 { address_of(person) } else { "198.51.100.7".to_owned() };
                let (mut client, mut answers) = (Client::new(address), Vec::new());
                start.wait().await;
                let began = Instant::now();
                loop {
                    let answer = log_in(&mut client, &format!("fan{person}"), PASSWORD, &from).await;
                    answers.push(answer.status);
                    if answer.status == 200 {
                        return (answers, began.elapsed());
                    }
                    assert!(answers.len() < 50, "fan{person} never gets in: {answers:?}");
                    tokio::time::sleep(wait_of(&answer)).await;
                }
            });
        }
        let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
        let mut seen = Seen::default();
        for (answers, took) in storm.join_all().await {
            seen.add(Ok(answers.last().copied().unwrap()), took);
            answers.into_iter().for_each(|status| *statuses.entry(status).or_default() += 1);
        }
        let meanwhile = onlookers.stop().await;
        println!("abuse: {people} log in at once ({database}): {}, {statuses:?}", seen.in_words());
        println!("abuse: onlookers meanwhile: {}", meanwhile.in_words());
        told("abuse", &format!("log-ins at the same moment ({database})"), people, "nobody is locked out");
        assert_eq!(seen.refused(), Vec::<&Result<u16, String>>::new());
        assert_eq!(statuses.get(&429), None, "nobody typed a wrong password");
        assert_eq!(meanwhile.refused(), Vec::<&Result<u16, String>>::new());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guessing_is_slowed_and_honest_people_still_get_in() {
    let _turn = ticketing_tests::one_at_a_time().await;
    super::on_each_database(SETTINGS, async |server, database| {
        let mut client = Client::new(server.address);
        let shared = "198.51.100.7";
        register(&mut client, "bystander", shared).await;
        register(&mut client, "victim", "198.51.100.99").await;

        // One address guesses anybody's password.
        let mut told_to_wait = Vec::new();
        for guess in 0..80 {
            let answer = log_in(&mut client, &format!("anybody{guess}"), "password1", shared).await;
            match answer.status {
                401 => {}
                429 => told_to_wait.push(wait_of(&answer)),
                _ => panic!("{}", answer.in_words()),
            }
        }
        assert!(!told_to_wait.is_empty(), "guessing is slowed");
        assert!(told_to_wait.iter().all(|wait| *wait <= Duration::from_secs(3)), "{told_to_wait:?}");
        let answer = log_in(&mut client, "bystander", PASSWORD, shared).await;
        assert_eq!(answer.status, 200, "a bystander at that address: {}", answer.in_words());

        // Many addresses guess one person's password, by each of its names.
        let mut checked = 0;
        for guess in 0..120 {
            let answer = log_in(&mut client, "victim", "password1", &address_of(guess)).await;
            checked += usize::from(answer.status == 401);
        }
        assert!(checked < 100, "{checked} of 120 guesses were checked");
        let answer = log_in(&mut client, "victim", PASSWORD, "198.51.100.99").await;
        assert_eq!(answer.status, 200, "the owner, at home: {}", answer.in_words());
        assert_eq!(answer.json()["failed_attempts"], checked, "the owner is told: {}", answer.in_words());
        // Somewhere else, the owner has to wait a little, and then gets in.
        let mut answer = log_in(&mut client, "victim", PASSWORD, "203.0.113.5").await;
        if answer.status == 429 {
            let wait = wait_of(&answer);
            assert!(wait <= Duration::from_secs(30), "{wait:?}");
            tokio::time::sleep(wait).await;
            answer = log_in(&mut client, "victim", PASSWORD, "203.0.113.5").await;
        }
        assert_eq!(answer.status, 200, "{}", answer.in_words());

        // One address guesses one person's password: five times.
        let mut statuses = Vec::new();
        for _ in 0..8 {
            statuses.push(log_in(&mut client, "bystander", "password1", "203.0.113.77").await.status);
        }
        assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429, 429]);
        println!(
            "abuse: guessing ({database}): one address 80 times, 120 addresses one account: {checked} were checked"
        );
        told("abuse", &format!("wrong passwords ({database})"), 208, "guessing is slowed, honest people log in");
    })
    .await;
}

/// One person, while somebody keeps all cores hashing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_logs_in_while_somebody_registers_without_end() {
    let _turn = ticketing_tests::one_at_a_time().await;
    let server = Server::start(SETTINGS).await;
    register(&mut Client::new(server.address), "patient", "198.51.100.1").await;
    let mut attackers = JoinSet::new();
    for attacker in 0..60 {
        let address = server.address;
        attackers.spawn(async move {
            let mut client = Client::new(address);
            for round in 0.. {
                let body =
                    json!({"email": format!("x{attacker}-{round}@example.com"), "name": "Xx", "password": PASSWORD});
                post(&mut client, "/auth/register", "203.0.113.66", body).await;
            }
        });
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut seen = Seen::default();
    for _ in 0..5 {
        let began = Instant::now();
        let mut client = Client::new(server.address);
        let answer = loop {
            let answer = log_in(&mut client, "patient", PASSWORD, "198.51.100.1").await;
            assert_ne!(answer.status, 429, "{}", answer.in_words());
            if answer.status == 200 {
                break answer;
            }
            tokio::time::sleep(wait_of(&answer)).await;
        };
        seen.add(Ok(answer.status), began.elapsed());
    }
    attackers.abort_all();
    println!("abuse: 60 connections register without end; a person logs in: {}", seen.in_words());
    assert_eq!(seen.refused(), Vec::<&Result<u16, String>>::new());
}
