//! From what a batch names to the rows that its rules look at.

use super::{Connection, Row, one_of_ints, one_of_texts, rows};
use crate::domain::book::{Book, NextIds};
use crate::domain::event::Event;
use crate::domain::order::Order;
use crate::storage::StorageError;
use crate::storage::sql::{Wanted, trouble};
use sqlx::{AssertSqlSafe, Row as _};
use std::collections::{BTreeMap, BTreeSet};

type Result<T> = std::result::Result<T, StorageError>;

/// Loads everything that the rules of a batch look at.
pub(super) async fn book(connection: &mut Connection, wanted: &Wanted) -> Result<Book> {
    let mut book = Book::default();
    book.next = next_ids(connection).await?;
    accounts(connection, wanted, &mut book).await?;
    categories(connection, wanted, &mut book).await?;

    // Attempts and refunds lead to orders, orders and tickets to events.
    let mut order_ids: BTreeSet<i64> = wanted.orders.iter().copied().collect();
    order_ids.extend(ints(connection, "order_id", "attempts", "reference", &wanted.attempts).await?);
    order_ids.extend(ints(connection, "order_id", "refunds", "key", &wanted.refund_keys).await?);
    for row in by_ints(connection, "order_id", "refunds", "id", &wanted.refunds).await? {
        order_ids.insert(rows::parent(&row, "order_id")?);
    }
    order_ids.extend(ints(connection, "id", "orders", "reference", &wanted.order_references).await?);
    let order_ids: Vec<i64> = order_ids.into_iter().collect();
    let mut event_ids: BTreeSet<i64> = wanted.events.iter().copied().collect();
    for order in orders(connection, &order_ids).await? {
        event_ids.insert(order.event_id.0);
        book.load_order(order);
    }
    if wanted.whole_orders {
        whole_orders(connection, &order_ids, &mut book).await?;
    }
    for row in by_texts(connection, rows::TICKET, "tickets", "code", &wanted.codes).await? {
        let ticket = rows::ticket(&row)?;
        event_ids.insert(ticket.event_id.0);
        book.load_ticket(ticket);
    }
    check_ins(connection, wanted, &mut book).await?;
    for row in by_ints(connection, rows::MAIL, "mails", "id", &wanted.mails).await? {
        book.load_mail(rows::mail(&row)?);
    }
    for row in by_ints(connection, rows::WEBHOOK, "webhooks", "id", &wanted.webhooks).await? {
        book.load_webhook(rows::webhook(&row)?);
    }
    for row in by_texts(connection, rows::WEBHOOK, "webhooks", "dedupe_key", &wanted.webhook_keys).await? {
        book.load_webhook(rows::webhook(&row)?);
    }
    for row in by_texts(connection, rows::REQUEST, "requests", "scope", &wanted.requests).await? {
        book.load_request(rows::request(&row)?);
    }
    event_ids.extend(ints(connection, "id", "events", "key", &wanted.event_keys).await?);
    for event in events(connection, &event_ids.into_iter().collect::<Vec<_>>()).await? {
        book.load_event(event);
    }
    Ok(book)
}

async fn accounts(connection: &mut Connection, wanted: &Wanted, book: &mut Book) -> Result<()> {
    let mut found = by_ints(connection, rows::ACCOUNT, "accounts", "id", &wanted.accounts).await?;
    found.extend(by_texts(connection, rows::ACCOUNT, "accounts", "email_key", &wanted.emails).await?);
    found.extend(by_texts(connection, rows::ACCOUNT, "accounts", "username_key", &wanted.usernames).await?);
    for row in found {
        book.load_account(rows::account(&row)?);
    }
    Ok(())
}

async fn categories(connection: &mut Connection, wanted: &Wanted, book: &mut Book) -> Result<()> {
    let mut found = by_ints(connection, rows::CATEGORY, "categories", "id", &wanted.categories).await?;
    found.extend(by_texts(connection, rows::CATEGORY, "categories", "name_key", &wanted.category_names).await?);
    for row in found {
        book.load_category(rows::category(&row)?);
    }
    Ok(())
}

/// The check-ins of these scans, and of the tickets that were loaded.
async fn check_ins(connection: &mut Connection, wanted: &Wanted, book: &mut Book) -> Result<()> {
    if wanted.nonces.is_empty() {
        return Ok(());
    }
    let tickets: Vec<i64> = book.tickets.iter().map(|(id, _)| id.0).collect();
    let mut found = by_texts(connection, rows::CHECK_IN, "check_ins", "nonce", &wanted.nonces).await?;
    found.extend(by_ints(connection, rows::CHECK_IN, "check_ins", "ticket_id", &tickets).await?);
    for row in found {
        book.load_check_in(rows::check_in(&row)?);
    }
    Ok(())
}

