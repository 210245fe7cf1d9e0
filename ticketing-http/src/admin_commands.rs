//! Commands for operators: admin, export, check, backup, healthcheck. They are safe while servers run.

mod accounts;
mod export;

pub use accounts::administer;
pub use export::{export, written};

use crate::config::{Database, reachable};
use crate::engine::Failure;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use ticketing_core::domain::id::AccountId;
use ticketing_core::storage::sqlite::SqliteStorage;
use ticketing_core::storage::{Storage, StorageError, StorageExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const HEALTH_CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// Requests `/health` of the server that listens on `listen`; fails if it is not up. For containers, whose images have no other
/// HTTP client.
pub async fn health_check(listen: SocketAddr) -> Result<(), Failure> {
    let address = reachable(listen);
    let ask = async {
        let mut connection = TcpStream::connect(address).await?;
        connection.write_all(b"GET /health HTTP/1.0\r\nhost: localhost\r\nconnection: close\r\n\r\n").await?;
        let mut answer = [0; 12];
        connection.read_exact(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    match tokio::time::timeout(HEALTH_CHECK_TIMEOUT, ask).await {
        Ok(Ok(answer)) if answer.starts_with(b"HTTP/1.") && answer.ends_with(b" 200") => Ok(()),
        Ok(Ok(_)) => Err(format!("{address}: the health check did not return 200.").into()),
        Ok(Err(error)) => Err(format!("{address}: no response ({error}).").into()),
        Err(_) => Err(format!("{address}: no response within {} seconds.", HEALTH_CHECK_TIMEOUT.as_secs()).into()),
    }
}

/// What a check found.
struct Findings {
    wrong: Vec<String>,
    /// Accounts whose names are spellings of one another. Nothing is wrong with them, and they keep working.
    look_alikes: Vec<Vec<AccountId>>,
}

impl Findings {
    async fn of(storage: &impl Storage) -> Result<Self, Failure> {
        let wrong = storage.check().await.map_err(in_words)?;
        Ok(Self { wrong, look_alikes: storage.look_alikes().await.map_err(in_words)? })
    }
}

fn look_alike(group: &[AccountId]) -> String {
    let ids: Vec<String> = group.iter().map(ToString::to_string).collect();
    format!("Note: accounts {} have spellings of one e-mail address or user name. They keep working.", ids.join(", "))
}

/// Checks a consistent snapshot of the database, and prints every inconsistency. Fails if there are any. Accounts that look alike are
/// printed too.
pub async fn check(database: &Database) -> Result<(), Failure> {
    let found = match database {
        Database::Memory => return Err("DATABASE_URL: an in-memory database cannot be checked.".into()),
        Database::File(path) => {
            let storage = SqliteStorage::open_as_is(path).await.map_err(in_words)?;
            let found = Findings::of(&storage).await?;
            storage.close().await;
            found
        }
        Database::Postgres(url) => check_postgres(url.expose()).await?,
    };
    let mut out = std::io::stdout().lock();
    for group in &found.look_alikes {
        writeln!(out, "{}", look_alike(group))?;
    }
    drop(out);
    report(&found.wrong, &database.in_words())
}

#[cfg(feature = "postgres")]
async fn check_postgres(url: &str) -> Result<Findings, Failure> {
    let storage = ticketing_core::storage::postgres::PostgresStorage::connect_as_is(url).await.map_err(in_words)?;
    let found = Findings::of(&storage).await?;
    storage.close().await;
    Ok(found)
}

#[cfg(not(feature = "postgres"))]
async fn check_postgres(_url: &str) -> Result<Findings, Failure> {
    Err("DATABASE_URL: this server was built without PostgreSQL.".into())
}

/// Copies a SQLite database to a new file, and checks the copy. For PostgreSQL, names its own tools.
pub async fn back_up(database: &Database, to: &Path) -> Result<(), Failure> {
    let path = match database {
        Database::File(path) => path,
        Database::Memory => return Err("DATABASE_URL: an in-memory database cannot be copied.".into()),
        // Not started from here: everybody on the machine could read its arguments, which contain the password.
        Database::Postgres(_) => {
            let file = to.display();
            return Err(format!(
                "Use PostgreSQL's own tools; they are safe while servers run. One file: \
                pg_dump --format=custom --file={file} \"$DATABASE_URL\". Point-in-time recovery: pg_basebackup and \
                continuous archiving, see ticketing-http/docs/operations.md."
            )
            .into());
        }
    };
    let storage = SqliteStorage::open_as_is(path).await.map_err(in_words)?;
    storage.back_up(to).await.map_err(in_words)?;
    storage.close().await;
    let copy = SqliteStorage::open_as_is(to).await.map_err(in_words)?;
    let wrong = copy.check().await.map_err(in_words)?;
    copy.close().await;
    report(&wrong, &format!("the copy {}", to.display()))
}

fn report(wrong: &[String], what: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    for line in wrong {
        writeln!(out, "{line}")?;
    }
    match wrong.len() {
        0 => Ok(writeln!(out, "No inconsistencies in {what}.")?),
        1 => Err(format!("1 inconsistency in {what}.").into()),
        count => Err(format!("{count} inconsistencies in {what}.").into()),
    }
}

fn in_words(error: StorageError) -> Failure {
    let cause = std::error::Error::source(&error).map(|cause| format!(" ({cause})")).unwrap_or_default();
    format!("DATABASE_URL: {error}{cause}.").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    #[tokio::test]
    async fn a_sqlite_file_is_checked_and_copied_and_other_databases_are_explained() {
        let folder = std::env::temp_dir().join(format!("ticketing-admin_commands-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (file, copy) = (Database::File(folder.join("a.db")), folder.join("copy.db"));
        let nothing = check(&file).await.unwrap_err().to_string();
        assert!(nothing.contains("there is no file"), "{nothing}");
        let Database::File(path) = &file else { unreachable!() };
        let server = SqliteStorage::open(path).await.unwrap();
        check(&file).await.unwrap();
        back_up(&file, &copy).await.unwrap();
        check(&Database::File(copy.clone())).await.unwrap();
        assert!(back_up(&file, &copy).await.is_err(), "an existing file is not overwritten");
        server.close().await;
        assert!(check(&Database::Memory).await.is_err() && back_up(&Database::Memory, &copy).await.is_err());
        let postgres = Database::Postgres(Secret::new("postgres://u:secret@h/d"));
        let words = back_up(&postgres, Path::new("x.dump")).await.unwrap_err().to_string();
        assert!(words.contains("pg_dump --format=custom --file=x.dump") && !words.contains("secret"), "{words}");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[tokio::test]
    async fn only_a_200_is_healthy() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        // A server that listens on every address is checked on the loopback address.
        let everywhere = SocketAddr::from(([0, 0, 0, 0], port));
        let server = tokio::spawn(async move {
            for answer in ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 503 Service Unavailable\r\n\r\n", "no HTTP", ""] {
                let (mut connection, _) = listener.accept().await.unwrap();
                let mut asked = [0; 512];
                let length = connection.read(&mut asked).await.unwrap();
                assert!(asked[..length].starts_with(b"GET /health HTTP/1.0\r\n"));
                connection.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        health_check(everywhere).await.unwrap();
        for _ in ["503", "no HTTP", "nothing"] {
            assert!(health_check(everywhere).await.is_err());
        }
        server.await.unwrap();
        let nobody = health_check(everywhere).await.unwrap_err().to_string();
        assert!(nobody.starts_with(&format!("127.0.0.1:{port}: no response")), "{nobody}");
    }

    #[test]
    fn accounts_that_look_alike_are_named_by_their_ids() {
        let line = look_alike(&[AccountId(3), AccountId(7)]);
        assert_eq!(line, "Note: accounts 3, 7 have spellings of one e-mail address or user name. They keep working.");
    }

    #[test]
    fn inconsistencies_are_counted() {
        assert!(report(&[], "it").is_ok());
        assert_eq!(report(&["x".to_owned()], "it").unwrap_err().to_string(), "1 inconsistency in it.");
    }
}
