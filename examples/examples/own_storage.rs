//! A storage of your own: rows as JSON in a sorted map, as a key-value store keeps them. It passes the conformance kit.
//!
//! A storage knows no orders and no tickets. It sees tables, rows of plain values, and work that says which rows it needs. So it
//! stays as it is when the engine gets a new kind of record.
//!
//! The map has these entries:
//!
//! | Key | Value |
//! |---|---|
//! | `TABLE`, name, 0, key of the row | the row |
//! | `TABLE`, name, number of an index, key in it; then the row's key, unless the index is unique | the key of the row's entry |
//! | `IDS`, name of the table | the ids that the next row and the next part of a row get |
//! | `QUOTA`, name | when the quota is full again |
//!
//! To use a real store, replace [`Map`]: give `transact` a write transaction of the store, and `load` a snapshot.
//!
//! Run it with: cargo run -p ticketing-examples --example own_storage

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use ticketing_core::Ticketing;
use ticketing_core::domain::command::Work;
use ticketing_core::domain::event::NewEvent;
use ticketing_core::domain::invariants;
use ticketing_core::domain::limit::{Take, Taken};
use ticketing_core::domain::list::{self, List, Scan, Tallied, Tally};
use ticketing_core::domain::load::{LoadKeys, Lookup, Needs};
use ticketing_core::domain::money::Money;
use ticketing_core::domain::principal::{Buyer, Principal};
use ticketing_core::domain::row::{Row, Value};
use ticketing_core::domain::shelf::{AnyShelf, IdRanges, Ids};
use ticketing_core::domain::table::{IndexColumns, Table};
use ticketing_core::domain::working_set::{Noun, WorkingSet};
use ticketing_core::storage::{Storage, StorageError};
use ticketing_core::{OrderRequest, PayOptions};

type Result<T> = std::result::Result<T, StorageError>;
type Bytes = Vec<u8>;

/// Stands for the key-value store. This one is gone when it is dropped; in a real storage, what was committed must be on disk.
#[derive(Debug, Default)]
struct Map(BTreeMap<Bytes, Bytes>);

impl Map {
    /// The entries whose keys begin like this, in the order of their keys.
    fn entries(&self, prefix: Bytes) -> impl Iterator<Item = (&Bytes, &Bytes)> {
        self.0.range(prefix.clone()..).take_while(move |(key, _)| key.starts_with(&prefix))
    }

    fn read<T: DeserializeOwned>(&self, key: &Bytes) -> Result<Option<T>> {
        self.0.get(key).map(|value| decode(value)).transpose()
    }

    /// All rows of a table, in the order of their keys.
    fn rows(&self, table: &Table) -> impl Iterator<Item = Result<Row>> {
        self.entries(key(table, 0, &[])).map(|(_, row)| decode(row))
    }

    /// The rows with this key of an index. Index 0 is the key of the row itself.
    fn find(&self, table: &Table, index: usize, wanted: &Value) -> Result<Vec<Row>> {
        let entries = self.entries(key(table, index, &[wanted]));
        let row = |(_, value): (&Bytes, &Bytes)| match index {
            0 => decode(value),
            _ => self.read(value)?.ok_or_else(|| broken("an index names a row that is missing")),
        };
        entries.map(row).collect()
    }

    /// The ids for new rows of a table.
    fn ids(&self, table: &Table) -> Result<IdRanges> {
        let Some((rows, parts)) = self.read(&named(IDS, table.name))? else { return Ok(IdRanges::default()) };
        let from = |next| Ids { next, ..Ids::default() };
        Ok(IdRanges { rows: from(rows), parts: from(parts) })
    }

