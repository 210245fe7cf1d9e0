//! Questions that change nothing.

use super::load::Loader;
use super::{Connection, Db, Row, contains, rows};
use crate::domain::account::{Account, AccountKey};
use crate::domain::check_in::CheckIn;
use crate::domain::code::Reference;
use crate::domain::event::{Category, Event, EventFilter, EventSort, EventStatus};
use crate::domain::id::{EventId, MailId, TicketId};
use crate::domain::order::{Order, OrderFilter, OrderKey};
use crate::domain::outbox::OutboxMail;
use crate::domain::page::{Page, PageRequest};
use crate::domain::payment::{Attempt, Payment};
use crate::domain::principal::Principal;
use crate::domain::ticket::{Ticket, TicketFilter, TicketKey};
use crate::storage::StorageError;
use crate::storage::sql::{broken, micros, trouble};
use sqlx::{AssertSqlSafe, QueryBuilder};

type Result<T> = std::result::Result<T, StorageError>;

pub(super) async fn account(connection: &mut Connection, key: &AccountKey) -> Result<Option<Account>> {
    let found = match key {
        AccountKey::Id(id) => Loader::reading(connection).by_ints(rows::ACCOUNT, "accounts", "id", &[id.0]).await?,
        AccountKey::Email(email) => {
            Loader::reading(connection).by_texts(rows::ACCOUNT, "accounts", "email_key", &[email.key()]).await?
        }
        AccountKey::Username(name) => {
            Loader::reading(connection)
                .by_texts(rows::ACCOUNT, "accounts", "username_key", &[name.to_lowercase()])
                .await?
        }
    };
    found.first().map(rows::account).transpose()
}

pub(super) async fn categories(connection: &mut Connection) -> Result<Vec<Category>> {
    let sql = format!("select {} from categories order by name", rows::CATEGORY);
    let found = sqlx::query(AssertSqlSafe(sql)).fetch_all(connection).await.map_err(trouble)?;
    let mut all: Vec<Category> = found.iter().map(rows::category).collect::<Result<_>>()?;
    // In code-point order on every database, whatever its collation.
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}

pub(super) async fn event(connection: &mut Connection, id: EventId) -> Result<Option<Event>> {
    Ok(Loader::reading(connection).events(&[id.0]).await?.pop())
}

pub(super) async fn events(
    connection: &mut Connection,
    filter: &EventFilter,
    page: PageRequest,
) -> Result<Page<Event>> {
    let from = |query: &mut QueryBuilder<Db>| {
        query.push("from events e left join categories c on c.id = e.category_id where true");
        if !filter.with_cancelled {
            query.push(" and e.status = ").push_bind(EventStatus::Active.name());
        }
        if let Some(category) = &filter.category {
            query.push(" and c.name_key = ").push_bind(category.to_lowercase());
        }
        if let Some(text) = &filter.text {
            query.push(format!(" and {}(e.search_key, ", contains())).push_bind(text.to_lowercase()).push(") > 0");
        }
        if let Some(from) = filter.from {
            query.push(" and e.starts_at >= ").push_bind(micros(from));
        }
        if let Some(to) = filter.to {
            query.push(" and e.starts_at < ").push_bind(micros(to));
        }
        if let Some(organizer) = &filter.organizer {
            whose(query, "e.organizer", organizer);
        }
    };
    let order = match filter.sort {
        EventSort::Id => "e.id",
        EventSort::Date => "e.starts_at, e.id",
        EventSort::DateDescending => "e.starts_at desc, e.id",
        EventSort::Title => "e.title, e.id",
    };
    let found = paged(connection, "e.id", from, order, page).await?;
    let ids: Vec<i64> = found.items.iter().map(|row| rows::parent(row, "id")).collect::<Result<_>>()?;
    let mut events = Loader::reading(connection).events(&ids).await?;
    events.sort_by_key(|event| ids.iter().position(|id| *id == event.id.0));
    Ok(Page { items: events, more: found.more, total: found.total })
}

/// Events that were called off, whose orders may have to be undone.
pub(super) async fn cancelled_events(connection: &mut Connection) -> Result<Vec<i64>> {
    let found = sqlx::query_scalar("select id from events where status = 'cancelled' order by id");
    found.fetch_all(connection).await.map_err(trouble)
}

pub(super) async fn order(connection: &mut Connection, key: &OrderKey) -> Result<Option<Order>> {
    let id = match key {
        OrderKey::Id(id) => id.0,
        OrderKey::Reference(reference) => {
            let found =
                Loader::reading(connection).by_texts("id", "orders", "reference", &[reference.to_string()]).await?;
            match found.first() {
                Some(row) => rows::parent(row, "id")?,
                None => return Ok(None),
            }
        }
    };
    Ok(Loader::reading(connection).orders(&[id]).await?.pop())
}

