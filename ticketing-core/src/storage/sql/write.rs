//! From what the rules changed to rows.

use super::{Connection, Db};
use crate::domain::account::Account;
use crate::domain::book::Book;
use crate::domain::check_in::CheckIn;
use crate::domain::event::{Event, Stock, TicketType};
use crate::domain::order::{Order, OrderStatus};
use crate::domain::outbox::OutboxMail;
use crate::domain::payment::Attempt;
use crate::domain::refund::Refund;
use crate::domain::request::StoredRequest;
use crate::domain::ticket::Ticket;
use crate::domain::webhook::StoredWebhook;
use crate::storage::StorageError;
use crate::storage::sql::{broken, mail_kind, micros, trouble};

type Result<T> = std::result::Result<T, StorageError>;
type Query<'a> = sqlx::query::Query<'a, Db, <Db as sqlx::Database>::Arguments>;

/// Writes the difference, parents first. Says whether there was any.
pub(super) async fn changes(connection: &mut Connection, book: &Book) -> Result<bool> {
    let mut any = false;
    for (before, row) in book.accounts.changes() {
        one(connection, account(before.is_none(), row)).await?;
        any = true;
    }
    for (_, row) in book.categories.changes() {
        let sql = "insert into categories (id, name, name_key, description) values ($1, $2, $3, $4)";
        let query = sqlx::query(sql).bind(row.id.0).bind(row.name.clone()).bind(row.name.to_lowercase());
        one(connection, query.bind(row.description.clone())).await?;
        any = true;
    }
    for (before, row) in book.events.changes() {
        match before {
            None => new_event(connection, row).await?,
            Some(before) => changed_event(connection, before, row).await?,
        }
        any = true;
    }
    for (before, row) in book.orders.changes() {
        one(connection, order(before.is_none(), row)).await?;
        if before.is_none() {
            new_lines(connection, row).await?;
        }
        any = true;
    }
    for (before, row) in book.attempts.changes() {
        one(connection, attempt(before.is_none(), row)).await?;
        any = true;
    }
    for (before, row) in book.refunds.changes() {
        one(connection, refund(before.is_none(), row)?).await?;
        any = true;
    }
    for (before, row) in book.tickets.changes() {
        one(connection, ticket(before.is_none(), row)).await?;
        any = true;
    }
    for (_, row) in book.check_ins.changes() {
        one(connection, check_in(row)).await?;
        any = true;
    }
    for (before, row) in book.mails.changes() {
        one(connection, mail(before.is_none(), row)).await?;
        any = true;
    }
    for (before, row) in book.webhooks.changes() {
        one(connection, webhook(before.is_none(), row)?).await?;
        any = true;
    }
    for (before, row) in book.requests.changes() {
        one(connection, request(before.is_none(), row)?).await?;
        any = true;
    }
    for (_, row) in book.audit.changes() {
        let sql = "insert into audit (id, at, order_id, actor, action, subject, before, after, reason) \
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let actor = serde_json::to_string(&row.actor).map_err(broken)?;
        let query = sqlx::query(sql).bind(row.id.0).bind(micros(row.at)).bind(row.order_id.0).bind(actor);
        let query = query.bind(row.action.clone()).bind(row.subject.clone()).bind(row.before.clone());
        one(connection, query.bind(row.after.clone()).bind(row.reason.clone())).await?;
        any = true;
    }
    Ok(any)
}

/// Every statement here concerns exactly one row. One that does not find it would lose a change silently.
async fn one(connection: &mut Connection, query: Query<'_>) -> Result<()> {
    match query.execute(connection).await.map_err(trouble)?.rows_affected() {
        1 => Ok(()),
        rows => Err(broken(format!("{rows} rows were changed instead of one"))),
    }
}

fn account(is_new: bool, row: &Account) -> Query<'static> {
    let sql = if is_new {
        "insert into accounts (id, email, email_key, name, username, username_key, phone, password_hash, role, is_active, \
            is_verified, created_at, updated_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
    } else {
        "update accounts set email = $2, email_key = $3, name = $4, username = $5, username_key = $6, phone = $7, \
            password_hash = $8, role = $9, is_active = $10, is_verified = $11, created_at = $12, updated_at = $13 where id = $1"
    };
    sqlx::query(sql)
        .bind(row.id.0)
        .bind(row.email.as_str().to_owned())
        .bind(row.email.key())
        .bind(row.name.clone())
        .bind(row.username.clone())
        .bind(row.username.as_ref().map(|username| username.to_lowercase()))
        .bind(row.phone.clone())
        .bind(row.password_hash.clone())
        .bind(row.role.name())
        .bind(i64::from(row.is_active))
        .bind(i64::from(row.is_verified))
        .bind(micros(row.created_at))
        .bind(micros(row.updated_at))
}

