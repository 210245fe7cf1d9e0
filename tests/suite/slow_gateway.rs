//! A payment gateway that takes its time costs the shop nothing: buyers who wait for it keep nobody else from beginning.

use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use std::time::Duration;
use ticketing_tests::faulty_proxy::{Fault, FaultyProxy};
use ticketing_tests::sandbox_gateway::{SECRET_KEY, SandboxGateway};
use ticketing_tests::server::Server;
use ticketing_tests::users::User;
use tokio::task::JoinSet;

/// An eighth of them may begin to buy at once: four.
const CONNECTIONS: &str = "32";
const BUYERS: u32 = 16;
/// Each way. So a checkout takes longer than the time in which all buyers begin.
const SLOW: Duration = Duration::from_millis(750);
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_for_the_gateway_does_not_block_other_purchases() {
    let _turn = ticketing_tests::one_at_a_time().await;
    let mut server = Server::prepare(&[
        ("PAYSTACK_SECRET_KEY", SECRET_KEY),
        ("MAX_CONNECTIONS", CONNECTIONS),
        ("MAX_CONNECTIONS_PER_ADDRESS", CONNECTIONS),
    ]);
    let gateway = SandboxGateway::open(server.address).await;
    let line = FaultyProxy::before(gateway.address).await;
    server.set("PAYSTACK_BASE_URL", format!("http://{}", line.address));
    server.restart().await;
    let event = User::join(server.address, "organizer").await.make_event("Slowly paid", 1000).await;
    let mut people = vec![];
    for number in 0..BUYERS {
        people.push(User::join(server.address, &format!("buyer-{number}")).await);
    }
    line.set(Fault::Slow(SLOW));
    let file = SqliteConnectOptions::new().filename(server.folder.join("ticketing.db")).read_only(true);
    let mut database = file.connect().await.unwrap();
    let mut begun = JoinSet::new();
    for (number, mut person) in (1..).zip(people) {
        begun.spawn(async move {
            let answer = person.begin(event, 1).await.unwrap();
            (answer.status, answer.in_words())
        });
        // One after the other: the next begins once this one has all that it needs of the server, and waits for the gateway.
        // One that was rejected never does: its answer says so below.
        for _ in 0..1000 {
            if attempts(&mut database).await >= number {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    for (status, words) in begun.join_all().await {
        assert_eq!(status, 200, "{words}");
    }
}

/// How many attempts are written down: each before the gateway is asked.
async fn attempts(database: &mut SqliteConnection) -> u32 {
    sqlx::query_scalar("select count(*) from attempts").fetch_one(database).await.unwrap()
}
