//! From rows to the domain.

use super::Row;
use crate::domain::account::{Account, Role};
use crate::domain::audit::{Actor, AuditLine};
use crate::domain::check_in::CheckIn;
use crate::domain::code::{Reference, TicketCode};
use crate::domain::event::{Category, Event, EventStatus, Stock, TicketType};
use crate::domain::money::{Currency, Money};
use crate::domain::order::{Order, OrderLine, OrderStatus};
use crate::domain::outbox::{MailStatus, OutboxMail};
use crate::domain::payment::{Attempt, AttemptStatus, Captured, Checkout, Mode, Poll};
use crate::domain::principal::{Buyer, EmailAddress, Principal};
use crate::domain::refund::{Refund, RefundReason, RefundStatus};
use crate::domain::request::{Answer, StoredRequest};
use crate::domain::ticket::{Ticket, TicketStatus};
use crate::domain::webhook::{NewWebhook, StoredWebhook, WebhookAction, WebhookStatus};
use crate::storage::StorageError;
use crate::storage::sql::{broken, mail_kind_from, time, trouble, who, word};
use jiff::Timestamp;
use sqlx::Row as _;

type Result<T> = std::result::Result<T, StorageError>;

pub(super) const ACCOUNT: &str = "id, email, name, username, phone, password_hash, role, is_active, is_verified, sessions_ended, created_at, updated_at";
pub(super) const CATEGORY: &str = "id, name, description";
/// An event, with its category joined as `c`.
pub(super) const EVENT: &str = "e.id, e.key, e.organizer_account, e.organizer_external, e.title, e.description, e.starts_at, e.ends_at, \
    e.location, e.address, e.image_url, e.currency, e.capacity, e.held, e.sold, e.status, e.created_at, e.updated_at, \
    c.id as category_id, c.name as category_name, c.description as category_description";
pub(super) const TICKET_TYPE: &str = "id, event_id, name, price_minor, capacity, held, sold";
pub(super) const ORDER: &str = "id, reference, event_id, buyer_account, buyer_external, email, total_minor, currency, status, \
    hold_until, hold_extended, created_at, updated_at";
pub(super) const LINE: &str = "order_id, ticket_type_id, quantity, unit_minor";
pub(super) const ATTEMPT: &str = "reference, order_id, gateway, amount_minor, currency, mode, status, checkout_url, access_code, \
    last_seen, captured_minor, captured_currency, captured_mode, requested_minor, requested_currency, paid_at, gateway_id, \
    poll_at, poll_count, created_at, updated_at";
pub(super) const REFUND: &str = "id, key, order_id, attempt, amount_minor, currency, reason, note, tickets, status, gateway_id, \
    last_seen, tries, next_at, created_at, updated_at";
pub(super) const TICKET: &str = "id, code, order_id, line, ordinal, event_id, ticket_type_id, holder_account, holder_external, \
    price_minor, currency, status, issued_at, updated_at";
pub(super) const CHECK_IN: &str = "ticket_id, event_id, nonce, gate, by_account, by_external, at";
pub(super) const MAIL: &str =
    "id, order_id, kind, recipient, status, tries, due_at, last_error, created_at, updated_at";
pub(super) const WEBHOOK: &str = "id, gateway, dedupe_key, kind, action, reference, captured, body, status, tries, next_at, note, \
    received_at, updated_at";
pub(super) const REQUEST: &str = "scope, content, status, headers, body, locked_until, created_at";
pub(super) const AUDIT: &str = "id, at, order_id, actor, action, subject, before, after, reason";

fn int(row: &Row, column: &str) -> Result<i64> {
    row.try_get(column).map_err(trouble)
}

fn some_int(row: &Row, column: &str) -> Result<Option<i64>> {
    row.try_get(column).map_err(trouble)
}

fn text(row: &Row, column: &str) -> Result<String> {
    row.try_get(column).map_err(trouble)
}