async fn new_event(connection: &mut Connection, row: &Event) -> Result<()> {
    let sql = "insert into events (id, key, organizer_account, organizer_external, title, description, starts_at, ends_at, location, \
        address, image_url, category_id, currency, capacity, held, sold, status, search_key, created_at, updated_at) \
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)";
    let query = sqlx::query(sql)
        .bind(row.id.0)
        .bind(row.key.as_ref().map(ToString::to_string))
        .bind(row.organizer.account().map(|id| id.0))
        .bind(row.organizer.external().map(str::to_owned))
        .bind(row.title.clone())
        .bind(row.description.clone())
        .bind(micros(row.starts_at))
        .bind(row.ends_at.map(micros))
        .bind(row.location.clone())
        .bind(row.address.clone())
        .bind(row.image_url.clone())
        .bind(row.category.as_ref().map(|category| category.id.0))
        .bind(row.currency.code())
        .bind(row.stock.capacity)
        .bind(row.stock.held)
        .bind(row.stock.sold)
        .bind(row.status.name())
        .bind(search_key(row))
        .bind(micros(row.created_at))
        .bind(micros(row.updated_at));
    one(connection, query).await?;
    for (position, ticket_type) in (0_i64..).zip(&row.ticket_types) {
        one(connection, new_ticket_type(position, ticket_type)).await?;
    }
    Ok(())
}

fn new_ticket_type(position: i64, row: &TicketType) -> Query<'static> {
    let sql = "insert into ticket_types (id, event_id, position, name, price_minor, capacity, held, sold) \
        values ($1, $2, $3, $4, $5, $6, $7, $8)";
    sqlx::query(sql)
        .bind(row.id.0)
        .bind(row.event_id.0)
        .bind(position)
        .bind(row.name.clone())
        .bind(row.price.minor())
        .bind(row.stock.capacity)
        .bind(row.stock.held)
        .bind(row.stock.sold)
}

/// In lower case, with line breaks between the fields so that no search matches across.
fn search_key(event: &Event) -> String {
    format!("{}\n{}\n{}", event.title, event.location, event.description.as_deref().unwrap_or_default()).to_lowercase()
}

/// Counters are changed by differences, under the table's checks: no place is ever sold twice, whatever the rules thought.
async fn changed_event(connection: &mut Connection, before: &Event, row: &Event) -> Result<()> {
    let moved = |before: &Stock, after: &Stock| (after.held - before.held, after.sold - before.sold);
    let (held, sold) = moved(&before.stock, &row.stock);
    let sql = "update events set held = held + $2, sold = sold + $3, status = $4, updated_at = $5 where id = $1";
    let query =
        sqlx::query(sql).bind(row.id.0).bind(held).bind(sold).bind(row.status.name()).bind(micros(row.updated_at));
    one(connection, query).await?;
    for (before, after) in
        before.ticket_types.iter().zip(&row.ticket_types).filter(|(before, after)| before.stock != after.stock)
    {
        let (held, sold) = moved(&before.stock, &after.stock);
        let sql = "update ticket_types set held = held + $2, sold = sold + $3 where id = $1";
        one(connection, sqlx::query(sql).bind(after.id.0).bind(held).bind(sold)).await?;
    }
    Ok(())
}

fn order(is_new: bool, row: &Order) -> Query<'static> {
    let hold_until = match row.status {
        OrderStatus::Held { hold_until } => Some(micros(hold_until)),
        _ => None,
    };
    if !is_new {
        let sql = "update orders set status = $2, hold_until = $3, hold_extended = $4, updated_at = $5 where id = $1";
        let query = sqlx::query(sql).bind(row.id.0).bind(row.status.name()).bind(hold_until);
        return query.bind(i64::from(row.hold_extended)).bind(micros(row.updated_at));
    }
    let sql = "insert into orders (id, reference, event_id, buyer_account, buyer_external, email, total_minor, currency, status, \
        hold_until, hold_extended, created_at, updated_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    sqlx::query(sql)
        .bind(row.id.0)
        .bind(row.reference.as_str().to_owned())
        .bind(row.event_id.0)
        .bind(row.buyer.who.account().map(|id| id.0))
        .bind(row.buyer.who.external().map(str::to_owned))
        .bind(row.buyer.email.as_str().to_owned())
        .bind(row.total.minor())
        .bind(row.total.currency().code())
        .bind(row.status.name())
        .bind(hold_until)
        .bind(i64::from(row.hold_extended))
        .bind(micros(row.created_at))
        .bind(micros(row.updated_at))
}