async fn whole_orders(connection: &mut Connection, ids: &[i64], book: &mut Book) -> Result<()> {
    for row in by_ints(connection, rows::ATTEMPT, "attempts", "order_id", ids).await? {
        book.load_attempt(rows::attempt(&row)?);
    }
    for row in by_ints(connection, rows::REFUND, "refunds", "order_id", ids).await? {
        book.load_refund(rows::refund(&row)?);
    }
    for row in by_ints(connection, rows::TICKET, "tickets", "order_id", ids).await? {
        book.load_ticket(rows::ticket(&row)?);
    }
    for row in by_ints(connection, rows::MAIL, "mails", "order_id", ids).await? {
        book.load_mail(rows::mail(&row)?);
    }
    Ok(())
}

/// Orders with their lines, by id.
pub(super) async fn orders(connection: &mut Connection, ids: &[i64]) -> Result<Vec<Order>> {
    let mut orders = BTreeMap::new();
    for row in by_ints(connection, rows::ORDER, "orders", "id", ids).await? {
        let order = rows::order(&row)?;
        orders.insert(order.id.0, order);
    }
    for row in in_order(connection, rows::LINE, "order_lines", "order_id", "order_id, line", ids).await? {
        if let Some(order) = orders.get_mut(&rows::parent(&row, "order_id")?) {
            order.lines.push(rows::line(&row, order.total.currency())?);
        }
    }
    Ok(orders.into_values().collect())
}

/// Events with their ticket types, by id.
pub(super) async fn events(connection: &mut Connection, ids: &[i64]) -> Result<Vec<Event>> {
    if ids.is_empty() {
        return Ok(vec![]);
    }
    let (list, bound) = one_of_ints("e.id", 1, ids);
    let sql = format!(
        "select {} from events e left join categories c on c.id = e.category_id where {list} order by e.id",
        rows::EVENT
    );
    let found = sqlx::query(AssertSqlSafe(sql)).bind(bound).fetch_all(&mut *connection).await.map_err(trouble)?;
    let mut events = BTreeMap::new();
    for row in found {
        let event = rows::event(&row)?;
        events.insert(event.id.0, event);
    }
    for row in in_order(connection, rows::TICKET_TYPE, "ticket_types", "event_id", "event_id, position", ids).await? {
        if let Some(event) = events.get_mut(&rows::parent(&row, "event_id")?) {
            event.ticket_types.push(rows::ticket_type(&row, event.currency)?);
        }
    }
    Ok(events.into_values().collect())
}

async fn next_ids(connection: &mut Connection) -> Result<NextIds> {
    let sql = "select (select max(id) from accounts) as account, (select max(id) from categories) as category, \
        (select max(id) from events) as event, (select max(id) from ticket_types) as ticket_type, \
        (select max(id) from orders) as \"order\", (select max(id) from tickets) as ticket, \
        (select max(id) from refunds) as refund, (select max(id) from mails) as mail, (select max(id) from audit) as audit, \
        (select max(id) from webhooks) as webhook";
    let row = sqlx::query(sql).fetch_one(connection).await.map_err(trouble)?;
    let next = |column: &str| row.try_get::<Option<i64>, _>(column).map(|last| last.unwrap_or(0) + 1).map_err(trouble);
    Ok(NextIds {
        account: next("account")?,
        category: next("category")?,
        event: next("event")?,
        ticket_type: next("ticket_type")?,
        order: next("order")?,
        ticket: next("ticket")?,
        refund: next("refund")?,
        mail: next("mail")?,
        audit: next("audit")?,
        webhook: next("webhook")?,
    })
}

async fn ints(
    connection: &mut Connection,
    column: &str,
    table: &str,
    key: &str,
    values: &[String],
) -> Result<Vec<i64>> {
    by_texts(connection, column, table, key, values).await?.iter().map(|row| rows::parent(row, column)).collect()
}

/// Rows of `table` whose `key` is one of these.
pub(super) async fn by_texts(
    connection: &mut Connection,
    columns: &str,
    table: &str,
    key: &str,
    values: &[String],
) -> Result<Vec<Row>> {
    if values.is_empty() {
        return Ok(vec![]);
    }
    let (list, bound) = one_of_texts(key, 1, values);
    let sql = format!("select {columns} from {table} where {list} order by {key}");
    sqlx::query(AssertSqlSafe(sql)).bind(bound).fetch_all(connection).await.map_err(trouble)
}

/// The same for keys that are numbers.
pub(super) async fn by_ints(
    connection: &mut Connection,
    columns: &str,
    table: &str,
    key: &str,
    values: &[i64],
) -> Result<Vec<Row>> {
    in_order(connection, columns, table, key, key, values).await
}

async fn in_order(
    connection: &mut Connection,
    columns: &str,
    table: &str,
    key: &str,
    order: &str,
    values: &[i64],
) -> Result<Vec<Row>> {
    if values.is_empty() {
        return Ok(vec![]);
    }
    let (list, bound) = one_of_ints(key, 1, values);
    let sql = format!("select {columns} from {table} where {list} order by {order}");
    sqlx::query(AssertSqlSafe(sql)).bind(bound).fetch_all(connection).await.map_err(trouble)
}