fn some_text(row: &Row, column: &str) -> Result<Option<String>> {
    row.try_get(column).map_err(trouble)
}

fn small(row: &Row, column: &str) -> Result<u32> {
    u32::try_from(int(row, column)?).map_err(broken)
}

fn at(row: &Row, column: &str) -> Result<Timestamp> {
    time(int(row, column)?)
}

fn some_at(row: &Row, column: &str) -> Result<Option<Timestamp>> {
    some_int(row, column)?.map(time).transpose()
}

fn parsed<T: std::str::FromStr>(row: &Row, column: &str) -> Result<T>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    text(row, column)?.parse().map_err(|error: T::Err| broken(error))
}

fn one_of<T>(row: &Row, column: &str, from_name: impl Fn(&str) -> Option<T>) -> Result<T> {
    word(column, &text(row, column)?, from_name)
}

fn principal(row: &Row, account: &str, external: &str) -> Result<Principal> {
    who(some_int(row, account)?, some_text(row, external)?)
}

fn money(row: &Row, minor: &str) -> Result<Money> {
    Money::new(int(row, minor)?, parsed(row, "currency")?).map_err(broken)
}

fn some_money(row: &Row, minor: &str, currency: &str) -> Result<Option<Money>> {
    match some_int(row, minor)? {
        None => Ok(None),
        Some(minor) => Ok(Some(Money::new(minor, parsed(row, currency)?).map_err(broken)?)),
    }
}

fn stock(row: &Row) -> Result<Stock> {
    Ok(Stock { capacity: some_int(row, "capacity")?, held: int(row, "held")?, sold: int(row, "sold")? })
}

pub(super) fn account(row: &Row) -> Result<Account> {
    Ok(Account {
        id: int(row, "id")?.into(),
        email: parsed::<EmailAddress>(row, "email")?,
        name: text(row, "name")?,
        username: some_text(row, "username")?,
        phone: some_text(row, "phone")?,
        password_hash: text(row, "password_hash")?,
        role: one_of(row, "role", Role::from_name)?,
        is_active: int(row, "is_active")? != 0,
        is_verified: int(row, "is_verified")? != 0,
        sessions_ended: int(row, "sessions_ended")?,
        created_at: at(row, "created_at")?,
        updated_at: at(row, "updated_at")?,
    })
}

pub(super) fn category(row: &Row) -> Result<Category> {
    Ok(Category { id: int(row, "id")?.into(), name: text(row, "name")?, description: some_text(row, "description")? })
}

/// An event without its ticket types, which are rows of their own.
pub(super) fn event(row: &Row) -> Result<Event> {
    let category = match some_int(row, "category_id")? {
        None => None,
        Some(id) => {
            let description = some_text(row, "category_description")?;
            Some(Category { id: id.into(), name: text(row, "category_name")?, description })
        }
    };
    Ok(Event {
        id: int(row, "id")?.into(),
        key: some_text(row, "key")?.map(|key| key.parse().map_err(broken)).transpose()?,
        organizer: principal(row, "organizer_account", "organizer_external")?,
        title: text(row, "title")?,
        description: some_text(row, "description")?,
        starts_at: at(row, "starts_at")?,
        ends_at: some_at(row, "ends_at")?,
        location: text(row, "location")?,
        address: some_text(row, "address")?,
        image_url: some_text(row, "image_url")?,
        category,
        currency: parsed(row, "currency")?,
        stock: stock(row)?,
        status: one_of(row, "status", EventStatus::from_name)?,
        ticket_types: vec![],
        created_at: at(row, "created_at")?,
        updated_at: at(row, "updated_at")?,
    })
}

/// A ticket type of an event in this currency.
pub(super) fn ticket_type(row: &Row, currency: Currency) -> Result<TicketType> {
    Ok(TicketType {
        id: int(row, "id")?.into(),
        event_id: int(row, "event_id")?.into(),
        name: text(row, "name")?,
        price: Money::new(int(row, "price_minor")?, currency).map_err(broken)?,
        stock: stock(row)?,
    })
}

