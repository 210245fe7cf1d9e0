//! The few names that commands share, and the rows that exist from the start.

use super::super::shop::{external, ngn};
use crate::domain::code::Reference;
use crate::domain::event::{EventFilter, EventSort, NewEvent, NewTicketType};
use crate::domain::id::AccountId;
use crate::domain::principal::Principal;
use jiff::{SignedDuration, Timestamp};

pub(super) const ORDERS: u32 = 16;
/// Two for each order.
pub(super) const ATTEMPTS: u32 = 2 * ORDERS;

/// The events that exist from the start: one with two ticket types that soon sells out, and a free one.
pub(in super::super) fn furniture() -> [NewEvent; 2] {
    let starts_at = start();
    let type_of = |name: &str, minor, capacity| NewTicketType::new(name, ngn(minor)).with_capacity(capacity);
    let small = NewEvent::general_admission("Small", starts_at, "Here", ngn(0), Some(6));
    // Sold as long as the other: for a day after its start.
    let free = NewEvent::general_admission("Free", starts_at + SignedDuration::from_hours(48), "Here", ngn(0), None);
    [
        NewEvent {
            ticket_types: vec![type_of("A", 500_000, Some(4)), type_of("B", 250_000, None)],
            ends_at: Some(starts_at + SignedDuration::from_hours(72)),
            ..small
        },
        NewEvent { ticket_types: vec![type_of("Free", 0, None)], ..free },
    ]
}

/// When events begin.
pub(super) fn start() -> Timestamp {
    Timestamp::from_microsecond(super::super::shop::START).unwrap() + SignedDuration::from_hours(48)
}

/// Two accounts, which exist from the start, and two external principals.
pub(in super::super) fn who(number: u32) -> Principal {
    match number {
        0 => external("1"),
        1 => Principal::Account(AccountId(1)),
        2 => Principal::Account(AccountId(2)),
        _ => external("ünï 'q' %"),
    }
}

/// Every reference that a command may use.
pub(in super::super) fn references() -> Vec<Reference> {
    let orders = (0..ORDERS).map(|number| format!("o{number}"));
    orders.chain((0..ATTEMPTS).map(|number| format!("a{number}"))).map(|text| text.parse().unwrap()).collect()
}

pub(in super::super) fn event_filters() -> Vec<EventFilter> {
    let all = EventFilter { with_cancelled: true, ..EventFilter::default() };
    let start = start();
    vec![
        EventFilter::default(),
        EventFilter { sort: EventSort::DateDescending, ..all.clone() },
        EventFilter { text: Some("ÉTÉ 1%".to_owned()), sort: EventSort::Title, ..all.clone() },
        EventFilter { text: Some("1_".to_owned()), ..all.clone() },
        EventFilter { category: Some("mUSIC".to_owned()), sort: EventSort::Date, ..all.clone() },
        EventFilter { from: Some(start), organizer: Some(who(1)), ..all.clone() },
        EventFilter { to: Some(start), ..all },
    ]
}
