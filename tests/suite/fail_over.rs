//! The database dies in the middle of a sale and its standby takes over: nothing that was answered is lost, and sales go on by
//! themselves.

use std::time::{Duration, Instant};
use ticketing_tests::cluster::Cluster;
use ticketing_tests::fleet::Fleet;
use ticketing_tests::proof::told;
use ticketing_tests::proxy::Proxy;
use ticketing_tests::sale::Sale;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_takes_over_with_every_acknowledged_write() {
    let _turn = ticketing_tests::one_at_a_time().await;
    let Some(primary) = Cluster::start() else { return };
    primary.create("shop");
    let standby = primary.with_standby();
    let proxy = Proxy::to(primary.port).await;
    let url = format!("postgres://postgres@{}/shop", proxy.address);
    let mut fleet = Fleet::prepare(&url, 2, &[("REQUEST_TIMEOUT_SECONDS", "20")]).await;
    fleet.start().await;
    let pool = primary.open("shop").await;
    let state: String =
        sqlx::query_scalar("select sync_state from pg_stat_replication").fetch_one(&pool).await.unwrap();
    assert_eq!(state, "sync", "commits wait for the standby");
    pool.close().await;

    let mut sale = Sale::begin(&fleet, 6).await;
    while sale.sold() < 30 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let died = Instant::now();
    primary.kill_postmaster();
    let before = sale.sold();
    standby.promote();
    proxy.switch(standby.port);
    let promoted = died.elapsed();
    sale.recovery().await;
    let resumed = died.elapsed();
    while sale.sold() < before + 30 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    sale.end().await;
    let pool = standby.open("shop").await;
    sale.assert_kept(&pool).await;
    assert_eq!(fleet.check(), Ok(()));
    // A check that is always content would say nothing.
    sqlx::query("update events set sold = sold + 1").execute(&pool).await.unwrap();
    let said = fleet.check().unwrap_err();
    assert!(said.contains("event ") && said.contains("sold, but its types count"), "{said}");
    pool.close().await;
    fleet.assert_calm();
    told("fail_over", "primary killed, standby promoted", 1, &format!("0 lost; sold again after {resumed:.1?}"));
    println!("fail_over: promoted after {promoted:?}, selling again after {resumed:?}; {}", sale.in_words());
}