/// Of which event or order a ticket type or line is.
pub(super) fn parent(row: &Row, column: &str) -> Result<i64> {
    int(row, column)
}

/// Who bought the order.
pub(super) fn buyer(row: &Row) -> Result<Principal> {
    principal(row, "buyer_account", "buyer_external")
}

/// An order without its lines, which are rows of their own.
pub(super) fn order(row: &Row) -> Result<Order> {
    let status = match (text(row, "status")?.as_str(), some_at(row, "hold_until")?) {
        ("held", Some(hold_until)) => OrderStatus::Held { hold_until },
        ("paid", _) => OrderStatus::Paid,
        ("expired", _) => OrderStatus::Expired,
        ("cancelled", _) => OrderStatus::Cancelled,
        (other, _) => return Err(broken(format!("an order is {other:?}"))),
    };
    Ok(Order {
        id: int(row, "id")?.into(),
        reference: parsed(row, "reference")?,
        event_id: int(row, "event_id")?.into(),
        buyer: Buyer { who: buyer(row)?, email: parsed(row, "email")? },
        lines: vec![],
        total: money(row, "total_minor")?,
        status,
        hold_extended: int(row, "hold_extended")? != 0,
        created_at: at(row, "created_at")?,
        updated_at: at(row, "updated_at")?,
    })
}

/// A line of an order in this currency.
pub(super) fn line(row: &Row, currency: Currency) -> Result<OrderLine> {
    Ok(OrderLine {
        ticket_type_id: int(row, "ticket_type_id")?.into(),
        quantity: small(row, "quantity")?,
        unit_price: Money::new(int(row, "unit_minor")?, currency).map_err(broken)?,
    })
}

pub(super) fn attempt(row: &Row) -> Result<Attempt> {
    let captured = match some_money(row, "captured_minor", "captured_currency")? {
        None => None,
        Some(amount) => Some(Captured {
            amount,
            requested: some_money(row, "requested_minor", "requested_currency")?,
            mode: one_of(row, "captured_mode", Mode::from_name)?,
            paid_at: some_at(row, "paid_at")?,
            gateway_id: some_text(row, "gateway_id")?,
        }),
    };
    let access_code = some_text(row, "access_code")?;
    let poll = match some_at(row, "poll_at")? {
        None => None,
        Some(at) => Some(Poll { at, count: small(row, "poll_count")? }),
    };
    Ok(Attempt {
        reference: parsed::<Reference>(row, "reference")?,
        order_id: int(row, "order_id")?.into(),
        gateway: text(row, "gateway")?,
        amount: money(row, "amount_minor")?,
        mode: one_of(row, "mode", Mode::from_name)?,
        status: one_of(row, "status", AttemptStatus::from_name)?,
        checkout: some_text(row, "checkout_url")?.map(|url| Checkout { url, access_code }),
        last_seen: some_text(row, "last_seen")?,
        captured,
        poll,
        created_at: at(row, "created_at")?,
        updated_at: at(row, "updated_at")?,
    })
}

pub(super) fn refund(row: &Row) -> Result<Refund> {
    Ok(Refund {
        id: int(row, "id")?.into(),
        key: parsed(row, "key")?,
        order_id: int(row, "order_id")?.into(),
        attempt: parsed(row, "attempt")?,
        amount: money(row, "amount_minor")?,
        reason: one_of(row, "reason", RefundReason::from_name)?,
        note: some_text(row, "note")?,
        tickets: serde_json::from_str(&text(row, "tickets")?).map_err(broken)?,
        status: one_of(row, "status", RefundStatus::from_name)?,
        gateway_id: some_text(row, "gateway_id")?,
        last_seen: some_text(row, "last_seen")?,
        tries: small(row, "tries")?,
        next_at: some_at(row, "next_at")?,
        created_at: at(row, "created_at")?,
        updated_at: at(row, "updated_at")?,
    })
}