    /// Loads what is needed, round by round.
    fn load(&self, mut load: LoadKeys, needs: &(impl Needs + ?Sized)) -> Result<WorkingSet> {
        let mut rows = WorkingSet::default();
        while let Some(round) = load.next_round(needs, &rows)? {
            // Claims are rows that nobody else has locked. Only one transaction runs at a time here, so that all are free.
            for claim in round.claims {
                let keys = list::select(self, &claim)?.items;
                self.serve(&Lookup { noun: claim.noun, index: 0, keys: keys.clone(), is_to_change: true }, &mut rows)?;
                rows.keep_claim(claim.name, keys);
            }
            for list in round.lists {
                let page = list::select(self, &list)?;
                let keys = page.items.clone();
                self.serve(&Lookup { noun: list.noun, index: 0, keys, is_to_change: false }, &mut rows)?;
                rows.keep_page(list.name, page);
            }
            for lookup in round.lookups {
                self.serve(&lookup, &mut rows)?;
            }
        }
        Ok(rows)
    }

    /// Puts the rows of a lookup into the working set, and notes that there are no others with these keys.
    fn serve(&self, lookup: &Lookup, rows: &mut WorkingSet) -> Result<()> {
        let shelf = rows.shelf_mut(lookup.noun);
        for wanted in &lookup.keys {
            for row in self.find(lookup.noun.table(), lookup.index, wanted)? {
                shelf.load_row(row)?;
            }
        }
        shelf.mark_complete(lookup.index, &lookup.keys, lookup.is_to_change);
        Ok(())
    }

    /// Writes everything at once. Nothing can fail any more.
    fn commit(&mut self, writes: BTreeMap<Bytes, Option<Bytes>>) {
        for (key, value) in writes {
            match value {
                Some(value) => self.0.insert(key, value),
                None => self.0.remove(&key),
            };
        }
    }
}

/// Lists and tallies read every row of their table. A store with many rows would answer the common ones from an index.
impl Scan for Map {
    type Error = StorageError;

    fn scan(&self, noun: Noun, columns: &[usize], see: &mut dyn FnMut(&[Value])) -> Result<()> {
        for row in self.rows(noun.table()) {
            let row = row?;
            let values: Vec<Value> = columns.iter().map(|column| row.values[*column].clone()).collect();
            see(&values);
        }
        Ok(())
    }
}

const TABLE: u8 = 0;
const IDS: u8 = 1;
const QUOTA: u8 = 2;

fn named(kind: u8, name: &str) -> Bytes {
    let mut key = vec![kind];
    escape(name.as_bytes(), &mut key);
    key
}

/// The key of an entry in an index. Index 0 holds the rows themselves.
fn key(table: &Table, index: usize, values: &[&Value]) -> Bytes {
    let mut key = named(TABLE, table.name);
    key.push(index as u8);
    values.iter().for_each(|value| encode(value, &mut key));
    key
}

/// Writes a value so that keys sort as values do, and so that no value begins with another one.
fn encode(value: &Value, to: &mut Bytes) {
    match value {
        Value::Null => to.push(0),
        Value::Int(number) => {
            to.push(1);
            // With the sign flipped, negative numbers come first.
            to.extend((number ^ i64::MIN).to_be_bytes());
        }
        Value::Text(text) => {
            to.push(2);
            escape(text.as_bytes(), to);
        }
        Value::Bytes(bytes) => {
            to.push(3);
            escape(bytes, to);
        }
        Value::Tuple(values) => values.iter().for_each(|value| encode(value, to)),
    }
}

/// Writes bytes and marks their end by two zeros. A zero among them is followed by 255.
fn escape(bytes: &[u8], to: &mut Bytes) {
    for byte in bytes {
        to.push(*byte);
        if *byte == 0 {
            to.push(255);
        }
    }
    to.extend([0, 0]);
}

/// The keys of a row's entries: first its own, then those in the other indexes.
fn keys_of(table: &Table, row: &Row) -> Vec<Bytes> {
    let entry = |(number, index): (usize, &IndexColumns)| {
        let in_index = index.key_of(row)?;
        Some(match index.unique {
            true => key(table, number, &[&in_index]),
            false => key(table, number, &[&in_index, &row.values[0]]),
        })
    };
    table.indexes.iter().enumerate().filter_map(entry).collect()
}

