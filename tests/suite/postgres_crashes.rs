//! Servers, connections and PostgreSQL itself are killed at random moments of a running sale, again and again, as by
//! `kill -9`. After each, `ticketing-http check` is content and every ticket that was answered is there.
//!
//! `CRASH_CYCLES_POSTGRES` says how often; 20 if it is not set. Of ten, eight hit a server, one a process of PostgreSQL's that serves a
//! connection, and one the process that starts all of PostgreSQL's.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use ticketing_tests::cluster::Cluster;
use ticketing_tests::fleet::Fleet;
use ticketing_tests::number;
use ticketing_tests::proof::told;
use ticketing_tests::random::Random;
use ticketing_tests::sale::Sale;

const BUYERS: usize = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_postgresql_or_the_server_loses_no_promise() {
    let _turn = ticketing_tests::one_at_a_time().await;
    let Some(cluster) = Cluster::start() else { return };
    let cycles = number("CRASH_CYCLES_POSTGRES", 20);
    let mut fleet = Fleet::prepare(&cluster.create("shop"), 2, &[("REQUEST_TIMEOUT_SECONDS", "20")]).await;
    fleet.start().await;
    let mut sale = Sale::begin(&fleet, BUYERS).await;
    let mut random = Random::default();
    let mut recoveries: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    let started = Instant::now();
    for cycle in 0..cycles {
        tokio::time::sleep(Duration::from_millis(50 + random.below(300))).await;
        let (what, took) = match cycle % 10 {
            3 => {
                while !cluster.kill_backend("shop").await {}
                ("a backend", sale.recovery().await)
            }
            7 => {
                cluster.kill_postmaster();
                let killed = Instant::now();
                cluster.up();
                sale.recovery().await;
                ("the postmaster", killed.elapsed())
            }
            _ => {
                let index = usize::from(random.percent(50));
                let server = &mut fleet.servers[index];
                server.kill();
                ("a server", server.restart().await)
            }
        };
        recoveries.entry(what).or_default().push(took);
        let pool = cluster.open("shop").await;
        sale.assert_kept(&pool).await;
        pool.close().await;
        assert_eq!(fleet.check(), Ok(()), "after {what} was killed");
    }
    sale.end().await;
    let pool = cluster.open("shop").await;
    sale.assert_kept(&pool).await;
    pool.close().await;
    assert_eq!(fleet.check(), Ok(()));
    fleet.assert_calm();
    println!("postgres_crashes: {cycles} kills in {:?}; {}", started.elapsed(), sale.in_words());
    for (what, mut took) in recoveries {
        took.sort();
        let found = format!("0 of {} promises lost; sold again after max {:.1?}", sale.sold(), took[took.len() - 1]);
        told("postgres_crashes", &format!("SIGKILL of {what}"), took.len(), &found);
        println!(
            "  {what}: {} times, ready again after p50 {:?}, max {:?}",
            took.len(),
            took[took.len() / 2],
            took[took.len() - 1]
        );
    }
    assert!(sale.sold() >= cycles, "a sale in which nothing is sold shows nothing");
}
