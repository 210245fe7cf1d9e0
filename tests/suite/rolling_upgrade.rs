//! Two versions of the server on one PostgreSQL database, as during a rolling upgrade: the old one is at work, the new one starts and
//! migrates, and both sell to the same buyers.
//!
//! Run by `tests/rolling_upgrade.sh`, which builds the old version; `OLD_SERVER` is where its program is. `ROLLING_SECONDS` says for how long
//! both sell; 10 if it is not set.

use std::time::Duration;
use ticketing_tests::cluster::Cluster;
use ticketing_tests::fleet::Fleet;
use ticketing_tests::number;
use ticketing_tests::sale::Sale;
use ticketing_tests::users::{User, codes_of, reference_of};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the program of an older version: run tests/rolling_upgrade.sh"]
async fn an_old_and_a_new_server_sell_from_one_database() {
    let _turn = ticketing_tests::one_at_a_time().await;
    let old = std::env::var("OLD_SERVER").unwrap();
    let cluster = Cluster::start().unwrap();
    let mut fleet = Fleet::prepare(&cluster.url("shop"), 2, &[]).await;
    cluster.create("shop");

    // The old version alone, on a database that it made.
    fleet.servers[0].use_program(&old);
    fleet.servers[0].restart().await;
    let mut early = User::join(fleet.address(0), "early").await;
    let event = early.make_event("Before the upgrade", 100).await;
    let bought = reference_of(&early.begin(event, 2).await.unwrap());
    fleet.gateway.play(&bought, "pay").await.unwrap();
    let codes = codes_of(&early.verify(&bought).await.unwrap());
    let open = reference_of(&early.begin(event, 1).await.unwrap());
    let pool = cluster.open("shop").await;
    let version = async || {
        let sql = "select max(version) from _sqlx_migrations";
        sqlx::query_scalar::<_, i64>(sql).fetch_one(&pool).await.unwrap()
    };
    let before = version().await;

    // The new version migrates under it, and both sell: every request of a buyer goes to the other server.
    fleet.servers[1].restart().await;
    let after = version().await;
    let mut sale = Sale::begin(&fleet, 8).await;
    tokio::time::sleep(Duration::from_secs(number("ROLLING_SECONDS", 10) as u64)).await;
    sale.end().await;
    assert!(sale.sold() > 0, "{}", sale.in_words());
    sale.assert_kept(&pool).await;

    // What was begun at one is paid and seen at the other.
    early.client = ticketing_tests::client::Client::new(fleet.address(1));
    assert_eq!(codes_of(&early.verify(&bought).await.unwrap()), codes);
    fleet.gateway.play(&open, "pay_no_webhook").await.unwrap();
    let opened = codes_of(&early.verify(&open).await.unwrap());
    early.client = ticketing_tests::client::Client::new(fleet.address(0));
    assert_eq!(codes_of(&early.verify(&open).await.unwrap()), opened);

    // Both find the database sound, each by its own check.
    for server in &fleet.servers {
        assert_eq!(fleet.check_by(server.program()), Ok(()));
    }
    for server in &mut fleet.servers {
        server.stop().await;
    }
    fleet.assert_calm();
    println!("rolling_upgrade: migrations {before} → {after}; {}", sale.in_words());
}
