//! What an operator asks of a database, whether or not servers are at work on it.

use crate::config::Database;
use crate::engine::Failure;
use std::io::Write as _;
use std::path::Path;
use ticketing_core::storage::sqlite::SqliteStorage;
use ticketing_core::storage::{Storage, StorageError};

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
                continuous archiving, see docs/operations.md."
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
        count => Err(format!("{count} things do not add up in {what}.").into()),
    }
}

fn in_words(error: StorageError) -> Failure {
    let cause = std::error::Error::source(&error).map(|cause| format!(" ({cause})")).unwrap_or_default();
    format!("DATABASE_URL: {error}{cause}.").into()
}
