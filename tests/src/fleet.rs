//! Several servers on one PostgreSQL database, and whether what they left there adds up.

use crate::client::{Answer, Client, Lost};
use crate::sandbox_gateway::{SECRET_KEY, SandboxGateway};
use crate::server::{Server, binary};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

/// Servers that share a database, and the payment gateway that all of them use.
#[derive(Debug)]
pub struct Fleet {
    /// The servers.
    pub servers: Vec<Server>,
    /// Sends its webhooks to the first server.
    pub gateway: SandboxGateway,
    url: String,
}

impl Fleet {
    /// So many servers that do not run yet, on the database at `url`.
    pub async fn prepare(url: &str, count: usize, settings: &[(&str, &str)]) -> Self {
        let mut servers: Vec<Server> = (0..count).map(|_| Server::prepare(settings)).collect();
        let gateway = SandboxGateway::open(servers[0].address).await;
        for server in &mut servers {
            server.set("DATABASE_URL", url);
            server.set("JWT_SECRET_KEY", "the same 32 bytes for every server here");
            server.set("PAYSTACK_SECRET_KEY", SECRET_KEY);
            server.set("PAYSTACK_BASE_URL", gateway.url());
        }
        Self { servers, gateway, url: url.to_owned() }
    }

    /// Starts all at the same moment, and waits until all answer.
    pub async fn start(&mut self) {
        for server in &mut self.servers {
            server.spawn();
        }
        for server in &mut self.servers {
            server.wait().await;
        }
    }

    /// Where the `number`-th of all requests goes.
    pub fn address(&self, number: usize) -> SocketAddr {
        self.servers[number % self.servers.len()].address
    }

    /// Runs `ticketing-http check` as an operator does. Gives what it printed where it is not content.
    pub fn check(&self) -> Result<(), String> {
        self.check_by(binary())
    }

    /// The same by another version of the server.
    pub fn check_by(&self, program: &Path) -> Result<(), String> {
        let mut command = Command::new(program);
        command.arg("check").env_clear().current_dir(&self.servers[0].folder).env("DATABASE_URL", &self.url);
        command.env("JWT_SECRET_KEY", "the same 32 bytes for every server here");
        let output = command.output().unwrap();
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match output.status.success() {
            true => Ok(()),
            false => Err(said(&output.stdout) + &said(&output.stderr)),
        }
    }

    /// How often each mail was sent, by Message-ID, over all servers.
    pub fn mails(&self) -> BTreeMap<String, usize> {
        let mut mails = BTreeMap::new();
        for server in &self.servers {
            for file in std::fs::read_dir(server.folder.join("outbox")).into_iter().flatten().flatten() {
                let name = file.file_name().to_string_lossy().into_owned();
                if name.ends_with(".eml") {
                    *mails.entry(name).or_default() += 1;
                }
            }
        }
        mails
    }

    /// Fails where a server said something that no operator should ever read.
    pub fn assert_calm(&self) {
        for server in &self.servers {
            assert!(!server.log().contains("panicked"), "something panicked: {}", server.folder.display());
            assert!(!server.log().contains("invariant violated"), "see {}", server.folder.display());
        }
    }
}

/// A client whose every request goes to the next server.
#[derive(Debug)]
pub struct RoundRobin {
    clients: Vec<Client>,
    next: usize,
}

impl RoundRobin {
    /// Begins with the `first`-th server.
    pub fn new(fleet: &Fleet, first: usize) -> Self {
        Self { clients: fleet.servers.iter().map(|server| Client::new(server.address)).collect(), next: first }
    }

    /// The connection to the next server.
    pub fn next_client(&mut self) -> &mut Client {
        self.next += 1;
        let count = self.clients.len();
        &mut self.clients[self.next % count]
    }

    /// Sends JSON to the next server.
    pub async fn post(&mut self, path: &str, token: Option<&str>, body: &serde_json::Value) -> Result<Answer, Lost> {
        self.next_client().post(path, token, body).await
    }

    /// Asks the next server.
    pub async fn get(&mut self, path: &str, token: Option<&str>) -> Result<Answer, Lost> {
        self.next_client().get(path, token).await
    }
}
