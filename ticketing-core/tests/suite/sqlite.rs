//! What SQLite does beyond the contract: the file, its constraints, several processes, and what cannot be opened.
#![cfg(all(feature = "testing", feature = "sqlite"))]

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _, SqliteConnection};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use ticketing_core::domain::event::EventFilter;
use ticketing_core::domain::page::PageRequest;
use ticketing_core::domain::refusal::Refusal;
use ticketing_core::storage::StorageExt as _;
use ticketing_core::storage::conformance::TempFolder;
use ticketing_core::storage::conformance::shop::Shop;
use ticketing_core::storage::conformance::till::Bought;
use ticketing_core::storage::sqlite::SqliteStorage;
use ticketing_core::storage::{Storage, StorageError};

/// A file of a test's own.
fn file() -> (TempFolder, PathBuf) {
    let folder = TempFolder::new();
    let path = folder.path().join("tickets.db");
    (folder, path)
}

async fn open(path: &Path) -> Arc<SqliteStorage> {
    Arc::new(SqliteStorage::open(path).await.unwrap())
}

/// The file by itself, without any of our code.
async fn raw(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).create_if_missing(true).connect().await.unwrap()
}

async fn run(connection: &mut SqliteConnection, sql: &str) -> Result<u64, sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(|done| done.rows_affected())
}

async fn text(connection: &mut SqliteConnection, sql: &str) -> String {
    sqlx::query(AssertSqlSafe(sql)).fetch_one(connection).await.unwrap().get(0)
}

/// A held order, and one that was paid, used and refunded in part.
async fn a_little_of_everything(storage: &Arc<SqliteStorage>) -> (Arc<Shop>, Bought) {
    let shop = Shop::open(Arc::clone(storage) as Arc<dyn Storage>);
    let event = shop.event().capacity(10).create().await;
    shop.hold(&event, 2).await;
    let bought = shop.buy(&event, 3).await;
    shop.scan(&shop.scan_of(&bought.tickets[0], "in")).await.unwrap();
    shop.refund(&shop.refund_of(&bought.order, &[&bought.tickets[1]])).await.unwrap();
    (shop, bought)
}

async fn why(path: &Path) -> String {
    match SqliteStorage::open(path).await {
        Err(StorageError::Unusable(why)) => why,
        other => panic!("{} cannot be used: {other:?}", path.display()),
    }
}

#[tokio::test]
async fn reopening_keeps_everything() {
    let (_folder, path) = file();
    let storage = open(&path).await;
    let (shop, bought) = a_little_of_everything(&storage).await;
    let before = shop.payment(&bought.order).await;
    storage.close().await;
    assert!(!path.with_extension("db-wal").exists(), "closing folds the log in: one file to back up");
    let again = open(&path).await;
    assert_eq!(again.payment(&bought.order.reference).await.unwrap(), Some(before));
    assert_eq!(again.check().await.unwrap(), Vec::<String>::new());
    // Ids go on where they were.
    let shop = Shop::open(Arc::clone(&again) as Arc<dyn Storage>);
    assert_eq!(shop.event().create().await.id.0, bought.order.event_id.0 + 1);
}

