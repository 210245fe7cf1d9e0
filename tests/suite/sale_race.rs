//! Everybody wants the same few places at once.
//!
//! `RACE_BUYERS` and `RACE_PLACES` say how many of each; 120 and 20 if they are not set.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;
use ticketing_tests::client::Client;
use ticketing_tests::number;
use ticketing_tests::proof::told;
use ticketing_tests::sandbox_gateway::play;
use ticketing_tests::server::Server;
use ticketing_tests::stored_state::StoredState;
use ticketing_tests::users::{User, codes_of, reference_of};
use tokio::sync::{Barrier, Semaphore};
use tokio::task::JoinSet;

/// The outcome for a buyer.
enum Fate {
    Ticket(String),
    SoldOut,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_buyers_get_exactly_the_places_there_are() {
    let _turn = ticketing_tests::one_at_a_time().await;
    let (buyers, places) = (number("RACE_BUYERS", 120), number("RACE_PLACES", 20));
    let mut server = Server::start(&[("MAX_CONNECTIONS", "10000"), ("REQUEST_TIMEOUT_SECONDS", "120")]).await;
    let mut organizer = User::join(server.address, "organizer").await;
    let event = organizer.make_event("The last places", places).await;

    let people = join(&server, buyers).await;

    let start = Arc::new(Barrier::new(buyers));
    let began = Instant::now();
    let mut racing = JoinSet::new();
    for mut person in people {
        let start = Arc::clone(&start);
        // The server closes connections that have idled for ten seconds: each gets a fresh one, open before the race begins.
        person.client = Client::new(server.address);
        racing.spawn(async move {
            assert_eq!(person.get("/health").await.unwrap().status, 200);
            start.wait().await;
            try_to_buy(person, event).await
        });
    }
    let fates = racing.join_all().await;
    let took = began.elapsed();

    let codes: BTreeSet<&String> = fates.iter().filter_map(Fate::ticket).collect();
    let (sold, refused) = (fates.iter().filter_map(Fate::ticket).count(), fates.len() - codes.len());
    told(
        "sale_race",
        "buyers at once, for fewer places (SQLite)",
        buyers,
        &format!("{sold} tickets for {places} places"),
    );
    println!(
        "sale_race: {buyers} buyers, {places} places: {sold} tickets, {refused} told that it is sold out, {took:?}"
    );
    assert_eq!((sold, codes.len(), refused), (places.min(buyers), places.min(buyers), buyers.saturating_sub(places)));

    let answer = organizer.get(&format!("/events/{event}")).await.unwrap().json();
    assert_eq!(
        (answer["tickets_sold"].as_u64(), answer["available"].as_u64()),
        (Some(sold as u64), Some(0)),
        "{answer}"
    );
    server.stop().await;
    let stored = StoredState::open(&server.copy_of_database()).await;
    stored.assert_sound().await;
    assert_eq!(stored.count("select count(*) from tickets").await, i64::try_from(sold).unwrap());
    assert_eq!(
        stored.count("select count(*) from orders").await,
        i64::try_from(sold).unwrap(),
        "who is refused leaves nothing"
    );
    stored.close().await;
    assert!(!server.log().contains("panicked"));
}

impl Fate {
    fn ticket(&self) -> Option<&String> {
        match self {
            Self::Ticket(code) => Some(code),
            Self::SoldOut => None,
        }
    }
}

/// So many people with accounts. A few at a time: a crowd that registers at once is told to come back later, because hashing
/// its passwords would take the server's breath away.
async fn join(server: &Server, count: usize) -> Vec<User> {
    let (address, door) = (server.address, Arc::new(Semaphore::new(4)));
    let mut joining = JoinSet::new();
    for number in 0..count {
        let door = Arc::clone(&door);
        joining.spawn(async move {
            let _permit = door.acquire().await.unwrap();
            User::join(address, &format!("buyer-{number}")).await
        });
    }
    joining.join_all().await
}

/// One buyer, from the first click to the ticket. Any answer but a ticket or a clear no is a failure.
async fn try_to_buy(mut person: User, event: i64) -> Fate {
    let answer = person.begin(event, 1).await.unwrap();
    if answer.status == 400 {
        let body = answer.json();
        assert_eq!(
            (body["code"].as_str(), body["detail"].as_str()),
            (Some("sold_out"), Some("Event sold out")),
            "{body}"
        );
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        return Fate::SoldOut;
    }
    assert_eq!(answer.status, 200, "{}", answer.in_words());
    let reference = reference_of(&answer);
    play(&mut person.client, &format!("/sandbox/paystack/simulate/{reference}"), "pay").await.unwrap();
    let answer = person.verify(&reference).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.in_words());
    let codes = codes_of(&answer);
    assert_eq!(codes.len(), 1);
    Fate::Ticket(codes.into_iter().next().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_verifications_at_once_issue_one_set_of_tickets() {
    let _turn = ticketing_tests::one_at_a_time().await;
    let mut server = Server::start(&[]).await;
    let mut buyer = User::join(server.address, "buyer").await;
    let event = buyer.make_event("Three for a family", 10).await;
    let mut first = 0;
    const ROUNDS: usize = 3;
    for _ in 0..ROUNDS {
        let reference = reference_of(&buyer.begin(event, 3).await.unwrap());
        // Without a webhook, so that only the eight can be the first.
        play(&mut buyer.client, &format!("/sandbox/paystack/simulate/{reference}"), "pay_no_webhook").await.unwrap();
        let start = Arc::new(Barrier::new(8));
        let mut verifying = JoinSet::new();
        for _ in 0..8 {
            let mut person = User { client: Client::new(server.address), token: buyer.token.clone() };
            person.get("/health").await.unwrap();
            let (start, reference) = (Arc::clone(&start), reference.clone());
            verifying.spawn(async move {
                start.wait().await;
                person.verify(&reference).await.unwrap()
            });
        }
        let answers = verifying.join_all().await;
        let mut sets = BTreeSet::new();
        for answer in &answers {
            assert_eq!(answer.status, 200, "{}", answer.in_words());
            sets.insert(codes_of(answer));
            match answer.json()["message"].as_str() {
                Some("Payment verified successfully") => first += 1,
                message => assert_eq!(message, Some("Payment already verified")),
            }
        }
        assert_eq!(sets.len(), 1, "all eight hear of the same tickets");
        assert_eq!(sets.first().unwrap().len(), 3);
    }
    assert_eq!(first, ROUNDS, "exactly one of eight was the first, each time");
    server.stop().await;
    let stored = StoredState::open(&server.copy_of_database()).await;
    stored.assert_sound().await;
    assert_eq!(stored.count("select count(*) from tickets").await, 9);
    stored.close().await;
}
