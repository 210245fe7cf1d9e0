//! Questions that change nothing.

use super::load::Loader;
use super::{Connection, Db, Row, contains, rows};
use crate::domain::account::{Account, AccountKey};
use crate::domain::book::Book;
use crate::domain::check_in::CheckIn;
use crate::domain::code::Reference;
use crate::domain::event::{Category, Event, EventFilter, EventSort, EventStatus, Stock, TicketType};
use crate::domain::id::{EventId, MailId, OrderId, TicketId};
use crate::domain::money::Money;
use crate::domain::order::{Order, OrderFilter, OrderKey};
use crate::domain::outbox::OutboxMail;
use crate::domain::page::{Page, PageRequest};
use crate::domain::payment::{Attempt, Payment};
use crate::domain::principal::Principal;
use crate::domain::ticket::{Ticket, TicketFilter, TicketKey};
use crate::storage::StorageError;
use crate::storage::sql::{Wanted, broken, micros, trouble};
use sqlx::{AssertSqlSafe, QueryBuilder, Row as _};
use std::collections::HashMap;

type Result<T> = std::result::Result<T, StorageError>;

pub(super) async fn accounts(connection: &mut Connection, keys: &[AccountKey]) -> Result<Vec<Option<Account>>> {
    let mut wanted = Wanted::default();
    for key in keys {
        match key {
            AccountKey::Id(id) => wanted.accounts.push(id.0),
            AccountKey::Email(email) => wanted.emails.push(email.key()),
            AccountKey::Username(name) => wanted.usernames.push(name.to_lowercase()),
        }
    }
    let mut book = Book::default();
    Loader::reading(connection).accounts(&wanted, &mut book).await?;
    Ok(keys.iter().map(|key| book.account(key).cloned()).collect())
}

pub(super) async fn categories(connection: &mut Connection) -> Result<Vec<Category>> {
    let sql = format!("select {} from categories order by name", rows::CATEGORY);
    let found = sqlx::query(AssertSqlSafe(sql)).fetch_all(connection).await.map_err(trouble)?;
    let mut all: Vec<Category> = found.iter().map(rows::category).collect::<Result<_>>()?;
    // In code-point order on every database, whatever its collation.
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}

/// An event with its ticket types by one statement, which sees them as of one moment: a row for each type. What is long stands in
/// the first one only.
const ONE_EVENT: &str = "select e.id, e.key, e.organizer_account, e.organizer_external, e.title, \
    case when t.position > 0 then null else e.description end as description, e.starts_at, e.ends_at, e.location, e.address, \
    e.image_url, e.currency, e.capacity, e.held, e.sold, e.status, e.created_at, e.updated_at, \
    c.id as category_id, c.name as category_name, c.description as category_description, \
    t.id as type_id, t.name as type_name, t.price_minor as type_price, t.capacity as type_capacity, t.held as type_held, \
    t.sold as type_sold \
    from events e left join categories c on c.id = e.category_id left join ticket_types t on t.event_id = e.id \
    where e.id = $1 order by t.position";

pub(super) async fn event(connection: &mut Connection, id: EventId) -> Result<Option<Event>> {
    let found = sqlx::query(ONE_EVENT).bind(id.0).fetch_all(connection).await.map_err(trouble)?;
    let Some(first) = found.first() else { return Ok(None) };
    let mut event = rows::event(first)?;
    for row in &found {
        event.ticket_types.extend(type_of(row, &event)?);
    }
    Ok(Some(event))
}

/// The ticket type of a row of [`ONE_EVENT`].
fn type_of(row: &Row, event: &Event) -> Result<Option<TicketType>> {
    let int = |column: &str| row.try_get::<i64, _>(column).map_err(trouble);
    let Some(id) = row.try_get::<Option<i64>, _>("type_id").map_err(trouble)? else { return Ok(None) };
    Ok(Some(TicketType {
        id: id.into(),
        event_id: event.id,
        name: row.try_get("type_name").map_err(trouble)?,
        price: Money::new(int("type_price")?, event.currency).map_err(broken)?,
        stock: Stock {
            capacity: row.try_get("type_capacity").map_err(trouble)?,
            held: int("type_held")?,
            sold: int("type_sold")?,
        },
    }))
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

pub(super) async fn order(connection: &mut Connection, key: &OrderKey) -> Result<Option<Order>> {
    let Some(id) = order_id(connection, key).await? else { return Ok(None) };
    Ok(Loader::reading(connection).orders(&[id]).await?.pop())
}

/// The id of the order with this key. Where the key is an id, there may be no such order.
async fn order_id(connection: &mut Connection, key: &OrderKey) -> Result<Option<i64>> {
    match key {
        OrderKey::Id(id) => Ok(Some(id.0)),
        OrderKey::Reference(reference) => {
            let reference = [reference.to_string()];
            let found = Loader::reading(connection).by_texts("id", "orders", "reference", &reference).await?;
            found.first().map(|row| rows::parent(row, "id")).transpose()
        }
    }
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

pub(super) async fn purchases(
    connection: &mut Connection,
    ids: &[OrderId],
) -> Result<Vec<Option<(Order, Vec<Ticket>)>>> {
    let keys: Vec<i64> = ids.iter().map(|id| id.0).collect();
    let orders = Loader::reading(connection).orders(&keys).await?;
    let mut found: HashMap<_, _> = orders.into_iter().map(|order| (order.id, (order, vec![]))).collect();
    for row in Loader::reading(connection).by_ints(rows::TICKET, "tickets", "order_id", &keys).await? {
        let ticket = rows::ticket(&row)?;
        if let Some((_, tickets)) = found.get_mut(&ticket.order_id) {
            tickets.push(ticket);
        }
    }
    found.values_mut().for_each(|(_, tickets)| tickets.sort_by_key(|ticket| ticket.id));
    Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
}

pub(super) async fn attempts(
    connection: &mut Connection,
    references: &[Reference],
) -> Result<Vec<Option<(Attempt, Principal)>>> {
    let keys: Vec<String> = references.iter().map(ToString::to_string).collect();
    // The orders under names of their own, so that those of the attempts stay clear.
    let from = "attempts join (select id as bought_by, buyer_account, buyer_external from orders) buyers on bought_by = order_id";
    let columns = format!("{}, buyer_account, buyer_external", rows::ATTEMPT);
    let mut found = HashMap::new();
    for row in Loader::reading(connection).by_texts(&columns, from, "reference", &keys).await? {
        let attempt = rows::attempt(&row)?;
        found.insert(attempt.reference.clone(), (attempt, rows::buyer(&row)?));
    }
    Ok(references.iter().map(|reference| found.get(reference).cloned()).collect())
}

pub(super) async fn payment(connection: &mut Connection, reference: &Reference) -> Result<Option<Payment>> {
    let key = match attempts(connection, std::slice::from_ref(reference)).await?.pop().flatten() {
        Some((attempt, _)) => OrderKey::Id(attempt.order_id),
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
    let Some(id) = order_id(connection, key).await? else { return Ok(vec![]) };
    let found = Loader::reading(connection).by_ints(rows::MAIL, "mails", "order_id", &[id]).await?;
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