fn json(value: &impl Serialize) -> Result<Bytes> {
    serde_json::to_vec(value).map_err(broken)
}

fn decode<T: DeserializeOwned>(value: &[u8]) -> Result<T> {
    serde_json::from_slice(value).map_err(broken)
}

fn broken(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StorageError {
    StorageError::Broken(error.into())
}

/// What a transaction is about to write: a value, or nothing where the entry is deleted.
struct Writes<'a> {
    map: &'a Map,
    entries: BTreeMap<Bytes, Option<Bytes>>,
}

impl Writes<'_> {
    /// Writes what was changed of a noun.
    fn changes_of(&mut self, shelf: &dyn AnyShelf) -> Result<()> {
        if !shelf.is_changed() {
            return Ok(());
        }
        let (table, changes) = (shelf.table(), shelf.changes());
        // What was there goes first, so that a key can pass from one row to another.
        changes.iter().filter_map(|change| change.before.as_ref()).for_each(|row| self.delete(table, row));
        changes.iter().try_for_each(|change| self.insert(table, &change.after))?;
        let ids = shelf.ids();
        self.entries.insert(named(IDS, table.name), Some(json(&(ids.rows.next, ids.parts.next))?));
        Ok(())
    }

    fn delete(&mut self, table: &Table, row: &Row) {
        self.entries.extend(keys_of(table, row).into_iter().map(|key| (key, None)));
    }

    /// Refuses a row that breaks a constraint: the rules never write one, unless they have a bug.
    fn insert(&mut self, table: &Table, row: &Row) -> Result<()> {
        table.check_counters(row)?;
        let keys = keys_of(table, row);
        if keys.iter().any(|key| self.has(key)) {
            return Err(broken(format!("{} already has a row with a unique key of {row:?}", table.name)));
        }
        for entry in &keys[1..] {
            self.entries.insert(entry.clone(), Some(keys[0].clone()));
        }
        self.entries.insert(keys[0].clone(), Some(json(row)?));
        Ok(())
    }

    fn has(&self, key: &Bytes) -> bool {
        self.entries.get(key).map_or_else(|| self.map.0.contains_key(key), Option::is_some)
    }
}

/// Keeps rows as JSON in a sorted map. One call runs at a time.
#[derive(Debug, Default)]
pub struct OwnStorage {
    map: Mutex<Map>,
}

impl OwnStorage {
    /// A panic leaves nothing half-written: everything is collected first, and then committed.
    fn map(&self) -> MutexGuard<'_, Map> {
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// No call waits while it holds the map. So a call that is dropped has not begun, or is done.
#[async_trait]
impl Storage for OwnStorage {
    async fn transact(&self, now: Timestamp, work: Arc<dyn Work>) -> Result<()> {
        let mut map = self.map();
        // 1. Load what the work needs. A storage that runs several transactions at once also locks the rows to be changed.
        let mut rows = map.load(LoadKeys::at(now), &*work)?;
        // 2. Say which ids new rows may get.
        for noun in Noun::ALL {
            rows.shelf_mut(*noun).set_ids(map.ids(noun.table())?);
        }
        // 3. Let the work decide. It changes the working set, and keeps its outcome for the caller.
        work.decide(&mut rows, now);
        // 4. Collect the writes. An error leaves the map as it was.
        let mut writes = Writes { map: &map, entries: BTreeMap::new() };
        Noun::ALL.iter().try_for_each(|noun| writes.changes_of(rows.shelf(*noun)))?;
        // 5. Commit.
        let entries = writes.entries;
        map.commit(entries);
        Ok(())
    }

    async fn load(&self, needs: &dyn Needs) -> Result<WorkingSet> {
        self.map().load(LoadKeys::default(), needs)
    }