pub(super) async fn orders(
    connection: &mut Connection,
    filter: &OrderFilter,
    page: PageRequest,
) -> Result<Page<Order>> {
    let from = |query: &mut QueryBuilder<Db>| {
        query.push("from orders o where true");
        if let Some(buyer) = &filter.buyer {
            whose(query, "o.buyer", buyer);
        }
        if let Some(event_id) = filter.event_id {
            query.push(" and o.event_id = ").push_bind(event_id.0);
        }
    };
    let found = paged(connection, "o.id", from, "o.id desc", page).await?;
    let ids: Vec<i64> = found.items.iter().map(|row| rows::parent(row, "id")).collect::<Result<_>>()?;
    let mut orders = Loader::reading(connection).orders(&ids).await?;
    orders.reverse();
    Ok(Page { items: orders, more: found.more, total: found.total })
}

pub(super) async fn attempt(connection: &mut Connection, reference: &Reference) -> Result<Option<Attempt>> {
    let found =
        Loader::reading(connection).by_texts(rows::ATTEMPT, "attempts", "reference", &[reference.to_string()]).await?;
    found.first().map(rows::attempt).transpose()
}

pub(super) async fn payment(connection: &mut Connection, reference: &Reference) -> Result<Option<Payment>> {
    let key = match attempt(connection, reference).await? {
        Some(attempt) => OrderKey::Id(attempt.order_id),
        None => OrderKey::Reference(reference.clone()),
    };
    let Some(order) = order(connection, &key).await? else { return Ok(None) };
    let id = [order.id.0];
    let attempts = Loader::reading(connection).by_ints(rows::ATTEMPT, "attempts", "order_id", &id).await?;
    let mut attempts: Vec<Attempt> = attempts.iter().map(rows::attempt).collect::<Result<_>>()?;
    attempts.sort_by(|a, b| (a.created_at, &a.reference).cmp(&(b.created_at, &b.reference)));
    let refunds = Loader::reading(connection).by_ints(rows::REFUND, "refunds", "order_id", &id).await?;
    let mut refunds: Vec<_> = refunds.iter().map(rows::refund).collect::<Result<_>>()?;
    refunds.sort_by_key(|refund| refund.id);
    let tickets = Loader::reading(connection).by_ints(rows::TICKET, "tickets", "order_id", &id).await?;
    let mut tickets: Vec<_> = tickets.iter().map(rows::ticket).collect::<Result<_>>()?;
    tickets.sort_by_key(|ticket| ticket.id);
    let references: Vec<String> = attempts.iter().map(|attempt| attempt.reference.to_string()).collect();
    let webhooks = Loader::reading(connection).by_texts(rows::WEBHOOK, "webhooks", "reference", &references).await?;
    let mut webhooks: Vec<_> = webhooks.iter().map(rows::webhook).collect::<Result<_>>()?;
    webhooks.sort_by_key(|webhook| webhook.id);
    let audit = Loader::reading(connection).by_ints(rows::AUDIT, "audit", "order_id", &id).await?;
    let mut audit: Vec<_> = audit.iter().map(rows::audit).collect::<Result<_>>()?;
    audit.sort_by_key(|line| line.id);
    Ok(Some(Payment { order, attempts, refunds, tickets, webhooks, audit }))
}

pub(super) async fn reviews(
    connection: &mut Connection,
    organizer: Option<&Principal>,
    page: PageRequest,
) -> Result<Page<Attempt>> {
    let from = |query: &mut QueryBuilder<Db>| {
        query.push("from attempts a join orders o on o.id = a.order_id join events e on e.id = o.event_id");
        // Not `or`: for that, PostgreSQL reads every attempt.
        query.push(" where a.reference in (select reference from attempts where status in ('review', 'refund_due', 'disputed')");
        query.push(" union select r.attempt from refunds r where r.status in ('failed', 'needs_attention'))");
        if let Some(organizer) = organizer {
            whose(query, "e.organizer", organizer);
        }
    };
    let found = paged(connection, &of_table("a", rows::ATTEMPT), from, "a.created_at, a.reference", page).await?;
    page_of(found, rows::attempt)
}

pub(super) async fn ticket(connection: &mut Connection, key: &TicketKey) -> Result<Option<Ticket>> {
    let found = match key {
        TicketKey::Id(id) => Loader::reading(connection).by_ints(rows::TICKET, "tickets", "id", &[id.0]).await?,
        TicketKey::Code(code) => {
            Loader::reading(connection).by_texts(rows::TICKET, "tickets", "code", &[code.as_str().to_owned()]).await?
        }
    };
    found.first().map(rows::ticket).transpose()
}

