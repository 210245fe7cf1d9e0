//! What an event must be, when it is created and when it is edited.

use super::checks::Checks;
use crate::domain::event::{AnswerKind, Event, EventTerms, MAX_QUESTIONS, MAX_TICKET_TYPES, Per, Question, SalesRules};
use crate::domain::order::MAX_TICKETS_PER_ORDER;
use crate::domain::text::key;
use jiff::Timestamp;
use std::collections::HashSet;

/// The most places of an event or a type.
const MAX_CAPACITY: i64 = 1_000_000_000;
/// Names of columns that answers cannot have.
const RESERVED: &[&str] = &["name", "email", "ticket_type", "quantity", "price", "note"];
/// The most ticket types that an event ever had.
const MAX_TYPES_EVER: usize = 500;

/// Everything but the ticket types that does not depend on orders or on the time.
pub(super) fn check_event(checks: &mut Checks, event: &Event) {
    checks.text("title", &event.title, 1, 200);
    checks.optional_lines("description", event.description.as_deref(), 10_000);
    checks.text("location", &event.location, 1, 200);
    checks.optional_lines("address", event.address.as_deref(), 500);
    checks.optional_text("image_url", event.image_url.as_deref(), 2000);
    let is_web = |url: &str| {
        ["https://", "http://"].iter().any(|scheme| url.starts_with(scheme)) && !url.contains(char::is_whitespace)
    };
    let image_ok = event.image_url.as_deref().is_none_or(is_web);
    checks.require("image_url", image_ok, || "must be an https or http URL".to_owned());
    let ends_later = event.ends_at.is_none_or(|ends_at| ends_at > event.starts_at);
    checks.require("end_date", ends_later, || "must be after the start".to_owned());
    check_capacity(checks, "capacity", event.stock.capacity, event.version);
    check_rules(checks, "", &event.rules);
    check_terms(checks, event);
}

/// The terms.
fn check_terms(checks: &mut Checks, event: &Event) {
    let EventTerms { transfers, returns, questions } = &event.terms;
    let end = event.sales_end_at();
    let in_time = |until: Option<Timestamp>| until.is_none_or(|until| until <= end);
    checks.require("transfers_until", in_time(transfers.until), || format!("must not be after the event's end {end}"));
    checks.require("returns_until", in_time(returns.until), || format!("must not be after the event's end {end}"));
    checks.require("returns_keep_percent", returns.keep_percent <= 100, || {
        format!("must be 0–100 (got {})", returns.keep_percent)
    });
    checks.require("questions", questions.len() <= MAX_QUESTIONS, || {
        format!("must have at most {MAX_QUESTIONS} entries (got {})", questions.len())
    });
    let keys: HashSet<&str> = questions.iter().map(|question| question.key.as_str()).collect();
    checks.require("questions", keys.len() == questions.len(), || "must have unique keys".to_owned());
    for (index, question) in questions.iter().enumerate() {
        check_question(checks, &format!("questions[{index}]"), event, question);
    }
}

fn check_question(checks: &mut Checks, field: &str, event: &Event, question: &Question) {
    let is_symbol = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let key = &question.key;
    let is_key = (1..=40).contains(&key.len()) && key.chars().all(is_symbol) && !RESERVED.contains(&key.as_str());
    checks.require(&format!("{field}.key"), is_key, || {
        format!("must be 1–40 lower-case letters, digits and _, and none of {} (got {key:.50})", RESERVED.join(", "))
    });
    checks.text(&format!("{field}.text"), &question.text, 1, 300);
    let options: HashSet<&str> = question.options.iter().map(|option| option.trim()).collect();
    let fits = match question.kind {
        AnswerKind::Choice => (2..=50).contains(&options.len()) && options.len() == question.options.len(),
        _ => question.options.is_empty(),
    };
    checks.require(&format!("{field}.options"), fits, || {
        "must be 2–50 different ones for a choice, and left out otherwise".to_owned()
    });
    for option in &question.options {
        checks.text(&format!("{field}.options"), option, 1, 100);
    }
    let known = question.ticket_types.iter().all(|id| event.ticket_type(*id).is_some());
    checks.require(&format!("{field}.ticket_type_ids"), known, || "must be ticket types of this event".to_owned());
    let once = question.per == Per::Ticket || question.ticket_types.is_empty();
    checks.require(&format!("{field}.ticket_type_ids"), once, || {
        "must be left out for a question that is asked once for an order".to_owned()
    });
}

/// The ticket types.
pub(super) fn check_types(checks: &mut Checks, event: &Event) {
    let types: Vec<_> = event.ticket_types.iter().filter(|ticket_type| ticket_type.removed_at.is_none()).collect();
    let count_ok = (1..=MAX_TICKET_TYPES).contains(&types.len());
    checks
        .require("ticket_types", count_ok, || format!("must have 1–{MAX_TICKET_TYPES} entries (got {})", types.len()));
    let ever = event.ticket_types.len();
    checks.require("ticket_types", ever <= MAX_TYPES_EVER, || {
        format!("must have at most {MAX_TYPES_EVER} entries, with those that were removed (got {ever})")
    });
    let names: HashSet<String> = types.iter().map(|ticket_type| key(ticket_type.name.trim())).collect();
    checks.require("ticket_types", names.len() == types.len(), || "must have unique names".to_owned());
    for (index, ticket_type) in types.iter().enumerate() {
        let field = |name: &str| format!("ticket_types[{index}].{name}");
        checks.text(&field("name"), &ticket_type.name, 1, 100);
        check_capacity(checks, &field("capacity"), ticket_type.stock.capacity, event.version);
        let found = ticket_type.price.currency();
        checks.require(&field("price"), found == event.currency, || {
            format!("must be in {} (got {found})", event.currency)
        });
        check_rules(checks, &field(""), &ticket_type.rules);
    }
}

/// A new event has places. Later, 0 closes what nobody has bought.
fn check_capacity(checks: &mut Checks, field: &str, capacity: Option<i64>, version: i64) {
    let least = if version == 0 { 1 } else { 0 };
    let fits = capacity.is_none_or(|capacity| (least..=MAX_CAPACITY).contains(&capacity));
    checks.require(field, fits, || format!("must be {least}–{MAX_CAPACITY} (got {})", capacity.unwrap_or_default()));
}

fn check_rules(checks: &mut Checks, prefix: &str, rules: &SalesRules) {
    let field = |name: &str| format!("{prefix}{name}");
    checks.require(&field("sales_until"), rules.sales.is_possible(), || "must be after sales_from".to_owned());
    let mut count = |name: &str, found: Option<u32>, most: u32| {
        let fits = found.is_none_or(|found| (1..=most).contains(&found));
        checks.require(&field(name), fits, || format!("must be 1–{most} (got {})", found.unwrap_or_default()));
    };
    count("min_per_order", rules.min_per_order, MAX_TICKETS_PER_ORDER);
    count("max_per_order", rules.max_per_order, MAX_TICKETS_PER_ORDER);
    count("max_per_buyer", rules.max_per_buyer, 1_000_000);
    let (min, max) = (rules.min_per_order, rules.max_per_order);
    checks.require(&field("max_per_order"), min.zip(max).is_none_or(|(min, max)| min <= max), || {
        "must not be less than min_per_order".to_owned()
    });
}
