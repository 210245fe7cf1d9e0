//! From what the rules changed to rows: one statement for all new rows of a table, one for all changed ones, and all of them at
//! once.

use super::{Connection, given, source, together, written};
use crate::domain::account::Account;
use crate::domain::book::{Book, Table};
use crate::domain::event::{Event, Stock, TicketType};
use crate::domain::order::{Order, OrderStatus};
use crate::domain::payment::Attempt;
use crate::domain::principal::Principal;
use crate::domain::refund::Refund;
use crate::domain::request::StoredRequest;
use crate::domain::ticket::Ticket;
use crate::domain::webhook::StoredWebhook;
use crate::storage::StorageError;
use crate::storage::sql::{broken, mail_kind, micros};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

type Result<T> = std::result::Result<T, StorageError>;

/// What a column holds, and how a changed row changes it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Int,
    Text,
    Bytes,
    /// A number that a change adds to. Never set: a place that somebody else has taken meanwhile stays taken, and the table's
    /// checks look at the sum.
    Sum,
}
use Kind::{Bytes, Int, Sum, Text};

type Columns = &'static [(&'static str, Kind)];

/// Writes the difference, parents first, in one go: a batch of one is not to wait for the database a dozen times. Says whether
/// there was any.
pub(super) async fn changes(connection: &mut Connection, book: &Book) -> Result<bool> {
    let mut to = Writer::default();
    to.table("accounts", ACCOUNT, &book.accounts, |row| Ok(account(row)))?;
    to.table("categories", CATEGORY, &book.categories, |row| {
        Ok(json!([row.id, row.name, row.name.to_lowercase(), row.description]))
    })?;
    events(&mut to, book);
    orders(&mut to, book)?;
    to.table("attempts", ATTEMPT, &book.attempts, |row| Ok(attempt(row)))?;
    to.table("refunds", REFUND, &book.refunds, refund)?;
    to.table("tickets", TICKET, &book.tickets, |row| Ok(ticket(row)))?;
    to.table("check_ins", CHECK_IN, &book.check_ins, |row| {
        let (account, external) = who(&row.by);
        Ok(json!([row.ticket_id, row.event_id, row.nonce, row.gate, account, external, micros(row.at)]))
    })?;
    to.table("mails", MAIL, &book.mails, |row| {
        let (status, due_at) = (row.status.name(), micros(row.due_at));
        let (created_at, updated_at) = (micros(row.created_at), micros(row.updated_at));
        let (kind, to) = (mail_kind(row.kind), row.to.as_str());
        Ok(json!([row.id, row.order_id, kind, to, status, row.tries, due_at, row.last_error, created_at, updated_at]))
    })?;
    to.table("webhooks", WEBHOOK, &book.webhooks, webhook)?;
    to.table("requests", REQUEST, &book.requests, request)?;
    to.table("audit", AUDIT, &book.audit, |row| {
        let actor = serde_json::to_string(&row.actor).map_err(broken)?;
        let (id, at, order_id) = (row.id, micros(row.at), row.order_id);
        Ok(json!([id, at, order_id, actor, row.action, row.subject, row.before, row.after, row.reason]))
    })?;
    to.run(connection).await
}

/// Everything that is to be written.
#[derive(Default)]
struct Writer {
    statements: Vec<String>,
    rows: Vec<(Columns, Vec<Value>)>,
    /// How many parameters the statements have so far.
    parameters: usize,
}

impl Writer {
    /// The new and the changed rows of a table. The first column is its key.
    fn table<K: Ord + Clone, V: Clone + PartialEq>(
        &mut self,
        table: &str,
        columns: Columns,
        rows: &Table<K, V>,
        values: impl Fn(&V) -> Result<Value>,
    ) -> Result<()> {
        let (mut new, mut changed) = (Vec::new(), Vec::new());
        for (before, row) in rows.changes() {
            if before.is_none() { &mut new } else { &mut changed }.push(values(row)?);
        }
        self.insert(table, columns, new);
        self.update(table, columns, changed);
        Ok(())
    }

    fn insert(&mut self, table: &str, columns: Columns, rows: Vec<Value>) {
        let names = columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        self.add(columns, rows, |source, values| {
            // Sorted by key: whoever else inserts some of the same takes the same way.
            format!("insert into {table} ({names}) select {} from {source} order by 1", values.join(", "))
        });
    }

