//! A PostgreSQL cluster of our own, on a free port of this machine, gone at the end.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test that panics has failed, and says why")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Weak};
use ticketing_core::storage::postgres::PostgresStorage;
use tokio::sync::{Mutex, OnceCell};

/// A running cluster. Stopped, and its files removed, when the last user drops it.
pub(crate) struct Cluster {
    folder: PathBuf,
    port: u16,
    databases: AtomicU32,
    /// The name of a database with the newest schema, to copy.
    migrated: OnceCell<String>,
}

/// A database of one test.
pub(crate) struct Database {
    /// Where it is: `postgres://…`.
    pub(crate) url: String,
    cluster: Arc<Cluster>,
}

impl Database {
    /// Everything in it, as plain SQL. Rows name their columns.
    #[allow(dead_code, reason = "not every test binary makes dumps")]
    pub(crate) fn dump(&self) -> String {
        let dumped = self.cluster.run(
            &self.cluster.tool("pg_dump"),
            &[
                "--no-owner",
                "--no-privileges",
                "--column-inserts",
                "--rows-per-insert=100",
                &format!("--dbname={}", self.url),
            ],
        );
        assert!(dumped.status.success(), "pg_dump: {}", String::from_utf8_lossy(&dumped.stderr));
        String::from_utf8(dumped.stdout).unwrap()
    }
}

static RUNNING: LazyLock<Mutex<Weak<Cluster>>> = LazyLock::new(Mutex::default);

/// A fresh, empty database; `None` where PostgreSQL is not installed. In CI that is a failure: a test that was skipped
/// there would look like one that passed.
pub(crate) async fn database() -> Option<Database> {
    Some(cluster().await?.create("template1"))
}

async fn cluster() -> Option<Arc<Cluster>> {
    let mut running = RUNNING.lock().await;
    let cluster = match running.upgrade() {
        Some(cluster) => cluster,
        None => {
            let Some(bin) = bin() else {
                assert!(std::env::var_os("CI").is_none(), "PostgreSQL is not installed: apt-get install postgresql");
                skipped();
                return None;
            };
            let cluster = Arc::new(Cluster::start(&bin));
            *running = Arc::downgrade(&cluster);
            cluster
        }
    };
    Some(cluster)
}

/// Like [`database`], with the newest schema: a copy takes a fraction of what the migrations take.
#[allow(dead_code, reason = "not every test binary needs many")]
pub(crate) async fn migrated() -> Option<Database> {
    let cluster = cluster().await?;
    let template = cluster.migrated.get_or_init(async || {
        let first = cluster.create("template1");
        let storage = PostgresStorage::connect(&first.url).await.unwrap();
        // A database that is in use cannot be copied.
        storage.close().await;
        first.url.rsplit('/').next().unwrap_or_default().to_owned()
    });
    let template = template.await;
    Some(cluster.create(template))
}

#[allow(clippy::print_stderr, reason = "the only sign that a test was skipped")]
fn skipped() {
    eprintln!("skipped: PostgreSQL is not installed");
}

/// Where the newest PostgreSQL's programs are: Debian keeps them off the path.
fn bin() -> Option<PathBuf> {
    let mut versions: Vec<PathBuf> =
        std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten().map(|entry| entry.path().join("bin")).collect();
    versions.retain(|bin| bin.join("initdb").exists());
    versions.sort();
    versions.pop()
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}

impl Cluster {
    fn start(bin: &Path) -> Self {
        let folder = std::env::temp_dir().join(format!("ticketing-pg-{}-{:08x}", std::process::id(), fresh()));
        std::fs::create_dir_all(&folder).unwrap();
        if is_root() {
            // PostgreSQL refuses to run as root.
            let owned = Command::new("chown").arg("postgres").arg(&folder).status().unwrap();
            assert!(owned.success(), "there is no user `postgres`");
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let cluster = Self { folder, port, databases: AtomicU32::new(0), migrated: OnceCell::new() };
        let data = cluster.folder.join("data");
        let (bin, data) = (bin.display(), data.display().to_string());
        std::fs::write(cluster.folder.join("bin"), bin.to_string()).unwrap();
        let made = cluster.run(
            &format!("{bin}/initdb"),
            &["-D", &data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N"],
        );
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        // Flushed for real: what is tested is what is shipped.
        let options = format!(
            "-c port={port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={} -c max_connections=300 -c shared_buffers=128MB",
            cluster.folder.display()
        );
        let log = cluster.folder.join("log").display().to_string();
        let started = cluster
            .run(&format!("{bin}/pg_ctl"), &["-D", &data, "-o", &options, "-l", &log, "-w", "-t", "60", "start"]);
        assert!(started.status.success(), "pg_ctl start: {}", String::from_utf8_lossy(&started.stderr));
        cluster
    }

    fn create(self: &Arc<Self>, template: &str) -> Database {
        let name = format!("t{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let port = self.port.to_string();
        let arguments = ["-h", "127.0.0.1", "-p", &port, "-U", "postgres", "-T", template, &name];
        let made = self.run(&self.tool("createdb"), &arguments);
        assert!(made.status.success(), "createdb: {}", String::from_utf8_lossy(&made.stderr));
        Database { url: format!("postgres://postgres@127.0.0.1:{port}/{name}"), cluster: Arc::clone(self) }
    }

    fn tool(&self, name: &str) -> String {
        format!("{}/{name}", std::fs::read_to_string(self.folder.join("bin")).unwrap_or_default())
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--", program]);
            command
        } else {
            Command::new(program)
        };
        command.args(arguments).current_dir(&self.folder).stdin(Stdio::null());
        // A server that is started keeps what it inherits open: it must not be a pipe that somebody reads to the end.
        if program.ends_with("pg_ctl") {
            let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
            return Output { status, stdout: vec![], stderr: b"see the cluster's log".to_vec() };
        }
        command.output().unwrap()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let data = self.folder.join("data").display().to_string();
        self.run(&self.tool("pg_ctl"), &["-D", &data, "-m", "immediate", "-w", "stop"]);
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn fresh() -> u32 {
    use std::hash::{BuildHasher, Hasher};
    let hash = std::collections::hash_map::RandomState::new().build_hasher().finish();
    u32::try_from(hash >> 32).unwrap_or(0)
}