async fn new_lines(connection: &mut Connection, row: &Order) -> Result<()> {
    for (number, line) in (0_i64..).zip(&row.lines) {
        let sql = "insert into order_lines (order_id, line, ticket_type_id, quantity, unit_minor) values ($1, $2, $3, $4, $5)";
        let query = sqlx::query(sql).bind(row.id.0).bind(number).bind(line.ticket_type_id.0);
        one(connection, query.bind(i64::from(line.quantity)).bind(line.unit_price.minor())).await?;
    }
    Ok(())
}

fn attempt(is_new: bool, row: &Attempt) -> Query<'static> {
    let sql = if is_new {
        "insert into attempts (reference, order_id, gateway, amount_minor, currency, mode, status, checkout_url, access_code, \
            last_seen, captured_minor, captured_currency, captured_mode, requested_minor, requested_currency, paid_at, gateway_id, \
            poll_at, poll_count, created_at, updated_at) \
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)"
    } else {
        "update attempts set order_id = $2, gateway = $3, amount_minor = $4, currency = $5, mode = $6, status = $7, \
            checkout_url = $8, access_code = $9, last_seen = $10, captured_minor = $11, captured_currency = $12, \
            captured_mode = $13, requested_minor = $14, requested_currency = $15, paid_at = $16, gateway_id = $17, poll_at = $18, \
            poll_count = $19, created_at = $20, updated_at = $21 where reference = $1"
    };
    let captured = row.captured.as_ref();
    let requested = captured.and_then(|captured| captured.requested);
    sqlx::query(sql)
        .bind(row.reference.as_str().to_owned())
        .bind(row.order_id.0)
        .bind(row.gateway.clone())
        .bind(row.amount.minor())
        .bind(row.amount.currency().code())
        .bind(row.mode.name())
        .bind(row.status.name())
        .bind(row.checkout.as_ref().map(|checkout| checkout.url.clone()))
        .bind(row.checkout.as_ref().and_then(|checkout| checkout.access_code.clone()))
        .bind(row.last_seen.clone())
        .bind(captured.map(|captured| captured.amount.minor()))
        .bind(captured.map(|captured| captured.amount.currency().code()))
        .bind(captured.map(|captured| captured.mode.name()))
        .bind(requested.map(|requested| requested.minor()))
        .bind(requested.map(|requested| requested.currency().code()))
        .bind(captured.and_then(|captured| captured.paid_at).map(micros))
        .bind(captured.and_then(|captured| captured.gateway_id.clone()))
        .bind(row.poll.map(|poll| micros(poll.at)))
        .bind(row.poll.map_or(0, |poll| i64::from(poll.count)))
        .bind(micros(row.created_at))
        .bind(micros(row.updated_at))
}

fn refund(is_new: bool, row: &Refund) -> Result<Query<'static>> {
    if !is_new {
        let sql = "update refunds set status = $2, gateway_id = $3, last_seen = $4, tries = $5, next_at = $6, updated_at = $7 \
            where id = $1";
        let query = sqlx::query(sql)
            .bind(row.id.0)
            .bind(row.status.name())
            .bind(row.gateway_id.clone())
            .bind(row.last_seen.clone());
        return Ok(query.bind(i64::from(row.tries)).bind(row.next_at.map(micros)).bind(micros(row.updated_at)));
    }
    let sql = "insert into refunds (id, key, order_id, attempt, amount_minor, currency, reason, note, tickets, status, gateway_id, \
        last_seen, tries, next_at, created_at, updated_at) \
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";
    Ok(sqlx::query(sql)
        .bind(row.id.0)
        .bind(row.key.as_str().to_owned())
        .bind(row.order_id.0)
        .bind(row.attempt.as_str().to_owned())
        .bind(row.amount.minor())
        .bind(row.amount.currency().code())
        .bind(row.reason.name())
        .bind(row.note.clone())
        .bind(serde_json::to_string(&row.tickets).map_err(broken)?)
        .bind(row.status.name())
        .bind(row.gateway_id.clone())
        .bind(row.last_seen.clone())
        .bind(i64::from(row.tries))
        .bind(row.next_at.map(micros))
        .bind(micros(row.created_at))
        .bind(micros(row.updated_at)))
}

