//! A server as a separate process, over real sockets.

use crate::Failure;
use crate::http_gateway;
use crate::load::{self, Load};
use crate::mail_server::MailServer;
use crate::measure::{Came, Measured, callers};
use crate::shop::Kind;
use crate::table::Table;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use ticketing_tests::client::Client;
use ticketing_tests::cluster::Cluster;
use ticketing_tests::port::ReservedPort;
use ticketing_tests::server::Server;

/// The key that signs the gateway's webhooks.
pub const SECRET: &str = "sk_test_4f9d1c7be02a86538d71aa90c3";

/// The number of concurrent clients.
pub const CONNECTIONS: usize = 64;

/// Over HTTP. `None` if PostgreSQL is not installed.
pub async fn http(kind: Kind, lasting: Duration) -> Result<Option<Table>, Failure> {
    let Some(databases) = Databases::open(kind) else { return Ok(None) };
    let mut table = Table::new(format!("Over HTTP, {}, {CONNECTIONS} connections", kind.name()));
    let empty = empty_handler().await?;
    let empty = reads(empty, lasting).await?;
    table.rate("GET of an empty poem handler", &empty, None);

    let services = Services::open().await?;
    let url = databases.create("http");
    let mut server = prepare(url.as_deref(), &services);
    let started = server.restart().await;
    table.figure("start to first answer, empty database", started.as_secs_f64() * 1000.0, "ms");
    table.figure("resident memory, idle", server.resident_mb().ok_or("no /proc")?, "MB");
    let load =
        |kind| Load { server: server.address, kind, people: CONNECTIONS, lasting, pay_at: None, progress: false };
    let (purchases, reads) = (load(load::Kind::Purchases), load(load::Kind::Reads));
    let read = reads.run().await?;
    table.rate("GET /events/{id}", &read.measured, Some(empty.rate()));
    let bought = purchases.run().await?;
    table.rate("purchases (initialize + verify)", &bought.measured, None);
    table.figure("resident memory, after the load", server.resident_mb().ok_or("no /proc")?, "MB");
    if !bought.wrong.is_empty() {
        return Err(bought.wrong.join("; ").into());
    }
    server.stop().await;
    Ok(Some(table))
}

/// The services around a server: a payment gateway and a mail server, as cheap as possible.
#[derive(Debug)]
pub struct Services {
    gateway: String,
    mail_port: String,
    _nobody: Option<ReservedPort>,
}

impl Services {
    /// Starts both.
    pub async fn open() -> Result<Self, Failure> {
        Self::with_mail_at(MailServer::open().await?.port).await
    }

    /// Starts a gateway, beside a mail server that is there.
    pub async fn with_mail_at(port: u16) -> Result<Self, Failure> {
        let gateway = format!("http://{}", http_gateway::open().await?);
        Ok(Self { gateway, mail_port: port.to_string(), _nobody: None })
    }

    /// Starts a gateway. The mail server is a port on which nobody listens, so every mail waits for a later try.
    pub async fn without_mail() -> Result<Self, Failure> {
        let nobody = ReservedPort::new();
        let services = Self::with_mail_at(nobody.address().port()).await?;
        Ok(Self { _nobody: Some(nobody), ..services })
    }
}

/// The data of servers: a database in a temporary cluster, or a file that the server creates.
#[derive(Debug)]
pub struct Databases(Option<Cluster>);

impl Databases {
    /// `None` if PostgreSQL is not installed.
    pub fn open(kind: Kind) -> Option<Self> {
        match kind {
            Kind::Sqlite => Some(Self(None)),
            Kind::Postgres => Cluster::start().map(|cluster| Self(Some(cluster))),
        }
    }

    /// The process that is the parent of PostgreSQL's others.
    pub fn pid(&self) -> Option<u32> {
        self.0.as_ref()?.pid()
    }

    /// The URL of a new database; `None` if the server creates a file.
    pub fn create(&self, name: &str) -> Option<String> {
        self.0.as_ref().map(|cluster| cluster.create(name))
    }
}

/// A server with these services, on this database or on a new file.
pub fn prepare(database: Option<&str>, services: &Services) -> Server {
    let mut settings = vec![
        ("PAYSTACK_SECRET_KEY", SECRET),
        ("PAYSTACK_BASE_URL", &services.gateway),
        ("SMTP_HOST", "127.0.0.1"),
        ("SMTP_PORT", &services.mail_port),
        // One account takes all the free tickets that are checked in.
        ("MAX_FREE_TICKETS", "0"),
        // Each buyer gets thousands of mails. They are counted as usual.
        ("MAILS_PER_RECIPIENT", "1000000"),
        ("MAILS_PER_ORGANIZER", "1000000"),
        ("SMTP_FROM", "Tickets <tickets@example.com>"),
        ("JWT_SECRET_KEY", "b7f1c0d92e6a4853af0e61d7c94b28350fd9e1a6c47b8820"),
        // All callers have one address.
        ("MAX_CONNECTIONS_PER_ADDRESS", "512"),
    ];
    settings.extend(database.map(|url| ("DATABASE_URL", url)));
    Server::prepare(&settings)
}

/// The baseline: an empty handler on the same HTTP stack.
async fn empty_handler() -> Result<SocketAddr, Failure> {
    use ticketing_http::server::{Limits, serve};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let empty = poem::Route::new().at("/events/:id", poem::get(poem::endpoint::make_sync(|_| "")));
    tokio::spawn(serve(listener, empty, Limits::default(), std::future::pending()));
    Ok(address)
}

async fn reads(server: SocketAddr, lasting: Duration) -> Result<Measured, Failure> {
    let clients: Vec<_> = (0..CONNECTIONS).map(|_| Arc::new(tokio::sync::Mutex::new(Client::new(server)))).collect();
    let call = move |caller: usize, _| {
        let client = Arc::clone(&clients[caller]);
        async move {
            let answer = client.lock().await.get("/events/1", None).await;
            let answer = answer.map_err(|lost| format!("no answer: {}", lost.0))?;
            if answer.status == 200 { Ok(Came::Done) } else { Err(answer.in_words().into()) }
        }
    };
    callers(CONNECTIONS, lasting, call).await
}