    fn update(&mut self, table: &str, columns: Columns, rows: Vec<Value>) {
        let [(key, _), rest @ ..] = columns else { return };
        let set = rest.iter().map(|(name, kind)| match kind {
            Sum => format!("{name} = {table}.{name} + s.{name}"),
            _ => format!("{name} = s.{name}"),
        });
        let set = set.collect::<Vec<_>>().join(", ");
        self.add(columns, rows, |source, values| {
            let named = values.iter().zip(columns).map(|(value, (name, _))| format!("{value} as {name}"));
            let named = named.collect::<Vec<_>>().join(", ");
            format!("update {table} set {set} from (select {named} from {source}) s where {table}.{key} = s.{key}")
        });
    }

    fn add(&mut self, columns: Columns, rows: Vec<Value>, statement: impl FnOnce(String, Vec<String>) -> String) {
        if rows.is_empty() {
            return;
        }
        let (source, values) = source(&kinds(columns), &mut self.parameters);
        self.statements.push(statement(source, values));
        self.rows.push((columns, rows));
    }

    /// Every row given concerns exactly one row of its table: no statement can write more than it is given, and one that does not
    /// find a row would lose a change silently.
    async fn run(self, connection: &mut Connection) -> Result<bool> {
        if self.statements.is_empty() {
            return Ok(false);
        }
        let wanted = self.rows.iter().map(|(_, rows)| rows.len() as u64).sum::<u64>();
        let sql = together(&self.statements);
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for (columns, rows) in self.rows {
            query = given(query, &kinds(columns), rows)?;
        }
        match written(connection, query).await? {
            rows if rows == wanted => Ok(true),
            rows => Err(broken(format!("{rows} rows were written instead of {wanted}"))),
        }
    }
}

fn kinds(columns: Columns) -> Vec<Kind> {
    columns.iter().map(|(_, kind)| *kind).collect()
}

fn who(principal: &Principal) -> (Option<i64>, Option<&str>) {
    (principal.account().map(|id| id.0), principal.external())
}

const ACCOUNT: Columns = &[
    ("id", Int),
    ("email", Text),
    ("email_key", Text),
    ("name", Text),
    ("username", Text),
    ("username_key", Text),
    ("phone", Text),
    ("password_hash", Text),
    ("role", Text),
    ("is_active", Int),
    ("is_verified", Int),
    ("sessions_ended", Int),
    ("created_at", Int),
    ("updated_at", Int),
];

fn account(row: &Account) -> Value {
    json!([
        row.id,
        row.email.as_str(),
        row.email.key(),
        row.name,
        row.username,
        row.username.as_ref().map(|username| username.to_lowercase()),
        row.phone,
        row.password_hash,
        row.role.name(),
        i64::from(row.is_active),
        i64::from(row.is_verified),
        row.sessions_ended,
        micros(row.created_at),
        micros(row.updated_at),
    ])
}

const CATEGORY: Columns = &[("id", Int), ("name", Text), ("name_key", Text), ("description", Text)];

const EVENT: Columns = &[
    ("id", Int),
    ("key", Text),
    ("organizer_account", Int),
    ("organizer_external", Text),
    ("title", Text),
    ("description", Text),
    ("starts_at", Int),
    ("ends_at", Int),
    ("location", Text),
    ("address", Text),
    ("image_url", Text),
    ("category_id", Int),
    ("currency", Text),
    ("capacity", Int),
    ("held", Sum),
    ("sold", Sum),
    ("status", Text),
    ("search_key", Text),
    ("created_at", Int),
    ("updated_at", Int),
];
const EVENT_STOCK: Columns = &[("id", Int), ("held", Sum), ("sold", Sum), ("status", Text), ("updated_at", Int)];
const TICKET_TYPE: Columns = &[
    ("id", Int),
    ("event_id", Int),
    ("position", Int),
    ("name", Text),
    ("price_minor", Int),
    ("capacity", Int),
    ("held", Sum),
    ("sold", Sum),
];
const TICKET_TYPE_STOCK: Columns = &[("id", Int), ("held", Sum), ("sold", Sum)];

/// Events with their ticket types. Of those that were there before, only what the rules change: places and status.
fn events(to: &mut Writer, book: &Book) {
    let (mut new, mut new_types, mut stocks, mut type_stocks) = (vec![], vec![], vec![], vec![]);
    let moved = |before: &Stock, after: &Stock| (after.held - before.held, after.sold - before.sold);
    for (before, row) in book.events.changes() {
        let Some(before) = before else {
            new.push(event(row));
            new_types.extend((0..).zip(&row.ticket_types).map(|(position, row)| ticket_type(position, row)));
            continue;
        };
        let (held, sold) = moved(&before.stock, &row.stock);
        stocks.push(json!([row.id, held, sold, row.status.name(), micros(row.updated_at)]));
        for (before, after) in before.ticket_types.iter().zip(&row.ticket_types).filter(|(b, a)| b.stock != a.stock) {
            let (held, sold) = moved(&before.stock, &after.stock);
            type_stocks.push(json!([after.id, held, sold]));
        }
    }
    to.insert("events", EVENT, new);
    to.insert("ticket_types", TICKET_TYPE, new_types);
    to.update("events", EVENT_STOCK, stocks);
    to.update("ticket_types", TICKET_TYPE_STOCK, type_stocks);
}

