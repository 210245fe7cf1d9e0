//! From what a batch names to the rows that its rules look at.

use super::{Connection, Row, lock, one_of_ints, one_of_texts, rows};
use crate::domain::book::{Book, NextIds};
use crate::domain::event::Event;
use crate::domain::order::Order;
use crate::storage::StorageError;
use crate::storage::sql::{OfOrders, Wanted, trouble};
use sqlx::AssertSqlSafe;
use std::collections::{BTreeMap, BTreeSet};

type Result<T> = std::result::Result<T, StorageError>;

/// Loads everything that the rules of a batch look at, locked where the database has row locks.
///
/// Every transaction takes its locks in the same order: orders before what belongs to them, tickets before events, and rows
/// of one table by key. What belongs to an order is read after the order is locked, and so cannot change any more.
pub(super) async fn book(connection: &mut Connection, wanted: &Wanted, next: NextIds) -> Result<Book> {
    let mut book = Book::default();
    book.next = next;
    let mut load = Loader { connection, locks: true };
    load.accounts(wanted, &mut book).await?;
    load.categories(wanted, &mut book).await?;

    // Attempts and refunds lead to orders, orders and tickets to events.
    let order_ids = load.order_ids(wanted).await?;
    let mut event_ids: BTreeSet<i64> = wanted.events.iter().copied().collect();
    for order in load.orders(&order_ids).await? {
        event_ids.insert(order.event_id.0);
        book.load_order(order);
    }
    load.of_orders(wanted.of_orders, &order_ids, &mut book).await?;
    for row in load.by_texts(rows::TICKET, "tickets", "code", &wanted.codes).await? {
        let ticket = rows::ticket(&row)?;
        event_ids.insert(ticket.event_id.0);
        book.load_ticket(ticket);
    }
    load.check_ins(wanted, &mut book).await?;
    for row in load.by_ints(rows::MAIL, "mails", "id", &wanted.mails).await? {
        book.load_mail(rows::mail(&row)?);
    }
    load.inbox(wanted, &mut book).await?;
    event_ids.extend(load.ids("id", "events", "key", &wanted.event_keys).await?);
    load.locks = !wanted.events_as_they_are;
    for event in load.events(&event_ids.into_iter().collect::<Vec<_>>()).await? {
        book.load_event(event);
    }
    Ok(book)
}

/// Reads rows by key, and locks them if wanted.
pub(super) struct Loader<'a> {
    connection: &'a mut Connection,
    locks: bool,
}

impl<'a> Loader<'a> {
    /// For questions: nothing is locked.
    pub(super) fn reading(connection: &'a mut Connection) -> Self {
        Self { connection, locks: false }
    }

    pub(super) async fn accounts(&mut self, wanted: &Wanted, book: &mut Book) -> Result<()> {
        let mut found = self.by_ints(rows::ACCOUNT, "accounts", "id", &wanted.accounts).await?;
        found.extend(self.by_texts(rows::ACCOUNT, "accounts", "email_key", &wanted.emails).await?);
        found.extend(self.by_texts(rows::ACCOUNT, "accounts", "username_key", &wanted.usernames).await?);
        for row in found {
            book.load_account(rows::account(&row)?);
        }
        Ok(())
    }

    async fn categories(&mut self, wanted: &Wanted, book: &mut Book) -> Result<()> {
        let mut found = self.by_ints(rows::CATEGORY, "categories", "id", &wanted.categories).await?;
        found.extend(self.by_texts(rows::CATEGORY, "categories", "name_key", &wanted.category_names).await?);
        for row in found {
            book.load_category(rows::category(&row)?);
        }
        Ok(())
    }

    /// The orders that are named, or whose attempts or refunds are.
    async fn order_ids(&mut self, wanted: &Wanted) -> Result<Vec<i64>> {
        let locks = std::mem::replace(&mut self.locks, false);
        let mut ids: BTreeSet<i64> = wanted.orders.iter().copied().collect();
        ids.extend(self.ids("order_id", "attempts", "reference", &wanted.attempts).await?);
        ids.extend(self.ids("order_id", "refunds", "key", &wanted.refund_keys).await?);
        for row in self.by_ints("order_id", "refunds", "id", &wanted.refunds).await? {
            ids.insert(rows::parent(&row, "order_id")?);
        }
        ids.extend(self.ids("id", "orders", "reference", &wanted.order_references).await?);
        self.locks = locks;
        Ok(ids.into_iter().collect())
    }

    /// The check-ins of these scans, and of the tickets that were loaded.
    async fn check_ins(&mut self, wanted: &Wanted, book: &mut Book) -> Result<()> {
        if wanted.nonces.is_empty() {
            return Ok(());
        }
        let tickets: Vec<i64> = book.tickets.iter().map(|(id, _)| id.0).collect();
        let mut found = self.by_texts(rows::CHECK_IN, "check_ins", "nonce", &wanted.nonces).await?;
        found.extend(self.by_ints(rows::CHECK_IN, "check_ins", "ticket_id", &tickets).await?);
        for row in found {
            book.load_check_in(rows::check_in(&row)?);
        }
        Ok(())
    }

