//! A payment company that takes its time costs the shop nothing: buyers who wait for it keep nobody else from beginning.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;
use ticketing_tests::bad_line::{BadLine, Line};
use ticketing_tests::payment_company::{PaymentCompany, SECRET_KEY};
use ticketing_tests::people::Person;
use ticketing_tests::server::Server;
use tokio::task::JoinSet;

/// An eighth of them may begin to buy at once: four.
const CONNECTIONS: &str = "32";
const BUYERS: u32 = 16;
/// Each way. So a checkout takes longer than the time in which all buyers begin.
const SLOW: Duration = Duration::from_millis(750);
/// All of them together begin over a longer time than a rush is served without places.
const ONE_AFTER_THE_OTHER: Duration = Duration::from_millis(50);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_for_the_gateway_does_not_block_other_purchases() {
    let mut server = Server::prepare(&[("PAYSTACK_SECRET_KEY", SECRET_KEY), ("MAX_CONNECTIONS", CONNECTIONS)]);
    let company = PaymentCompany::open(server.address).await;
    let line = BadLine::before(company.address).await;
    server.set("PAYSTACK_BASE_URL", format!("http://{}", line.address));
    server.restart().await;
    let event = Person::join(server.address, "organizer").await.make_event("Slowly paid", 1000).await;
    let mut people = vec![];
    for number in 0..BUYERS {
        people.push(Person::join(server.address, &format!("buyer-{number}")).await);
    }
    line.set(Line::Slow(SLOW));
    let mut begun = JoinSet::new();
    for (number, mut person) in (0..).zip(people) {
        begun.spawn(async move {
            tokio::time::sleep(ONE_AFTER_THE_OTHER * number).await;
            let answer = person.begin(event, 1).await.unwrap();
            (answer.status, answer.in_words())
        });
    }
    for (status, words) in begun.join_all().await {
        assert_eq!(status, 200, "{words}");
    }
}
