//! Whether what a dead server left behind adds up.
//!
//! Twice over: by the storage's own check, and by questions in SQL that know nothing of the storage's code.

use crate::client::Client;
use crate::sandbox_gateway::{SECRET_KEY, SandboxGateway};
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use ticketing_core::Ticketing;
use ticketing_core::Upkeep;
use ticketing_core::clock::{Clock, SystemClock};
use ticketing_core::gateway::paystack::{PaystackConfig, PaystackGateway};
use ticketing_core::mailer::memory::MemoryMailer;
use ticketing_core::mailer::{Mail, MailError, Mailer};
use ticketing_core::storage::Storage;
use ticketing_core::storage::sqlite::SqliteStorage;

/// What must never be found, by what it would mean.
const NEVER: &[(&str, &str)] = &[
    (
        "a ticket type counts other tickets or holds than there are",
        "select count(*) from ticket_types t where
            sold <> (select count(*) from tickets where ticket_type_id = t.id and status in ('active', 'used'))
            or held <> (select coalesce(sum(quantity), 0) from order_lines join orders on orders.id = order_id
                        where ticket_type_id = t.id and orders.status = 'held')",
    ),
    (
        "an event counts other tickets or holds than its ticket types",
        "select count(*) from events e where
            sold <> (select sum(sold) from ticket_types where event_id = e.id)
            or held <> (select sum(held) from ticket_types where event_id = e.id)",
    ),
    ("an event is oversold", "select count(*) from events where held + sold > capacity"),
    (
        "a paid order has more or fewer tickets than were bought",
        "select count(*) from orders o where status = 'paid' and
            (select count(*) from tickets where order_id = o.id)
            <> (select sum(quantity) from order_lines where order_id = o.id)",
    ),
    (
        "an order that is not paid has tickets",
        "select count(*) from orders where status <> 'paid' and id in (select order_id from tickets)",
    ),
    (
        "a paid order was not paid for by exactly one payment",
        "select count(*) from orders o where status = 'paid' and
            (select count(*) from attempts where order_id = o.id and status = 'fulfilled') <> 1",
    ),
    (
        "a payment that buys nothing is not owed back",
        "select count(*) from attempts a where status = 'refund_due' and captured_minor <>
            (select coalesce(sum(amount_minor), 0) from refunds where attempt = a.reference)",
    ),
    ("two tickets have one code", "select count(*) - count(distinct code) from tickets"),
    (
        "a paid order has no mail that tells of it",
        "select count(*) from orders where status = 'paid' and id not in (select order_id from mails)",
    ),
];

/// A database that no server uses.
#[derive(Debug)]
pub struct StoredState {
    storage: SqliteStorage,
    sql: SqlitePool,
}

impl StoredState {
    /// Opens it. This rolls back the transactions that were open when its server died.
    pub async fn open(path: &Path) -> Self {
        let storage = SqliteStorage::open(path).await.unwrap();
        let sql = SqlitePool::connect_with(SqliteConnectOptions::new().filename(path).read_only(true)).await.unwrap();
        Self { storage, sql }
    }

    /// Fails where anything is wrong.
    pub async fn assert_sound(&self) {
        assert_eq!(self.storage.check().await.unwrap(), Vec::<String>::new());
        for (meaning, question) in NEVER {
            assert_eq!(self.count(question).await, 0, "{meaning}");
        }
        let damage = self.texts("pragma integrity_check").await;
        assert_eq!(damage, ["ok"]);
    }

    /// The number that a question comes to.
    pub async fn count(&self, question: &'static str) -> i64 {
        sqlx::query_scalar(question).fetch_one(&self.sql).await.unwrap()
    }

    /// The texts that a question comes to.
    pub async fn texts(&self, question: &'static str) -> Vec<String> {
        sqlx::query_scalar(question).fetch_all(&self.sql).await.unwrap()
    }

    /// Reference and status of every payment that was ever begun.
    pub async fn attempts(&self) -> Vec<(String, String)> {
        sqlx::query_as("select reference, status from attempts").fetch_all(&self.sql).await.unwrap()
    }

    /// Lets hours and days go by, with upkeep at work, until nothing is left to do. What the gateway says is asked over its
    /// own API, by the very client that the server uses.
    /// Gives the Message-IDs of the mails that were sent meanwhile.
    pub async fn let_time_pass(&self, gateway: &SandboxGateway) -> Vec<String> {
        let clock = Arc::new(LaterClock(AtomicI64::new(0)));
        let gateway = PaystackGateway::new(PaystackConfig::new(SECRET_KEY).with_base_url(gateway.url())).unwrap();
        let mailer = Arc::new(MemoryMailer::new());
        let builder =
            Ticketing::builder(self.storage.clone()).gateway(gateway).mailer(SharedMailer(Arc::clone(&mailer)));
        let ticketing = builder.clock(Arc::clone(&clock) as Arc<dyn Clock>).build().unwrap();
        for minutes in [0, 2, 5, 15, 60, 4 * 60, 24 * 60, 3 * 24 * 60, 5 * 24 * 60] {
            clock.0.fetch_max(minutes * 60, Ordering::Relaxed);
            // The gateway is asked about so many payments every other second, and no more.
            while !ticketing.run_upkeep(Upkeep::default()).await.unwrap().is_idle() {
                clock.0.fetch_add(3, Ordering::Relaxed);
            }
            // The gateway's own clock goes by seconds: its refunds take some.
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        mailer.sent().into_iter().map(|mail| mail.message_id).collect()
    }

    /// Compares every payment with what the gateway says of it: what was captured there bought tickets or goes back, and
    /// nothing else did. Gives how many were captured.
    pub async fn assert_no_money_is_lost(&self, gateway: &SandboxGateway) -> usize {
        let mut client = Client::new(gateway.address);
        let mut captured = 0;
        for (reference, status) in self.attempts().await {
            let said = gateway.status_of(&mut client, &reference).await;
            let is_captured = said.as_deref() == Some("success");
            let is_settled = ["fulfilled", "refund_due"].contains(&status.as_str());
            let was_reversed = said.as_deref() == Some("reversed") && status == "refund_due";
            assert_eq!(is_captured || was_reversed, is_settled, "{reference}: {said:?} there, {status} here");
            if status == "refund_due" {
                assert_eq!(gateway.refunds_of(&mut client, &reference).await.len(), 1, "{reference} goes back once");
            }
            captured += usize::from(is_settled);
        }
        captured
    }

    /// Closes the file.
    pub async fn close(self) {
        self.sql.close().await;
        self.storage.close().await;
    }
}

/// A mailer that can be looked into while the engine has it.
#[derive(Debug)]
struct SharedMailer(Arc<MemoryMailer>);

#[async_trait]
impl Mailer for SharedMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        self.0.send(mail).await
    }
}

/// The machine's clock, so many seconds later.
#[derive(Debug)]
struct LaterClock(AtomicI64);

impl Clock for LaterClock {
    fn now(&self) -> Timestamp {
        SystemClock.now() + SignedDuration::from_secs(self.0.load(Ordering::Relaxed))
    }
}