    async fn tally(&self, tallies: &[Tally]) -> Result<Vec<Tallied>> {
        let map = self.map();
        tallies.iter().map(|tally| list::count(&*map, tally)).collect()
    }

    async fn forget(&self, list: &List) -> Result<u32> {
        let mut map = self.map();
        let page = list.page.with_count(false);
        let keys = list::select(&*map, &List { page, ..list.clone() })?.items;
        let table = list.noun.table();
        let mut writes = Writes { map: &map, entries: BTreeMap::new() };
        for row_key in &keys {
            map.find(table, 0, row_key)?.iter().for_each(|row| writes.delete(table, row));
        }
        let entries = writes.entries;
        map.commit(entries);
        Ok(keys.len() as u32)
    }

    async fn take_tokens(&self, now: Timestamp, takes: &[Take]) -> Result<Taken> {
        let (now, mut map) = (now.as_microsecond(), self.map());
        let mut after = Vec::new();
        for take in takes {
            after.push(take.apply(now, map.read(&named(QUOTA, &take.key))?));
        }
        // All or none: one quota with too few tokens refuses the whole call.
        if let Some(again_at) = after.iter().filter_map(|each| each.err()).max() {
            return Ok(Taken::None { again_at: time(again_at)? });
        }
        let (mut entries, mut full_at) = (BTreeMap::new(), Vec::new());
        for (take, at) in takes.iter().zip(after.into_iter().flatten()) {
            entries.insert(named(QUOTA, &take.key), Some(json(&at)?));
            full_at.push(time(at)?);
        }
        map.commit(entries);
        Ok(Taken::All { full_at })
    }

    async fn forget_tokens(&self, now: Timestamp, limit: u32) -> Result<u32> {
        let mut map = self.map();
        let mut full = BTreeMap::new();
        for (key, full_at) in map.entries(vec![QUOTA]) {
            if full.len() < limit as usize && decode::<i64>(full_at)? <= now.as_microsecond() {
                full.insert(key.clone(), None);
            }
        }
        let count = full.len() as u32;
        map.commit(full);
        Ok(count)
    }

    async fn ready(&self) -> Result<()> {
        Ok(())
    }

    async fn check(&self) -> Result<Vec<String>> {
        let map = self.map();
        let (mut all, mut wanted) = (WorkingSet::whole(), BTreeSet::new());
        for noun in Noun::ALL {
            for row in map.rows(noun.table()) {
                let row = row?;
                wanted.extend(keys_of(noun.table(), &row));
                all.shelf_mut(*noun).load_row(row)?;
            }
        }
        let mut wrong = invariants::check(&all);
        let there: BTreeSet<Bytes> = map.entries(vec![TABLE]).map(|(key, _)| key.clone()).collect();
        wrong.extend(wanted.symmetric_difference(&there).map(|key| format!("an index and its rows differ in {key:?}")));
        Ok(wrong)
    }
}

fn time(microseconds: i64) -> Result<Timestamp> {
    Timestamp::from_microsecond(microseconds).map_err(broken)
}

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let storage = Arc::new(OwnStorage::default());
    let shop = Ticketing::builder_on(storage.clone()).build()?;
    let free = Money::zero("NGN".parse()?);
    let event = NewEvent::general_admission("Open day", "2099-05-01T09:00:00Z".parse()?, "Workshop", free, Some(40));
    let event = shop.create_event(&Principal::from("us"), event).await?;
    let ada = Buyer::new("ada", "ada@example.com".parse()?);
    shop.buy(&ada, OrderRequest::tickets(event.id, 1), PayOptions::default()).await?;

    let stock = shop.event(event.id).await?.stock;
    println!("{} of {} sold", stock.sold, stock.capacity.unwrap_or_default());
    println!("{} entries in the map", storage.map().0.len());
    assert_eq!(storage.check().await?, Vec::<String>::new());
    Ok(())
}