fn event(row: &Event) -> Value {
    let (account, external) = who(&row.organizer);
    // In lower case, with line breaks between the fields so that no search matches across.
    let description = row.description.as_deref().unwrap_or_default();
    let search_key = format!("{}\n{}\n{description}", row.title, row.location).to_lowercase();
    json!([
        row.id,
        row.key,
        account,
        external,
        row.title,
        row.description,
        micros(row.starts_at),
        row.ends_at.map(micros),
        row.location,
        row.address,
        row.image_url,
        row.category.as_ref().map(|category| category.id),
        row.currency,
        row.stock.capacity,
        row.stock.held,
        row.stock.sold,
        row.status.name(),
        search_key,
        micros(row.created_at),
        micros(row.updated_at),
    ])
}

fn ticket_type(position: i64, row: &TicketType) -> Value {
    let stock = &row.stock;
    json!([row.id, row.event_id, position, row.name, row.price.minor(), stock.capacity, stock.held, stock.sold])
}

const ORDER: Columns = &[
    ("id", Int),
    ("reference", Text),
    ("event_id", Int),
    ("buyer_account", Int),
    ("buyer_external", Text),
    ("email", Text),
    ("total_minor", Int),
    ("currency", Text),
    ("status", Text),
    ("hold_until", Int),
    ("hold_extended", Int),
    ("created_at", Int),
    ("updated_at", Int),
];
const LINE: Columns =
    &[("order_id", Int), ("line", Int), ("ticket_type_id", Int), ("quantity", Int), ("unit_minor", Int)];

/// Orders with their lines, which never change.
fn orders(to: &mut Writer, book: &Book) -> Result<()> {
    to.table("orders", ORDER, &book.orders, |row| Ok(order(row)))?;
    let mut lines = Vec::new();
    for (_, row) in book.orders.changes().filter(|(before, _)| before.is_none()) {
        let of_order = (0_i64..).zip(&row.lines);
        lines.extend(of_order.map(|(number, line)| {
            json!([row.id, number, line.ticket_type_id, line.quantity, line.unit_price.minor()])
        }));
    }
    to.insert("order_lines", LINE, lines);
    Ok(())
}

fn order(row: &Order) -> Value {
    let (account, external) = who(&row.buyer.who);
    let hold_until = match row.status {
        OrderStatus::Held { hold_until } => Some(micros(hold_until)),
        _ => None,
    };
    json!([
        row.id,
        row.reference,
        row.event_id,
        account,
        external,
        row.buyer.email.as_str(),
        row.total.minor(),
        row.total.currency(),
        row.status.name(),
        hold_until,
        i64::from(row.hold_extended),
        micros(row.created_at),
        micros(row.updated_at),
    ])
}

const ATTEMPT: Columns = &[
    ("reference", Text),
    ("order_id", Int),
    ("gateway", Text),
    ("amount_minor", Int),
    ("currency", Text),
    ("mode", Text),
    ("status", Text),
    ("checkout_url", Text),
    ("access_code", Text),
    ("last_seen", Text),
    ("captured_minor", Int),
    ("captured_currency", Text),
    ("captured_mode", Text),
    ("requested_minor", Int),
    ("requested_currency", Text),
    ("paid_at", Int),
    ("gateway_id", Text),
    ("poll_at", Int),
    ("poll_count", Int),
    ("created_at", Int),
    ("updated_at", Int),
];

fn attempt(row: &Attempt) -> Value {
    let captured = row.captured.as_ref();
    let requested = captured.and_then(|captured| captured.requested);
    json!([
        row.reference,
        row.order_id,
        row.gateway,
        row.amount.minor(),
        row.amount.currency(),
        row.mode.name(),
        row.status.name(),
        row.checkout.as_ref().map(|checkout| &checkout.url),
        row.checkout.as_ref().and_then(|checkout| checkout.access_code.as_ref()),
        row.last_seen,
        captured.map(|captured| captured.amount.minor()),
        captured.map(|captured| captured.amount.currency()),
        captured.map(|captured| captured.mode.name()),
        requested.map(|requested| requested.minor()),
        requested.map(|requested| requested.currency()),
        captured.and_then(|captured| captured.paid_at).map(micros),
        captured.and_then(|captured| captured.gateway_id.as_ref()),
        row.poll.map(|poll| micros(poll.at)),
        row.poll.map_or(0, |poll| poll.count),
        micros(row.created_at),
        micros(row.updated_at),
    ])
}

