//! What a sale costs: CPU time per sale by part, counted until the last mail is out, and commits and context switches.
//!
//! The parts are differences between runs that leave something out: the bare pipeline has HTTP and the gateway's calls only, a server
//! with its data in memory has no storage, and a server whose mail server is not there sends no mails. All runs alternate, so that
//! other work on the machine affects them alike.

use crate::Failure;
use crate::cpu::{self, Used};
use crate::load::{self, Load};
use crate::mail_server::MailServer;
use crate::runs::http::{CONNECTIONS, Databases, Services, prepare};
use crate::shop::Kind;
use crate::table::{Line, Table};
use sqlx::{Connection as _, PgConnection, Row as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use ticketing_tests::server::Server;

/// How many times everything is measured, in turn.
const ROUNDS: usize = 3;
/// Before the measurement: connections are opened, statements prepared, caches filled.
const WARM_UP: Duration = Duration::from_secs(1);
/// How long to wait for the last mail.
const MAILS_WITHIN: Duration = Duration::from_secs(120);

/// `bench cost`.
#[derive(Clone, Debug, clap::Args)]
pub struct Cost {
    /// A server built from another commit, to compare with: the path of its program.
    #[arg(long)]
    baseline: Option<PathBuf>,
}

/// What runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variant {
    /// HTTP and the gateway's calls only.
    Bare,
    /// The engine on memory, without mails.
    Memory,
    /// The engine on its database, without mails.
    NoMails,
    /// Everything.
    Whole,
    /// Everything, of the other commit.
    Baseline,
}

/// Totals of all rounds of a variant.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    sales: f64,
    seconds: f64,
    server: Used,
    database: Used,
    commits: f64,
    rollbacks: f64,
    flushed: f64,
    /// How long after the last sale the last mail was out, at most.
    mails_late: f64,
}

impl Sum {
    fn per_sale(self, total: f64) -> f64 {
        total / self.sales.max(1.0)
    }

    fn cpu(self) -> f64 {
        self.per_sale(self.server.cpu)
    }
}

impl Cost {
    /// `None` if PostgreSQL is not installed.
    pub async fn run(&self, kind: Kind, lasting: Duration) -> Result<Option<Table>, Failure> {
        let Some(databases) = Databases::open(kind) else { return Ok(None) };
        let mut variants = vec![Variant::Bare, Variant::Memory, Variant::NoMails, Variant::Whole];
        variants.extend(self.baseline.as_ref().map(|_| Variant::Baseline));
        let mut sums = vec![Sum::default(); variants.len()];
        for round in 0..ROUNDS {
            for (variant, sum) in variants.iter().zip(&mut sums) {
                self.measure(*variant, kind, &databases, round, lasting, sum).await?;
            }
        }
        let [bare, memory, no_mails, whole] = [sums[0], sums[1], sums[2], sums[3]];
        let mut table = Table::new(format!("CPU time of a sale, all mails included, {}", kind.name()));
        let mut part = |what: &str, figure: f64, note: String| {
            let ratio = Some(figure / whole.cpu());
            table.add(Line { what: what.to_owned(), figure, unit: "µs", ratio, p50_ms: None, p99_ms: None, note });
        };
        let rate = |sum: Sum| format!("{:.0} sales/s", sum.sales / sum.seconds);
        part("the server, a whole sale", whole.cpu(), rate(whole));
        part("HTTP and the gateway's calls (bare pipeline)", bare.cpu(), rate(bare));
        part("the engine, on memory", memory.cpu() - bare.cpu(), rate(memory));
        part("storage", no_mails.cpu() - memory.cpu(), rate(no_mails));
        part(
            "mail",
            whole.cpu() - no_mails.cpu(),
            format!("the last one {:.1} s after the last sale", whole.mails_late),
        );
        if kind == Kind::Postgres {
            part("PostgreSQL's own processes", whole.per_sale(whole.database.cpu), String::new());
            table.figure("transactions committed", whole.per_sale(whole.commits), "per sale");
            table.figure("transactions rolled back", whole.per_sale(whole.rollbacks), "per sale");
            table.figure("write-ahead log", whole.per_sale(whole.flushed), "bytes per sale");
        }
        table.figure("context switches of the server", whole.per_sale(whole.server.switches), "per sale");
        table.figure(
            "purchases against the bare pipeline",
            whole.sales / whole.seconds / (bare.sales / bare.seconds),
            "×",
        );
        if self.baseline.is_some() {
            let before = sums[4];
            let late = format!("the last mail {:.1} s after the last sale", before.mails_late);
            table.figure("the other server, a whole sale", before.cpu(), "µs");
            let (what, figure) = ("the other server, sales".to_owned(), before.sales / before.seconds);
            table.add(Line { what, figure, unit: "/s", ratio: None, p50_ms: None, p99_ms: None, note: late });
            table.figure("CPU time against the other server", whole.cpu() / before.cpu(), "×");
            if kind == Kind::Postgres {
                let (now, then) = (whole.per_sale(whole.database.cpu), before.per_sale(before.database.cpu));
                table.figure("PostgreSQL's own with the other server", then, "µs");
                table.figure("PostgreSQL's own against the other server", now / then, "×");
            }
        }
        Ok(Some(table))
    }