pub(super) async fn tickets(
    connection: &mut Connection,
    filter: &TicketFilter,
    page: PageRequest,
) -> Result<Page<Ticket>> {
    let from = |query: &mut QueryBuilder<Db>| {
        query.push("from tickets t where true");
        if let Some(holder) = &filter.holder {
            whose(query, "t.holder", holder);
        }
        if let Some(reference) = &filter.order {
            query
                .push(" and t.order_id in (select id from orders where reference = ")
                .push_bind(reference.to_string())
                .push(")");
        }
    };
    page_of(paged(connection, rows::TICKET, from, "t.id desc", page).await?, rows::ticket)
}

pub(super) async fn check_in_of(connection: &mut Connection, ticket: TicketId) -> Result<Option<CheckIn>> {
    let found = Loader::reading(connection).by_ints(rows::CHECK_IN, "check_ins", "ticket_id", &[ticket.0]).await?;
    found.first().map(rows::check_in).transpose()
}

pub(super) async fn mail(connection: &mut Connection, id: MailId) -> Result<Option<OutboxMail>> {
    let found = Loader::reading(connection).by_ints(rows::MAIL, "mails", "id", &[id.0]).await?;
    found.first().map(rows::mail).transpose()
}

pub(super) async fn dead_mails(
    connection: &mut Connection,
    organizer: Option<&Principal>,
    page: PageRequest,
) -> Result<Page<OutboxMail>> {
    let from = |query: &mut QueryBuilder<Db>| {
        query.push("from mails m join orders o on o.id = m.order_id join events e on e.id = o.event_id");
        query.push(" where m.status = 'dead'");
        if let Some(organizer) = organizer {
            whose(query, "e.organizer", organizer);
        }
    };
    page_of(paged(connection, &of_table("m", rows::MAIL), from, "m.id", page).await?, rows::mail)
}

pub(super) async fn mails(connection: &mut Connection, key: &OrderKey) -> Result<Vec<OutboxMail>> {
    let Some(order) = order(connection, key).await? else { return Ok(vec![]) };
    let found = Loader::reading(connection).by_ints(rows::MAIL, "mails", "order_id", &[order.id.0]).await?;
    let mut mails: Vec<OutboxMail> = found.iter().map(rows::mail).collect::<Result<_>>()?;
    mails.sort_by_key(|mail| mail.id);
    Ok(mails)
}

/// Adds "and it is theirs": two columns, `…_account` and `…_external`.
fn whose(query: &mut QueryBuilder<Db>, columns: &str, who: &Principal) {
    match who {
        Principal::Account(id) => query.push(format!(" and {columns}_account = ")).push_bind(id.0),
        Principal::External(id) => query.push(format!(" and {columns}_external = ")).push_bind(id.clone()),
    };
}

/// The wanted part of `select columns from … order by order`, read with one row more to see whether there is more.
async fn paged(
    connection: &mut Connection,
    columns: &str,
    from: impl Fn(&mut QueryBuilder<Db>),
    order: &str,
    page: PageRequest,
) -> Result<Page<Row>> {
    let mut query = QueryBuilder::<Db>::new(format!("select {columns} "));
    from(&mut query);
    query.push(format!(" order by {order} limit ")).push_bind(i64::from(page.limit) + 1);
    query.push(" offset ").push_bind(i64::try_from(page.skip).unwrap_or(i64::MAX));
    let mut items = query.build().fetch_all(&mut *connection).await.map_err(trouble)?;
    let more = items.len() > page.limit as usize;
    items.truncate(page.limit as usize);
    let total = if page.count {
        let mut query = QueryBuilder::<Db>::new("select count(*) as n ");
        from(&mut query);
        let row = query.build().fetch_one(connection).await.map_err(trouble)?;
        Some(u64::try_from(rows::parent(&row, "n")?).map_err(broken)?)
    } else {
        None
    };
    Ok(Page { items, more, total })
}

/// The columns with the table's short name before each.
fn of_table(table: &str, columns: &str) -> String {
    columns.split(", ").map(|column| format!("{table}.{}", column.trim())).collect::<Vec<_>>().join(", ")
}

fn page_of<T>(found: Page<Row>, read: impl Fn(&Row) -> Result<T>) -> Result<Page<T>> {
    let items = found.items.iter().map(read).collect::<Result<_>>()?;
    Ok(Page { items, more: found.more, total: found.total })
}
