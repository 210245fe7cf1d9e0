//! A PostgreSQL cluster of our own, to be killed, started again, copied and promoted. Gone at the end.

use crate::port::ReservedPort;
use sqlx::postgres::PgPool;
use sqlx::{Connection as _, PgConnection};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A cluster on a free port of this machine.
#[derive(Debug)]
pub struct Cluster {
    folder: PathBuf,
    bin: PathBuf,
    /// Where it listens; stays the same over restarts.
    pub port: u16,
    _reserved: ReservedPort,
}

impl Cluster {
    /// Makes and starts one. Nothing where PostgreSQL is not installed; in CI that is a failure, because a test that was
    /// skipped there would look like one that passed.
    #[allow(clippy::print_stderr, reason = "says that a test was skipped")]
    pub fn start() -> Option<Self> {
        let cluster = Self::prepare()?;
        let data = cluster.data();
        cluster.tool("initdb", &["-D", &data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N"]);
        // Flushed for real: what is tested is what is shipped.
        let settings = format!(
            "port = {}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{}'\nmax_connections = 200\nrestart_after_crash = on\n",
            cluster.port,
            cluster.folder.display()
        );
        cluster.append("postgresql.conf", &settings);
        cluster.up();
        Some(cluster)
    }

    #[allow(clippy::print_stderr, reason = "says that a test was skipped")]
    fn prepare() -> Option<Self> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let Some(bin) = newest() else {
            assert!(std::env::var_os("CI").is_none(), "PostgreSQL is not installed: apt-get install postgresql");
            eprintln!("skipped: PostgreSQL is not installed");
            return None;
        };
        let name = format!("ticketing-cluster-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        if is_root() {
            // PostgreSQL refuses to run as root.
            let owned = Command::new("chown").arg("postgres").arg(&folder).status().unwrap();
            assert!(owned.success(), "there is no user `postgres`");
        }
        let reserved = ReservedPort::new();
        Some(Self { folder, bin, port: reserved.address().port(), _reserved: reserved })
    }

    /// A standby that has everything before a commit is acknowledged: from now on, a commit waits for it.
    pub fn with_standby(&self) -> Self {
        let standby = Self::prepare().unwrap();
        let (port, data) = (self.port.to_string(), standby.data());
        standby.tool(
            "pg_basebackup",
            &["-h", "127.0.0.1", "-p", &port, "-U", "postgres", "-D", &data, "-R", "-c", "fast"],
        );
        let settings = format!(
            "port = {}\nunix_socket_directories = '{}'\ncluster_name = 'standby'\n",
            standby.port,
            standby.folder.display()
        );
        standby.append("postgresql.conf", &settings);
        standby.up();
        self.append("postgresql.conf", "synchronous_standby_names = 'standby'\nsynchronous_commit = on\n");
        self.tool("pg_ctl", &["-D", &self.data(), "reload"]);
        standby
    }

    /// The standby takes over.
    pub fn promote(&self) {
        self.tool("pg_ctl", &["-D", &self.data(), "-w", "-t", "60", "promote"]);
    }

    /// Starts it, also after a kill, and says how long it took.
    pub fn up(&self) -> Duration {
        let started = Instant::now();
        let (data, log) = (self.data(), self.folder.join("log").display().to_string());
        loop {
            // Written by a postmaster that is dead: nobody else uses this folder.
            let _ = std::fs::remove_file(self.folder.join("data/postmaster.pid"));
            if self.try_tool("pg_ctl", &["-D", &data, "-l", &log, "-w", "-t", "60", "start"]) {
                break;
            }
            // As long as a process of the dead one lives, it does not start.
            assert!(started.elapsed() < Duration::from_secs(30), "PostgreSQL does not start:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        started.elapsed()
    }

    /// The process that starts all others.
    pub fn pid(&self) -> Option<u32> {
        std::fs::read_to_string(self.folder.join("data/postmaster.pid")).ok()?.lines().next()?.parse().ok()
    }

    /// SIGKILL to the process that starts all others. They end by themselves once they notice.
    pub fn kill_postmaster(&self) {
        let pid = self.pid().unwrap().to_string();
        let children = children_of(&pid);
        kill(&pid);
        for pid in children {
            let waiting = Instant::now();
            while runs(&pid) && waiting.elapsed() < Duration::from_secs(10) {
                // Some only look when they have something to do.
                if waiting.elapsed() > Duration::from_millis(500) {
                    kill(&pid);
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }

    /// SIGKILL to one process that serves a connection to this database: PostgreSQL then ends all others and recovers.
    pub async fn kill_backend(&self, database: &str) -> bool {
        let mut connection = PgConnection::connect(&self.url("postgres")).await.unwrap();
        let sql = "select pid from pg_stat_activity where datname = $1 and backend_type = 'client backend' \
            order by state = 'active' desc, random() limit 1";
        let pid: Option<i32> = sqlx::query_scalar(sql).bind(database).fetch_optional(&mut connection).await.unwrap();
        pid.inspect(|pid| kill(&pid.to_string())).is_some()
    }

    /// Makes an empty database and gives its address.
    pub fn create(&self, name: &str) -> String {
        self.tool("createdb", &["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "postgres", name]);
        self.url(name)
    }

    /// The address of a database.
    pub fn url(&self, name: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{name}", self.port)
    }

    /// To look into a database. Waits until it is reachable.
    pub async fn open(&self, name: &str) -> PgPool {
        let waiting = Instant::now();
        loop {
            match PgPool::connect(&self.url(name)).await {
                Ok(pool) => return pool,
                Err(error) => assert!(waiting.elapsed() < Duration::from_secs(60), "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What it said so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn data(&self) -> String {
        self.folder.join("data").display().to_string()
    }

    fn append(&self, file: &str, text: &str) {
        let path = self.folder.join("data").join(file);
        let before = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, before + text).unwrap();
    }

    fn tool(&self, name: &str, arguments: &[&str]) {
        let status = self.try_tool(name, arguments);
        assert!(status, "{name} {arguments:?} failed:\n{}", self.log());
    }

    fn try_tool(&self, name: &str, arguments: &[&str]) -> bool {
        let program = self.bin.join(name);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        // A server that is started keeps what it inherits open: it must not be a pipe that somebody reads to the end.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.args(arguments).current_dir(&self.folder).status().unwrap().success()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.try_tool("pg_ctl", &["-D", &self.data(), "-m", "immediate", "-w", "stop"]);
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

/// Where the newest PostgreSQL's programs are: Debian keeps them off the path.
fn newest() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten().map(|entry| entry.path().join("bin"));
    folders.filter(|bin| bin.join("initdb").exists()).max()
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}

fn kill(pid: &str) {
    let _ = Command::new("kill").args(["-KILL", pid]).stderr(Stdio::null()).status();
}

/// A process that has ended and was not waited for does not run.
fn runs(pid: &str) -> bool {
    let status = std::fs::read_to_string(Path::new("/proc").join(pid).join("stat")).unwrap_or_default();
    let state = status.rsplit(')').next().unwrap_or_default().trim_start().chars().next();
    state.is_some_and(|state| state != 'Z' && state != 'X')
}

fn children_of(pid: &str) -> Vec<String> {
    let pids =
        std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    // 4242 (postgres) S 4241 …: what stands in brackets may hold spaces.
    let is_child = |child: &String| {
        let stat = std::fs::read_to_string(Path::new("/proc").join(child).join("stat")).unwrap_or_default();
        stat.rsplit(')').next().unwrap_or_default().split_whitespace().nth(1) == Some(pid)
    };
    pids.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())).filter(is_child).collect()
}