#[tokio::test]
async fn acknowledged_writes_are_in_the_file_before_it_is_closed() {
    let (folder, path) = file();
    let storage = open(&path).await;
    let (_, bought) = a_little_of_everything(&storage).await;
    // The disk as a crash would leave it: file and log, and no goodbye.
    let copy = folder.path().join("copy.db");
    std::fs::copy(&path, &copy).unwrap();
    std::fs::copy(path.with_extension("db-wal"), copy.with_extension("db-wal")).unwrap();
    let copy = open(&copy).await;
    assert_eq!(
        copy.payment(&bought.order.reference).await.unwrap(),
        storage.payment(&bought.order.reference).await.unwrap()
    );
    assert_eq!(copy.check().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn the_file_keeps_what_it_is_given_or_is_not_opened() {
    let (_folder, path) = file();
    let _storage = open(&path).await;
    let mut raw = raw(&path).await;
    assert_eq!(text(&mut raw, "pragma journal_mode").await, "wal");
    // A database in memory has no write-ahead log: what it acknowledges is gone with the process.
    let why = why(Path::new(":memory:")).await;
    assert!(why.contains("journal_mode=wal") && why.contains("got journal_mode=memory"), "{why}");
    assert!(!Path::new(":memory:").exists(), "no file of that name is made");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_may_open_an_empty_file_at_once() {
    for _ in 0..10 {
        let (_folder, path) = file();
        let openings: Vec<_> = (0..6)
            .map(|_| {
                let path = path.clone();
                tokio::spawn(async move { SqliteStorage::open(path).await })
            })
            .collect();
        for (index, opening) in openings.into_iter().enumerate() {
            let shop = Shop::open(Arc::new(opening.await.unwrap().unwrap()));
            shop.event().title(&format!("of {index}")).create().await;
        }
        let all = open(&path).await.events(&EventFilter::default(), PageRequest::default()).await.unwrap();
        assert_eq!(all.items.len(), 6);
    }
}

/// An event is kept from one transaction to the next. What another connection does to it must be seen all the same.
#[tokio::test]
async fn an_event_that_somebody_else_changed_is_read_again() {
    let (_folder, path) = file();
    let (ours, theirs) = (Shop::open(open(&path).await), Shop::open(open(&path).await));
    // The second shop counts its references from 1, too.
    (0..100).for_each(|_| {
        theirs.number();
    });
    let event = ours.event().capacity(4).create().await;
    ours.hold(&event, 1).await;
    theirs.hold(&event, 1).await;
    ours.hold(&event, 1).await;
    assert_eq!(ours.stock(&event).await, (3, 0));
    // By hand, between two transactions.
    let mut raw = raw(&path).await;
    run(&mut raw, "update events set capacity = 3").await.unwrap();
    let refused = ours.try_hold(&ours.hold_request(&event, 1)).await.unwrap_err();
    assert!(matches!(refused, Refusal::SoldOut { available: 0, .. }), "{refused:?}");
    run(&mut raw, "update events set capacity = 4").await.unwrap();
    ours.hold(&event, 1).await;
    assert_eq!(theirs.stock(&event).await, (4, 0));
}

/// New rows leave out columns that are null in all of them: nothing else may become of those.
#[tokio::test]
async fn no_column_that_may_be_null_has_another_default() {
    let (_folder, path) = file();
    open(&path).await.close().await;
    let defaults = "select group_concat(t.name || '.' || c.name, ', ') from sqlite_schema t, pragma_table_info(t.name) c \
                    where t.type = 'table' and t.name not like '\\_%' escape '\\' and c.dflt_value is not null and not c.\"notnull\"";
    let found: Option<String> = sqlx::query(defaults).fetch_one(&mut raw(&path).await).await.unwrap().get(0);
    assert_eq!(found, None);
}

/// Names the file to a process of its own: see the next two.
const FILE: &str = "TICKETING_TEST_FILE";

/// Does nothing, unless it is a process that the next test has started.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_of_its_own_sells_tickets() {
    let Ok(path) = std::env::var(FILE) else { return };
    let shop = Shop::open(open(Path::new(&path)).await);
    for number in 0..10 {
        let title = format!("process {}, {number}", std::process::id());
        let event = shop.event().title(&title).create().await;
        let mut request = shop.hold_request(&event, 1);
        request.reference = format!("p{}-{number}", std::process::id()).parse().unwrap();
        shop.try_hold(&request).await.unwrap();
    }
}

#[tokio::test]
async fn several_processes_may_open_an_empty_file_at_once_and_sell() {
    for _ in 0..3 {
        let (_folder, path) = file();
        let start = || {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "sqlite::a_process_of_its_own_sells_tickets", "--nocapture"])
                .env(FILE, &path)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        };
        for process in [start(), start(), start(), start()] {
            let output = process.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        let storage = open(&path).await;
        let page = PageRequest::default().with_count(true);
        assert_eq!(storage.orders(&Default::default(), page).await.unwrap().total, Some(40));
        assert_eq!(storage.check().await.unwrap(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn rows_that_break_a_promise_are_refused_by_the_file_itself() {
    let (_folder, path) = file();
    let storage = open(&path).await;
    a_little_of_everything(&storage).await;
    let mut raw = raw(&path).await;
    for sql in [
        "update events set held = capacity + 1 - sold",
        "update events set sold = -1",
        "update ticket_types set capacity = 1",
        "update ticket_types set held = -1",
        "update orders set total_minor = -1",
        "update orders set status = 'lost'",
        "update orders set hold_until = null where status = 'held'",
        "update orders set buyer_external = null",
        "update order_lines set quantity = 0",
        "update attempts set captured_minor = null where status = 'fulfilled'",
        "insert into attempts select 'second', order_id, gateway, amount_minor, currency, mode, status, checkout_url, \
            access_code, last_seen, captured_minor, captured_currency, captured_mode, requested_minor, requested_currency, \
            paid_at, gateway_id, poll_at, poll_count, created_at, updated_at, disputes, attention, note, recorded_by from attempts \
            where status = 'fulfilled'",
        "insert into accounts (id, email, email_key, name, password_hash, role, is_active, is_verified, sessions_ended, created_at, \
            updated_at, erased_at) values (99, 'a@b.c', 'a@b.c', 'A', '', 'member', 0, 0, 0, 0, 0, 1)",
        "update tickets set ordinal = 0",
        "update tickets set replaces = (select min(id) from tickets)",
        "update attempts set recorded_by = '\"system\"', poll_at = 1",
        "insert into transfers select 1, 'a', id, order_id, null, 'a@b.c', 'offered', id, 1, 0, 0 from tickets where ordinal = 2",
        "insert into transfers select 1, 'a', id, order_id, null, 'a@b.c', 'taken', null, 1, 0, 0 from tickets where ordinal = 2",
        "insert into transfers select id, 'a', id, order_id, null, 'a@b.c', 'offered', null, 1, 0, 0 from tickets",
        "update mails set message_to = '1 a@b.c'",
        "update orders set has_details = 2",
        "update tickets set code = 'same'",
        "update tickets set order_id = 99",
        "insert into check_ins select id, event_id, 'in', null, null, 'x', 0, null, null, null from tickets where ordinal = 2",
        "update tickets set keeps_place = 2",
        "insert into mails select 99, order_id, kind, recipient, status, tries, due_at, last_error, created_at, updated_at, \
            event_id, account_id, message_to from mails",
        "update mails set order_id = null",
        "update mails set event_id = 1",
        "update order_lines set discount_minor = -1",
        "update order_lines set fee_minor = fee_minor + 1, unit_minor = unit_minor + 1",
        "update events set title = x'00'",
        "update audit set reason = 'nothing happened'",
        "delete from audit",
        "insert into proofs (id, purpose, address, nth, was_verified, expires_at, created_at, address_key, \
            role) values (9, 'join_organisation', 'a@b.cd', 9, 0, 1, 0, 'a@b.cd', 'door')",
        "insert into proofs (id, purpose, address, nth, was_verified, expires_at, created_at, address_key, \
            tries) values (9, 'join_organisation', 'a@b.cd', 9, 0, 1, 0, 'a@b.cd', 0)",
        "insert into proofs (id, purpose, address, nth, was_verified, expires_at, created_at, address_key, \
            tries) values (9, 'verify_email', 'a@b.cd', 9, 0, 1, 0, 'a@b.cd', 6)",
        "insert into proofs (id, purpose, address, nth, was_verified, expires_at, created_at, address_key, \
            code_for) values (9, 'verify_email', 'a@b.cd', 9, 0, 1, 0, 'a@b.cd', 'verify_email')",
        "insert into proofs (id, purpose, address, nth, was_verified, expires_at, created_at, address_key, \
            tries) values (9, 'code', 'a@b.cd', 9, 0, 1, 0, 'a@b.cd', 0)",
        "insert into proofs (id, purpose, address, nth, was_verified, expires_at, created_at, address_key, \
            inviter) values (9, 'verify_email', 'a@b.cd', 9, 0, 1, 0, 'a@b.cd', 1)",
        "delete from orders",
    ] {
        let refused = run(&mut raw, sql).await;
        let constraint = refused.as_ref().err().and_then(sqlx::Error::as_database_error).map(ToString::to_string);
        assert!(
            constraint.is_some_and(|why| why.contains("constraint")
                || why.contains("only added to")
                || why.contains("cannot store")),
            "{sql}: {refused:?}"
        );
    }
    assert_eq!(storage.check().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn rows_that_were_changed_by_hand_are_found_and_named() {
    for (sql, found) in [
        ("update ticket_types set held = held + 1", "counts 3 held and 2 sold, but 2 are held"),
        ("update events set sold = sold - 1", "event 1 counts 2 held and 1 sold"),
        ("update orders set status = 'expired', hold_until = null where status = 'held'", "counts 2 held"),
        ("delete from tickets where ordinal = 2", "has 2 tickets"),
        ("update tickets set status = 'active' where status = 'refunded'", "3 sold"),
        ("update tickets set status = 'used'", "is used and nobody was let in"),
        ("update orders set status = 'held', hold_until = 0 where status = 'paid'", "bought its tickets"),
        ("update attempts set status = 'failed' where status = 'fulfilled'", "no attempt bought its tickets"),
        ("update check_ins set annulled_at = 1", "is used and nobody was let in"),
        ("update tickets set status = 'active' where status = 'used'", "is active and somebody was let in"),
        ("update tickets set keeps_place = 1 where status = 'refunded'", "keeps its place and nobody was let in"),
        ("update refunds set amount_minor = 99000000", "go back"),
        ("delete from mails where kind = 'tickets'", "no mail"),
    ] {
        let (_folder, path) = file();
        let storage = open(&path).await;
        a_little_of_everything(&storage).await;
        assert_eq!(storage.check().await.unwrap(), Vec::<String>::new());
        assert!(run(&mut raw(&path).await, sql).await.unwrap() > 0, "{sql}");
        let wrong = storage.check().await.unwrap();
        assert!(wrong.iter().any(|line| line.contains(found)), "{sql}: {wrong:?}");
    }
}

#[tokio::test]
async fn an_unreadable_row_is_an_error_and_not_a_wrong_answer() {
    let (_folder, path) = file();
    let storage = open(&path).await;
    let (shop, bought) = a_little_of_everything(&storage).await;
    assert!(run(&mut raw(&path).await, "update orders set currency = 'XXX'").await.unwrap() > 0);
    let trouble = storage.payment(&bought.order.reference).await;
    assert!(matches!(trouble, Err(StorageError::Broken(_))), "{trouble:?}");
    let report = shop.report_of(&bought.attempt, ticketing_core::domain::payment::Observation::Reversed);
    let trouble = storage.apply(shop.now(), &[report]).await;
    assert!(matches!(trouble, Err(StorageError::Broken(_))), "{trouble:?}");
}

#[tokio::test]
async fn a_batch_that_fails_half_way_commits_nothing() {
    let (_folder, path) = file();
    let storage = open(&path).await;
    let shop = Shop::open(Arc::clone(&storage) as Arc<dyn Storage>);
    let event = shop.event().create().await;
    let requests = [shop.hold_request(&event, 1), shop.hold_request(&event, 1), shop.hold_request(&event, 1)];
    let mut raw = raw(&path).await;
    let poison = format!(
        "create trigger poison before insert on orders when new.reference = '{}' begin select raise(abort, 'poison'); end",
        requests[1].reference
    );
    run(&mut raw, &poison).await.unwrap();
    assert!(storage.apply(shop.now(), &requests).await.is_err());
    assert_eq!(shop.stock(&event).await, (0, 0));
    assert_eq!(storage.orders(&Default::default(), PageRequest::default()).await.unwrap().items, []);
    run(&mut raw, "drop trigger poison").await.unwrap();
    assert!(storage.apply(shop.now(), &requests).await.unwrap().iter().all(Result::is_ok), "repeating it is safe");
    assert_eq!(shop.stock(&event).await, (3, 0));
}

#[tokio::test]
async fn an_unusable_file_is_rejected_with_a_reason() {
    let (folder, path) = file();
    // Of a newer version.
    let storage = open(&path).await;
    storage.close().await;
    let mut newer = raw(&path).await;
    run(&mut newer, "insert into _sqlx_migrations values (7007, 'later', 0, true, x'00', 0)").await.unwrap();
    newer.close().await.unwrap();
    let newer = why(&path).await;
    let folder_of_migrations = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite");
    let known = std::fs::read_dir(folder_of_migrations).unwrap().count();
    assert!(newer.contains("version 7007") && newer.contains(&format!("up to version {known};")), "{newer}");

    // Cut off, and overwritten in the middle.
    let broken = folder.path().join("broken.db");
    let storage = open(&broken).await;
    a_little_of_everything(&storage).await;
    storage.close().await;
    let whole = std::fs::read(&broken).unwrap();
    let mut bytes = whole.clone();
    bytes[200..].fill(0xAA);
    std::fs::write(&broken, &bytes).unwrap();
    let corrupt = why(&broken).await;
    assert!(corrupt.contains("malformed") && corrupt.contains("broken.db"), "{corrupt}");

    // A database of something else is left as it was.
    let foreign = folder.path().join("foreign.db");
    let mut theirs = raw(&foreign).await;
    run(&mut theirs, "create table songs (title text)").await.unwrap();
    theirs.close().await.unwrap();
    let before = std::fs::read(&foreign).unwrap();
    let why_not = why(&foreign).await;
    assert!(why_not.contains("something else"), "{why_not}");
    assert_eq!(std::fs::read(&foreign).unwrap(), before);

    // No database at all, a folder, and a folder that is not there.
    let letter = folder.path().join("letter.txt");
    std::fs::write(&letter, "Dear aunt, ".repeat(1000)).unwrap();
    assert!(why(&letter).await.contains("not a database"));
    assert!(why(folder.path()).await.contains("unable to open"));
    assert!(why(&folder.path().join("nowhere/tickets.db")).await.contains("unable to open"));
}

#[tokio::test]
async fn a_read_only_file_is_rejected_with_a_reason() {
    let (folder, path) = file();
    open(&path).await.close().await;
    let set_readonly = |path: &Path, readonly| {
        let mut permissions = std::fs::metadata(path).unwrap().permissions();
        permissions.set_readonly(readonly);
        std::fs::set_permissions(path, permissions).unwrap();
    };
    set_readonly(&path, true);
    // Permissions do not bind an administrator, and then there is nothing to refuse.
    if std::fs::OpenOptions::new().write(true).open(&path).is_err() {
        let why = why(&path).await;
        assert!(why.contains("read"), "{why}");
    }
    drop(folder);
}

/// However a caller leaves, at whatever moment, even with its whole runtime: nothing is left half-done.
#[test]
fn a_dropped_call_leaves_the_file_whole() {
    let (_folder, path) = file();
    for round in 0..24_u64 {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let storage = open(&path).await;
            assert_eq!(storage.check().await.unwrap(), Vec::<String>::new(), "round {round}");
            for worker in 0..4 {
                let shop = Shop::open(Arc::clone(&storage) as Arc<dyn Storage>);
                tokio::spawn(async move {
                    // References that no earlier round has used.
                    for _ in 0..(round * 10_000 + worker * 1_000) {
                        shop.number();
                    }
                    let event = shop.event().capacity(5).create().await;
                    loop {
                        let Ok(order) = shop.try_hold(&shop.hold_request(&event, 2)).await else { break };
                        let bought = shop.settle_order(&order).await;
                        let refund = shop.refund_of(&bought.order, &[&bought.tickets[0]]);
                        shop.refund(&refund).await.unwrap();
                    }
                });
            }
            // From a moment to a fifth of a second: a slow machine gets something done, too.
            tokio::time::sleep(Duration::from_micros(400 * round * round)).await;
        });
        // Not a word of goodbye.
        runtime.shutdown_background();
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let storage = open(&path).await;
        assert_eq!(storage.check().await.unwrap(), Vec::<String>::new());
        let page = PageRequest::default().with_count(true);
        assert!(storage.orders(&Default::default(), page).await.unwrap().total > Some(0));
    });
}
