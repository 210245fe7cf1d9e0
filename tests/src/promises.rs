//! What a `box_office` said is done, and whether a file keeps it.

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection as _, Row as _};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use ticketing_core::storage::Storage;
use ticketing_core::storage::sqlite::SqliteStorage;

/// The effects of sales: those that were promised, or those that are in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// Events, by id.
    pub events: BTreeSet<String>,
    /// Payments that were begun.
    pub begun: BTreeSet<String>,
    /// Payment by ticket code.
    pub bought: BTreeMap<String, String>,
    /// Tickets whose holders were let in.
    pub admitted: BTreeSet<String>,
    /// Payments whose tickets were promised.
    pub sold: BTreeSet<String>,
    /// What did not work, in the words of the one who tried.
    pub failed: Vec<String>,
    /// Whether the box office came to its end.
    pub is_done: bool,
}

impl Effects {
    /// What whole lines of a box office promise. A line that was cut off promises nothing.
    pub fn hear(&mut self, text: &str) {
        for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
            let mut words = line.split(' ');
            match (words.next(), words.next()) {
                (Some("event"), Some(id)) => drop(self.events.insert(id.to_owned())),
                (Some("begun"), Some(attempt)) => drop(self.begun.insert(attempt.to_owned())),
                (Some("bought"), Some(attempt)) => {
                    self.bought.extend(words.map(|code| (code.to_owned(), attempt.to_owned())));
                    self.sold.insert(attempt.to_owned());
                }
                (Some("admitted"), Some(code)) => drop(self.admitted.insert(code.to_owned())),
                (Some("failed"), Some(_)) => self.failed.push(line["failed ".len()..].to_owned()),
                (Some("done"), None) => self.is_done = true,
                _ => panic!("a box office does not say {line:?}"),
            }
        }
    }

    /// How many promises there are.
    pub fn count(&self) -> usize {
        self.events.len() + self.begun.len() + self.sold.len() + self.admitted.len()
    }

    /// What is here and not in `file`, in words.
    pub fn missing_in(&self, file: &Self) -> Vec<String> {
        let gone = |what: &str, all: &BTreeSet<String>, there: &BTreeSet<String>| -> Vec<String> {
            all.difference(there).map(|one| format!("{what} {one}")).collect()
        };
        let mut missing = gone("event", &self.events, &file.events);
        missing.extend(gone("payment", &self.begun, &file.begun));
        let tickets = self.bought.iter().filter(|(code, attempt)| file.bought.get(*code) != Some(attempt));
        missing.extend(tickets.map(|(code, attempt)| format!("ticket {code} of {attempt}")));
        missing.extend(gone("admission", &self.admitted, &file.admitted));
        missing
    }

    /// How many effects are here that nobody promised: done, and the answer never left.
    pub fn beyond(&self, promised: &Self) -> usize {
        self.begun.difference(&promised.begun).count()
            + self.sold.difference(&promised.sold).count()
            + self.admitted.difference(&promised.admitted).count()
    }
}

/// What is in a file that nobody uses. Opens it as a server does after a crash; says what is wrong where it is not sound.
pub async fn look_into(file: &Path) -> Result<Effects, String> {
    let in_words = |error: &dyn std::error::Error| match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    };
    let storage = SqliteStorage::open(file).await.map_err(|error| format!("does not open: {}", in_words(&error)))?;
    let wrong = storage.check().await.map_err(|error| format!("cannot be checked: {}", in_words(&error)))?;
    let found = read(file).await.map_err(|error| format!("cannot be read: {error}"));
    storage.close().await;
    let (found, damage) = found?;
    if damage != ["ok"] || !wrong.is_empty() {
        return Err(format!("is not sound: {damage:?}, {wrong:?}"));
    }
    Ok(found)
}

async fn read(file: &Path) -> Result<(Effects, Vec<String>), sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(file).read_only(true);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let damage = sqlx::query_scalar("pragma integrity_check").fetch_all(&mut connection).await?;
    let sql = "select 'event' as what, cast(id as text) as id, '' as attempt from events \
        union all select 'begun', reference, '' from attempts where status in ('open', 'fulfilled') \
        union all select 'bought', t.code, a.reference from tickets t \
            join attempts a on a.order_id = t.order_id and a.status = 'fulfilled' \
        union all select 'admitted', t.code, '' from check_ins c join tickets t on t.id = c.ticket_id";
    let mut found = Effects::default();
    for row in sqlx::query(sql).fetch_all(&mut connection).await? {
        let (what, id, attempt): (String, String, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        match what.as_str() {
            "event" => drop(found.events.insert(id)),
            "begun" => drop(found.begun.insert(id)),
            "admitted" => drop(found.admitted.insert(id)),
            _ => {
                found.sold.insert(attempt.clone());
                found.bought.insert(id, attempt);
            }
        }
    }
    connection.close().await?;
    Ok((found, damage))
}