fn ticket(is_new: bool, row: &Ticket) -> Query<'static> {
    if !is_new {
        let sql = "update tickets set status = $2, updated_at = $3 where id = $1";
        return sqlx::query(sql).bind(row.id.0).bind(row.status.name()).bind(micros(row.updated_at));
    }
    let sql = "insert into tickets (id, code, order_id, line, ordinal, event_id, ticket_type_id, holder_account, holder_external, \
        price_minor, currency, status, issued_at, updated_at) \
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
    sqlx::query(sql)
        .bind(row.id.0)
        .bind(row.code.as_str().to_owned())
        .bind(row.order_id.0)
        .bind(i64::from(row.line))
        .bind(i64::from(row.ordinal))
        .bind(row.event_id.0)
        .bind(row.ticket_type_id.0)
        .bind(row.holder.account().map(|id| id.0))
        .bind(row.holder.external().map(str::to_owned))
        .bind(row.price.minor())
        .bind(row.price.currency().code())
        .bind(row.status.name())
        .bind(micros(row.issued_at))
        .bind(micros(row.updated_at))
}

fn check_in(row: &CheckIn) -> Query<'static> {
    let sql = "insert into check_ins (ticket_id, event_id, nonce, gate, by_account, by_external, at) \
        values ($1, $2, $3, $4, $5, $6, $7)";
    sqlx::query(sql)
        .bind(row.ticket_id.0)
        .bind(row.event_id.0)
        .bind(row.nonce.clone())
        .bind(row.gate.clone())
        .bind(row.by.account().map(|id| id.0))
        .bind(row.by.external().map(str::to_owned))
        .bind(micros(row.at))
}

fn mail(is_new: bool, row: &OutboxMail) -> Query<'static> {
    let sql = if is_new {
        "insert into mails (id, order_id, kind, recipient, status, tries, due_at, last_error, created_at, updated_at) \
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
    } else {
        "update mails set order_id = $2, kind = $3, recipient = $4, status = $5, tries = $6, due_at = $7, last_error = $8, \
            created_at = $9, updated_at = $10 where id = $1"
    };
    sqlx::query(sql)
        .bind(row.id.0)
        .bind(row.order_id.0)
        .bind(mail_kind(row.kind))
        .bind(row.to.as_str().to_owned())
        .bind(row.status.name())
        .bind(i64::from(row.tries))
        .bind(micros(row.due_at))
        .bind(row.last_error.clone())
        .bind(micros(row.created_at))
        .bind(micros(row.updated_at))
}

fn webhook(is_new: bool, row: &StoredWebhook) -> Result<Query<'static>> {
    if !is_new {
        let sql = "update webhooks set status = $2, tries = $3, next_at = $4, note = $5, updated_at = $6 where id = $1";
        let query = sqlx::query(sql).bind(row.id.0).bind(row.status.name()).bind(i64::from(row.tries));
        return Ok(query.bind(row.next_at.map(micros)).bind(row.note.clone()).bind(micros(row.updated_at)));
    }
    let sql = "insert into webhooks (id, gateway, dedupe_key, kind, action, reference, captured, body, status, tries, next_at, note, \
        received_at, updated_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
    let captured = row.event.captured.as_ref().map(serde_json::to_string).transpose().map_err(broken)?;
    Ok(sqlx::query(sql)
        .bind(row.id.0)
        .bind(row.event.gateway.clone())
        .bind(row.event.dedupe_key.clone())
        .bind(row.event.kind.clone())
        .bind(row.event.action.name())
        .bind(row.event.reference.as_ref().map(ToString::to_string))
        .bind(captured)
        .bind(row.event.body.clone())
        .bind(row.status.name())
        .bind(i64::from(row.tries))
        .bind(row.next_at.map(micros))
        .bind(row.note.clone())
        .bind(micros(row.received_at))
        .bind(micros(row.updated_at)))
}

fn request(is_new: bool, row: &StoredRequest) -> Result<Query<'static>> {
    let sql = if is_new {
        "insert into requests (scope, content, status, headers, body, locked_until, created_at) values ($1, $2, $3, $4, $5, $6, $7)"
    } else {
        "update requests set content = $2, status = $3, headers = $4, body = $5, locked_until = $6, created_at = $7 where scope = $1"
    };
    let headers =
        row.answer.as_ref().map(|answer| serde_json::to_string(&answer.headers)).transpose().map_err(broken)?;
    Ok(sqlx::query(sql)
        .bind(row.scope.clone())
        .bind(row.content.clone())
        .bind(row.answer.as_ref().map(|answer| i64::from(answer.status)))
        .bind(headers)
        .bind(row.answer.as_ref().map(|answer| answer.body.clone()))
        .bind(micros(row.locked_until))
        .bind(micros(row.created_at)))
}