    async fn measure(
        &self,
        variant: Variant,
        kind: Kind,
        databases: &Databases,
        round: usize,
        lasting: Duration,
        sum: &mut Sum,
    ) -> Result<(), Failure> {
        let mails = MailServer::open().await?;
        let has_mails = matches!(variant, Variant::Whole | Variant::Baseline);
        let services =
            if has_mails { Services::with_mail_at(mails.port).await? } else { Services::without_mail().await? };
        let url = match variant {
            Variant::Bare => None,
            Variant::Memory => Some("sqlite::memory:".to_owned()),
            _ => databases.create(&format!("cost_{round}_{}", format!("{variant:?}").to_lowercase())),
        };
        let mut server: Server = prepare(url.as_deref(), &services);
        match (variant, &self.baseline) {
            (Variant::Bare, _) => server.use_program(std::env::current_exe()?.with_file_name("bare")),
            (Variant::Baseline, Some(program)) => server.use_program(program),
            _ => {}
        }
        server.restart().await;
        let pid = server.pid().ok_or("the server has ended")?;
        let load = Load {
            server: server.address,
            kind: load::Kind::Purchases,
            people: CONNECTIONS,
            lasting: WARM_UP,
            pay_at: None,
            progress: false,
        };
        let mut ready = load.prepare().await?;
        let warm = ready.run(WARM_UP).await?.done;
        if has_mails {
            mails.wait_for(warm, MAILS_WITHIN).await?;
        }
        let database = url.as_deref().filter(|_| kind == Kind::Postgres && variant != Variant::Memory);
        let before = (cpu::of_process(pid)?, Database::look(database, databases).await?);
        let began = Instant::now();
        let done = ready.run(lasting).await?.done;
        sum.seconds += began.elapsed().as_secs_f64();
        let stopped = Instant::now();
        if has_mails {
            mails.wait_for(warm + done, MAILS_WITHIN).await?;
            // The last report is written after the last mail.
            tokio::time::sleep(Duration::from_millis(500)).await;
            sum.mails_late = sum.mails_late.max(stopped.elapsed().as_secs_f64() - 0.5);
        }
        let server_used = cpu::of_process(pid)?.since(before.0);
        let database_used = Database::look(database, databases).await?;
        sum.sales += done as f64;
        sum.server =
            Used { cpu: sum.server.cpu + server_used.cpu, switches: sum.server.switches + server_used.switches };
        sum.database.cpu += database_used.used.since(before.1.used).cpu;
        sum.commits += database_used.commits - before.1.commits;
        sum.rollbacks += database_used.rollbacks - before.1.rollbacks;
        sum.flushed += database_used.wal - before.1.wal;
        let wrong = ready.look().await?;
        server.stop().await;
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ").into()) }
    }
}

/// What PostgreSQL has done so far.
#[derive(Clone, Copy, Debug, Default)]
struct Database {
    used: Used,
    commits: f64,
    rollbacks: f64,
    wal: f64,
}

impl Database {
    /// All zero without a database.
    async fn look(url: Option<&str>, databases: &Databases) -> Result<Self, Failure> {
        let (Some(url), Some(pid)) = (url, databases.pid()) else { return Ok(Self::default()) };
        // The counters of a session appear a second after its last transaction.
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let mut connection = PgConnection::connect(url).await?;
        let sql = "select xact_commit::float8, xact_rollback::float8, (pg_current_wal_lsn() - '0/0'::pg_lsn)::float8 \
            from pg_stat_database where datname = current_database()";
        let row = sqlx::query(sql).fetch_one(&mut connection).await?;
        let (commits, rollbacks, wal) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        connection.close().await?;
        Ok(Self { used: cpu::of_family(pid)?, commits, rollbacks, wal })
    }
}
