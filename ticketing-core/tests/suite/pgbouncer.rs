//! PostgreSQL through PgBouncer in transaction mode: every transaction may run on another connection.
#![cfg(all(feature = "postgres", feature = "testing"))]
#![allow(clippy::print_stderr, reason = "says that a test was skipped")]

use crate::support::postgres;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use ticketing_core::storage::conformance::cases;
use ticketing_core::storage::postgres::PostgresStorage;

/// A PgBouncer of our own, with fewer connections to the database than we have to it.
struct PgBouncer {
    folder: PathBuf,
    port: u16,
}

impl PgBouncer {
    fn start(database_port: &str) -> Option<Self> {
        if Command::new("pgbouncer").arg("--version").stdout(Stdio::null()).status().is_err() {
            assert!(std::env::var_os("CI").is_none(), "PgBouncer is not installed: apt-get install pgbouncer");
            eprintln!("skipped: PgBouncer is not installed");
            return None;
        }
        let folder = std::env::temp_dir().join(format!("ticketing-pgbouncer-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let bouncer = Self { folder, port };
        let (config, here) = (bouncer.folder.join("pgbouncer.ini"), bouncer.folder.display());
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={database_port} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
            listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 3\n\
            ignore_startup_parameters = extra_float_digits\nlogfile = {here}/log\npidfile = {here}/pid\n"
        );
        std::fs::write(&config, settings).unwrap();
        let is_root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
        let mut command = if is_root {
            assert!(Command::new("chown").args(["-R", "postgres"]).arg(&bouncer.folder).status().unwrap().success());
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--", "pgbouncer"]);
            command
        } else {
            Command::new("pgbouncer")
        };
        let command = command.args(["-q", "-d"]).arg(&config).stdin(Stdio::null()).stdout(Stdio::null());
        assert!(command.stderr(Stdio::null()).status().unwrap().success(), "PgBouncer does not start");
        let waiting = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(waiting.elapsed() < Duration::from_secs(10), "PgBouncer does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(bouncer)
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let pid = std::fs::read_to_string(self.folder.join("pid")).unwrap_or_default();
        let _ = Command::new("kill").arg(pid.trim()).status();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_kit_passes_through_pgbouncer_in_transaction_mode() {
    let Some(first) = postgres::database().await else { return };
    let port = first.url.rsplit_once(':').unwrap().1.split('/').next().unwrap().to_owned();
    let Some(bouncer) = PgBouncer::start(&port) else { return };
    // What uses each kind of statement, and what is most likely to mix connections up. `PGBOUNCER_ALL` plays all.
    let some = ["limits", "outbox", "paging", "requests", "tickets", "races::eight", "races::sixty", "races::readers"];
    let all = std::env::var_os("PGBOUNCER_ALL").is_some();
    let mut played = 0;
    for case in cases().into_iter().filter(|case| all || some.iter().any(|some| case.name.starts_with(some))) {
        let database = postgres::database().await.unwrap();
        let url = database.url.replace(&format!(":{port}/"), &format!(":{}/", bouncer.port)) + "?pgbouncer=true";
        // Two processes at once on an empty database, as ever.
        let (one, two) = tokio::join!(PostgresStorage::connect(&url), PostgresStorage::connect(&url));
        two.unwrap().close().await;
        let storage = one.unwrap();
        case.run(Arc::new(storage.clone())).await;
        storage.close().await;
        played += 1;
    }
    assert!(played > 20, "only {played} cases were played");
}
