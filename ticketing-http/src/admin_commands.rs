//! What an operator asks of a database, whether or not servers are at work on it.

use crate::config::{Database, reachable};
use crate::engine::Failure;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use ticketing_core::storage::sqlite::SqliteStorage;
use ticketing_core::storage::{Storage, StorageError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A server that takes longer to say that it is up is not.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks the server that listens there whether it is up; fails where it is not. For containers, whose images hold no other program
/// that could ask.
pub async fn health_check(listen: SocketAddr) -> Result<(), Failure> {
    let address = reachable(listen);
    let ask = async {
        let mut connection = TcpStream::connect(address).await?;
        connection.write_all(b"GET /health HTTP/1.0\r\nhost: localhost\r\nconnection: close\r\n\r\n").await?;
        let mut answer = [0; 12];
        connection.read_exact(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    match tokio::time::timeout(PATIENCE, ask).await {
        Ok(Ok(answer)) if answer.starts_with(b"HTTP/1.") && answer.ends_with(b" 200") => Ok(()),
        Ok(Ok(_)) => Err(format!("{address}: it answers, but not that it is well.").into()),
        Ok(Err(error)) => Err(format!("{address}: no answer ({error}).").into()),
        Err(_) => Err(format!("{address}: no answer within {} seconds.", PATIENCE.as_secs()).into()),
    }
}

/// Compares everything that is stored, as of one moment, and prints what does not add up. Fails where anything does not.
pub async fn check(database: &Database) -> Result<(), Failure> {
    let wrong = match database {
        Database::Memory => return Err("DATABASE_URL: there is nothing to check in memory.".into()),
        Database::File(path) => {
            let storage = SqliteStorage::open_as_is(path).await.map_err(in_words)?;
            let wrong = storage.check().await.map_err(in_words)?;
            storage.close().await;
            wrong
        }
        Database::Postgres(url) => check_postgres(url.expose()).await?,
    };
    report(&wrong, &database.in_words())
}

#[cfg(feature = "postgres")]
async fn check_postgres(url: &str) -> Result<Vec<String>, Failure> {
    let storage = ticketing_core::storage::postgres::PostgresStorage::connect_as_is(url).await.map_err(in_words)?;
    let wrong = storage.check().await.map_err(in_words)?;
    storage.close().await;
    Ok(wrong)
}

#[cfg(not(feature = "postgres"))]
async fn check_postgres(_url: &str) -> Result<Vec<String>, Failure> {
    Err("DATABASE_URL: this server was built without PostgreSQL.".into())
}

/// Copies a SQLite database to a new file, and checks the copy. For PostgreSQL, says which of its own tools does it.
pub async fn back_up(database: &Database, to: &Path) -> Result<(), Failure> {
    let path = match database {
        Database::File(path) => path,
        Database::Memory => return Err("DATABASE_URL: there is nothing to copy in memory.".into()),
        // Not started from here: its arguments, with the password, would be there for everybody on the machine to read.
        Database::Postgres(_) => {
            let file = to.display();
            return Err(format!(
                "PostgreSQL brings its own tools, which also work during sales. One file: \
                pg_dump --format=custom --file={file} \"$DATABASE_URL\". For restoring to any moment: pg_basebackup and \
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
        0 => Ok(writeln!(out, "All adds up in {what}.")?),
        1 => Err(format!("One thing does not add up in {what}.").into()),
        count => Err(format!("{count} things do not add up in {what}.").into()),
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
    async fn a_file_is_checked_and_copied_and_all_else_answered_in_words() {
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
        assert!(back_up(&file, &copy).await.is_err(), "a copy that is there stays");
        server.close().await;
        assert!(check(&Database::Memory).await.is_err() && back_up(&Database::Memory, &copy).await.is_err());
        let postgres = Database::Postgres(Secret::new("postgres://u:secret@h/d"));
        let words = back_up(&postgres, Path::new("x.dump")).await.unwrap_err().to_string();
        assert!(words.contains("pg_dump --format=custom --file=x.dump") && !words.contains("secret"), "{words}");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[tokio::test]
    async fn a_server_is_well_only_where_it_says_so() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        // Where a server listens on every address, it is asked on this machine's own.
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
        assert!(nobody.starts_with(&format!("127.0.0.1:{port}: no answer")), "{nobody}");
    }

    #[test]
    fn what_does_not_add_up_is_counted() {
        assert!(report(&[], "it").is_ok());
        assert_eq!(report(&["x".to_owned()], "it").unwrap_err().to_string(), "One thing does not add up in it.");
    }
}