pub(super) fn ticket(row: &Row) -> Result<Ticket> {
    Ok(Ticket {
        id: int(row, "id")?.into(),
        code: parsed::<TicketCode>(row, "code")?,
        order_id: int(row, "order_id")?.into(),
        line: small(row, "line")?,
        ordinal: small(row, "ordinal")?,
        event_id: int(row, "event_id")?.into(),
        ticket_type_id: int(row, "ticket_type_id")?.into(),
        holder: principal(row, "holder_account", "holder_external")?,
        price: money(row, "price_minor")?,
        status: one_of(row, "status", TicketStatus::from_name)?,
        issued_at: at(row, "issued_at")?,
        updated_at: at(row, "updated_at")?,
    })
}

pub(super) fn check_in(row: &Row) -> Result<CheckIn> {
    Ok(CheckIn {
        ticket_id: int(row, "ticket_id")?.into(),
        event_id: int(row, "event_id")?.into(),
        nonce: text(row, "nonce")?,
        gate: some_text(row, "gate")?,
        by: principal(row, "by_account", "by_external")?,
        at: at(row, "at")?,
    })
}

pub(super) fn mail(row: &Row) -> Result<OutboxMail> {
    Ok(OutboxMail {
        id: int(row, "id")?.into(),
        order_id: int(row, "order_id")?.into(),
        kind: one_of(row, "kind", mail_kind_from)?,
        to: parsed(row, "recipient")?,
        status: one_of(row, "status", MailStatus::from_name)?,
        tries: small(row, "tries")?,
        due_at: at(row, "due_at")?,
        last_error: some_text(row, "last_error")?,
        created_at: at(row, "created_at")?,
        updated_at: at(row, "updated_at")?,
    })
}

pub(super) fn webhook(row: &Row) -> Result<StoredWebhook> {
    let captured = some_text(row, "captured")?;
    Ok(StoredWebhook {
        id: int(row, "id")?.into(),
        event: NewWebhook {
            gateway: text(row, "gateway")?,
            dedupe_key: text(row, "dedupe_key")?,
            kind: text(row, "kind")?,
            action: one_of(row, "action", WebhookAction::from_name)?,
            reference: some_text(row, "reference")?.map(|reference| reference.parse().map_err(broken)).transpose()?,
            captured: captured.map(|captured| serde_json::from_str(&captured).map_err(broken)).transpose()?,
            body: row.try_get("body").map_err(trouble)?,
        },
        status: one_of(row, "status", WebhookStatus::from_name)?,
        tries: small(row, "tries")?,
        next_at: some_at(row, "next_at")?,
        note: some_text(row, "note")?,
        received_at: at(row, "received_at")?,
        updated_at: at(row, "updated_at")?,
    })
}

pub(super) fn request(row: &Row) -> Result<StoredRequest> {
    let answer = match (some_int(row, "status")?, some_text(row, "headers")?) {
        (Some(status), Some(headers)) => Some(Answer {
            status: u16::try_from(status).map_err(broken)?,
            headers: serde_json::from_str(&headers).map_err(broken)?,
            body: row.try_get("body").map_err(trouble)?,
        }),
        _ => None,
    };
    Ok(StoredRequest {
        scope: text(row, "scope")?,
        content: text(row, "content")?,
        answer,
        locked_until: at(row, "locked_until")?,
        created_at: at(row, "created_at")?,
    })
}

pub(super) fn audit(row: &Row) -> Result<AuditLine> {
    Ok(AuditLine {
        id: int(row, "id")?.into(),
        at: at(row, "at")?,
        order_id: int(row, "order_id")?.into(),
        actor: serde_json::from_str::<Actor>(&text(row, "actor")?).map_err(broken)?,
        action: text(row, "action")?,
        subject: some_text(row, "subject")?,
        before: some_text(row, "before")?,
        after: some_text(row, "after")?,
        reason: text(row, "reason")?,
    })
}