    async fn of_orders(&mut self, what: OfOrders, ids: &[i64], book: &mut Book) -> Result<()> {
        if what == OfOrders::Nothing {
            return Ok(());
        }
        // Who has locked an order has its attempts and refunds. Its tickets are scanned, and its mails sent, without it.
        let locks = std::mem::replace(&mut self.locks, false);
        for row in self.by_ints(rows::ATTEMPT, "attempts", "order_id", ids).await? {
            book.load_attempt(rows::attempt(&row)?);
        }
        if what == OfOrders::All {
            for row in self.by_ints(rows::REFUND, "refunds", "order_id", ids).await? {
                book.load_refund(rows::refund(&row)?);
            }
        }
        self.locks = locks;
        if what == OfOrders::Attempts {
            return Ok(());
        }
        for row in self.by_ints(rows::TICKET, "tickets", "order_id", ids).await? {
            book.load_ticket(rows::ticket(&row)?);
        }
        for row in self.by_ints(rows::MAIL, "mails", "order_id", ids).await? {
            book.load_mail(rows::mail(&row)?);
        }
        Ok(())
    }

    async fn inbox(&mut self, wanted: &Wanted, book: &mut Book) -> Result<()> {
        let mut found = self.by_ints(rows::WEBHOOK, "webhooks", "id", &wanted.webhooks).await?;
        found.extend(self.by_texts(rows::WEBHOOK, "webhooks", "dedupe_key", &wanted.webhook_keys).await?);
        for row in found {
            book.load_webhook(rows::webhook(&row)?);
        }
        for row in self.by_texts(rows::REQUEST, "requests", "scope", &wanted.requests).await? {
            book.load_request(rows::request(&row)?);
        }
        Ok(())
    }

    /// Orders with their lines, by id.
    pub(super) async fn orders(&mut self, ids: &[i64]) -> Result<Vec<Order>> {
        let mut orders = BTreeMap::new();
        for row in self.by_ints(rows::ORDER, "orders", "id", ids).await? {
            let order = rows::order(&row)?;
            orders.insert(order.id.0, order);
        }
        let (list, bound) = one_of_ints("order_id", 1, ids);
        let sql = format!("select {} from order_lines where {list} order by order_id, line", rows::LINE);
        // Lines never change: there is nothing to lock.
        for row in self.select(sql, bound, ids.is_empty()).await? {
            if let Some(order) = orders.get_mut(&rows::parent(&row, "order_id")?) {
                order.lines.push(rows::line(&row, order.total.currency())?);
            }
        }
        Ok(orders.into_values().collect())
    }

    /// Events with their ticket types, by id. Who locks an event has its ticket types too.
    pub(super) async fn events(&mut self, ids: &[i64]) -> Result<Vec<Event>> {
        let (list, bound) = one_of_ints("e.id", 1, ids);
        let lock = if self.locks { lock(" of e") } else { String::new() };
        let sql = format!(
            "select {} from events e left join categories c on c.id = e.category_id where {list} order by e.id{lock}",
            rows::EVENT
        );
        let mut events = BTreeMap::new();
        for row in self.select(sql, bound, ids.is_empty()).await? {
            let event = rows::event(&row)?;
            events.insert(event.id.0, event);
        }
        let (list, bound) = one_of_ints("event_id", 1, ids);
        let sql = format!("select {} from ticket_types where {list} order by event_id, position", rows::TICKET_TYPE);
        for row in self.select(sql, bound, ids.is_empty()).await? {
            if let Some(event) = events.get_mut(&rows::parent(&row, "event_id")?) {
                event.ticket_types.push(rows::ticket_type(&row, event.currency)?);
            }
        }
        Ok(events.into_values().collect())
    }

    async fn ids(&mut self, column: &str, table: &str, key: &str, values: &[String]) -> Result<Vec<i64>> {
        let locks = std::mem::replace(&mut self.locks, false);
        let found = self.by_texts(column, table, key, values).await;
        self.locks = locks;
        found?.iter().map(|row| rows::parent(row, column)).collect()
    }

    /// Rows of `table` whose `key` is one of these.
    pub(super) async fn by_texts(
        &mut self,
        columns: &str,
        table: &str,
        key: &str,
        values: &[String],
    ) -> Result<Vec<Row>> {
        let lock = if self.locks { lock("") } else { String::new() };
        let (list, bound) = one_of_texts(key, 1, values);
        let sql = format!("select {columns} from {table} where {list} order by {key}{lock}");
        self.select(sql, bound, values.is_empty()).await
    }

    /// The same for keys that are numbers.
    pub(super) async fn by_ints(&mut self, columns: &str, table: &str, key: &str, values: &[i64]) -> Result<Vec<Row>> {
        let lock = if self.locks { lock("") } else { String::new() };
        let (list, bound) = one_of_ints(key, 1, values);
        let sql = format!("select {columns} from {table} where {list} order by {key}{lock}");
        self.select(sql, bound, values.is_empty()).await
    }

    async fn select(&mut self, sql: String, bound: String, is_empty: bool) -> Result<Vec<Row>> {
        if is_empty {
            return Ok(vec![]);
        }
        sqlx::query(AssertSqlSafe(sql)).bind(bound).fetch_all(&mut *self.connection).await.map_err(trouble)
    }
}
