//! A server as a process of its own, in a folder of its own.

use crate::client::Client;
use crate::port::ReservedPort;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A server. Killed when it is dropped, and its folder removed unless the test has failed.
#[derive(Debug)]
pub struct Server {
    /// Where it listens. Stays the same over restarts.
    pub address: SocketAddr,
    /// Its working directory: the database, its secret, mails and the log are here.
    pub folder: PathBuf,
    settings: Vec<(String, String)>,
    program: Option<PathBuf>,
    child: Option<Child>,
    _port: ReservedPort,
}

impl Server {
    /// Starts a server with these settings on a fresh folder, and waits until it answers.
    pub async fn start(settings: &[(&str, &str)]) -> Self {
        let mut server = Self::prepare(settings);
        server.restart().await;
        server
    }

    /// A server with these settings that does not run yet.
    pub fn prepare(settings: &[(&str, &str)]) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("ticketing-test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let port = ReservedPort::new();
        Self { address: port.address(), folder, settings, program: None, child: None, _port: port }
    }

    /// Sets something for the next start.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.settings.push((name.to_owned(), value.into()));
    }

    /// Another version of the server, from the next start on.
    pub fn use_program(&mut self, program: impl Into<PathBuf>) {
        self.program = Some(program.into());
    }

    /// The program that it runs.
    pub fn program(&self) -> &Path {
        self.program.as_deref().unwrap_or_else(|| binary())
    }

    /// Starts it, and says how long it took until it answered.
    pub async fn restart(&mut self) -> Duration {
        self.spawn();
        self.wait().await
    }

    /// Waits until it answers.
    pub async fn wait(&mut self) -> Duration {
        let started = Instant::now();
        let mut client = Client::new(self.address);
        loop {
            let is_up = client.get("/health", None).await.is_ok_and(|answer| answer.status == 200);
            if is_up {
                return started.elapsed();
            }
            let ended = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
            assert!(ended.is_none(), "the server ended with {ended:?}:\n{}", self.log());
            if started.elapsed() > Duration::from_secs(60) {
                panic!("the server does not answer:\n{}\n{}", self.log(), self.threads());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Starts it, and does not wait.
    pub fn spawn(&mut self) {
        assert!(self.child.is_none(), "the server runs already");
        let log = File::options().create(true).append(true).open(self.folder.join("server.log")).unwrap();
        let mut command = Command::new(self.program());
        // Nothing of the tester's own environment, and nothing of a `.env` that lies around.
        command.env_clear().current_dir(&self.folder).stdin(Stdio::null());
        command.stdout(log.try_clone().unwrap()).stderr(log);
        command.env("HOST", "127.0.0.1").env("PORT", self.address.port().to_string());
        command.env("RATE_LIMIT_REQUESTS", "0").env("RUST_BACKTRACE", "1");
        // Buyers whose answer was lost begin again, as often as a test kills the server.
        command.env("MAX_OPEN_HOLDS", "0");
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        self.child = Some(command.spawn().unwrap());
    }

    /// Ends it as a power cut of the process would: SIGKILL, at once, with nothing said.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Asks it to end, as an operator does, and waits until it has.
    pub async fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let asked = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
        assert!(asked.success());
        let started = Instant::now();
        while child.try_wait().unwrap().is_none() {
            assert!(started.elapsed() < Duration::from_secs(30), "the server does not end:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Its process.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Where it is, for programs that want a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How much memory it has in use, in megabytes, where the system tells (Linux).
    #[allow(clippy::float_arithmetic, reason = "for people to look at")]
    pub fn resident_mb(&self) -> Option<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.as_ref()?.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        Some(line.trim().trim_end_matches(" kB").parse::<f64>().ok()? / 1024.0)
    }

    /// What it said so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("server.log")).unwrap_or_default()
    }

    /// What each of its threads waits for, where the system tells (Linux).
    fn threads(&self) -> String {
        let Some(child) = &self.child else { return String::new() };
        let read = |path: PathBuf| std::fs::read_to_string(path).unwrap_or_default();
        let tasks = std::fs::read_dir(format!("/proc/{}/task", child.id())).into_iter().flatten().flatten();
        let line = |task: PathBuf| format!("{} waits in {}", read(task.join("comm")).trim(), read(task.join("wchan")));
        tasks.map(|task| line(task.path())).collect::<Vec<_>>().join("\n")
    }

    /// A copy of its database to look into, in a folder of its own beside it. The server must not run.
    pub fn copy_of_database(&self) -> PathBuf {
        assert!(self.child.is_none(), "the server runs: what is copied would be torn");
        let folder = self.folder.join("copy");
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        for name in ["ticketing.db", "ticketing.db-wal"] {
            let from = self.folder.join(name);
            if from.exists() {
                std::fs::copy(from, folder.join(name)).unwrap();
            }
        }
        folder.join("ticketing.db")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

/// The server's program: what `TICKETING_SERVER` names, else what cargo makes of the sources as they are now. Cargo is asked
/// even where there is one already: a test of yesterday's program proves nothing.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match std::env::var_os("TICKETING_SERVER") {
        Some(path) => PathBuf::from(path),
        None => build(),
    })
}

fn build() -> PathBuf {
    // target/debug/deps/sale_race-0123456789abcdef: two up is where cargo puts programs of the same profile.
    let this = std::env::current_exe().unwrap();
    let folder = this.parent().and_then(Path::parent).unwrap();
    let mut command = Command::new(env!("CARGO"));
    command
        .args(["build", "--quiet", "--locked", "-p", "ticketing-http", "--target-dir"])
        .arg(folder.parent().unwrap());
    if folder.ends_with("release") {
        command.arg("--release");
    }
    let built = command.current_dir(env!("CARGO_MANIFEST_DIR")).status().unwrap();
    assert!(built.success(), "the server cannot be built");
    folder.join("ticketing-http")
}