const REFUND: Columns = &[
    ("id", Int),
    ("key", Text),
    ("order_id", Int),
    ("attempt", Text),
    ("amount_minor", Int),
    ("currency", Text),
    ("reason", Text),
    ("note", Text),
    ("tickets", Text),
    ("status", Text),
    ("gateway_id", Text),
    ("last_seen", Text),
    ("tries", Int),
    ("next_at", Int),
    ("created_at", Int),
    ("updated_at", Int),
];

fn refund(row: &Refund) -> Result<Value> {
    Ok(json!([
        row.id,
        row.key,
        row.order_id,
        row.attempt,
        row.amount.minor(),
        row.amount.currency(),
        row.reason.name(),
        row.note,
        serde_json::to_string(&row.tickets).map_err(broken)?,
        row.status.name(),
        row.gateway_id,
        row.last_seen,
        row.tries,
        row.next_at.map(micros),
        micros(row.created_at),
        micros(row.updated_at),
    ]))
}

const TICKET: Columns = &[
    ("id", Int),
    ("code", Text),
    ("order_id", Int),
    ("line", Int),
    ("ordinal", Int),
    ("event_id", Int),
    ("ticket_type_id", Int),
    ("holder_account", Int),
    ("holder_external", Text),
    ("price_minor", Int),
    ("currency", Text),
    ("status", Text),
    ("issued_at", Int),
    ("updated_at", Int),
];

fn ticket(row: &Ticket) -> Value {
    let (account, external) = who(&row.holder);
    json!([
        row.id,
        row.code.as_str(),
        row.order_id,
        row.line,
        row.ordinal,
        row.event_id,
        row.ticket_type_id,
        account,
        external,
        row.price.minor(),
        row.price.currency(),
        row.status.name(),
        micros(row.issued_at),
        micros(row.updated_at),
    ])
}

const CHECK_IN: Columns = &[
    ("ticket_id", Int),
    ("event_id", Int),
    ("nonce", Text),
    ("gate", Text),
    ("by_account", Int),
    ("by_external", Text),
    ("at", Int),
];

const MAIL: Columns = &[
    ("id", Int),
    ("order_id", Int),
    ("kind", Text),
    ("recipient", Text),
    ("status", Text),
    ("tries", Int),
    ("due_at", Int),
    ("last_error", Text),
    ("created_at", Int),
    ("updated_at", Int),
];

const WEBHOOK: Columns = &[
    ("id", Int),
    ("gateway", Text),
    ("dedupe_key", Text),
    ("kind", Text),
    ("action", Text),
    ("reference", Text),
    ("captured", Text),
    ("body", Bytes),
    ("status", Text),
    ("tries", Int),
    ("next_at", Int),
    ("note", Text),
    ("received_at", Int),
    ("updated_at", Int),
];

fn webhook(row: &StoredWebhook) -> Result<Value> {
    Ok(json!([
        row.id,
        row.event.gateway,
        row.event.dedupe_key,
        row.event.kind,
        row.event.action.name(),
        row.event.reference,
        row.event.captured.as_ref().map(serde_json::to_string).transpose().map_err(broken)?,
        hex(&row.event.body),
        row.status.name(),
        row.tries,
        row.next_at.map(micros),
        row.note,
        micros(row.received_at),
        micros(row.updated_at),
    ]))
}

const REQUEST: Columns = &[
    ("scope", Text),
    ("content", Text),
    ("status", Int),
    ("headers", Text),
    ("body", Bytes),
    ("locked_until", Int),
    ("created_at", Int),
];

fn request(row: &StoredRequest) -> Result<Value> {
    let answer = row.answer.as_ref();
    Ok(json!([
        row.scope,
        row.content,
        answer.map(|answer| answer.status),
        answer.map(|answer| serde_json::to_string(&answer.headers)).transpose().map_err(broken)?,
        answer.map(|answer| hex(&answer.body)),
        micros(row.locked_until),
        micros(row.created_at),
    ]))
}

const AUDIT: Columns = &[
    ("id", Int),
    ("at", Int),
    ("order_id", Int),
    ("actor", Text),
    ("action", Text),
    ("subject", Text),
    ("before", Text),
    ("after", Text),
    ("reason", Text),
];

/// Bytes within JSON.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
