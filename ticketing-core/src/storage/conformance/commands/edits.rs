//! Commands of the life of an event: edits, promo codes, copies, notices and returns.

use super::super::shop::ngn;
use super::Chance;
use super::items::hold;
use super::world::{start, who};
use crate::domain::event::{
    CopyEvent, EditEvent, EventStatus, EventWants, SalesRulesWants, TicketTypeWants, Visibility, Window,
};
use crate::domain::id::{EventId, PromoCodeId, TicketTypeId};
use crate::domain::notice::ExpandNotices;
use crate::domain::order::Hold;
use crate::domain::promo_code::{Discount, EditPromoCode, PromoCodeSettings, PutPromoCode};
use crate::domain::refund::ReturnTickets;
use jiff::{SignedDuration, Timestamp};

#[derive(Clone, Debug)]
pub(in super::super) enum Edit {
    Event(Box<EditEvent>),
    Put(Vec<PutPromoCode>),
    PromoCode(EditPromoCode),
    Copy(CopyEvent),
    Expand(ExpandNotices),
    Return(Vec<ReturnTickets>),
    /// With how long the places are held, from when the command runs.
    Hold(Vec<Hold>, SignedDuration),
}

impl Edit {
    pub(super) fn any(by: &mut Chance) -> Self {
        match by.below(20) {
            0..6 => Self::Event(Box::new(edit(by))),
            6..8 => Self::Put(by.batch(|by| PutPromoCode {
                event_id: EventId(by.id(3)),
                actor: by.who(),
                settings: settings(by),
            })),
            8..10 => Self::PromoCode(EditPromoCode {
                id: PromoCodeId(by.id(4)),
                actor: by.who(),
                seen: seen(by),
                settings: settings(by),
            }),
            10..11 => Self::Copy(CopyEvent {
                id: EventId(by.id(4)),
                actor: who(1),
                key: by.named("copy", 3),
                starts_at: soon(by),
                status: by.of_these(&[EventStatus::Active, EventStatus::Draft]),
            }),
            11..13 => Self::Expand(ExpandNotices { limit: 1 + by.below(3) }),
            13..15 => Self::Return(by.batch(|by| ReturnTickets {
                key: by.named("return", 4),
                order: by.tried_order(),
                tickets: None,
                buyer: if by.one_in(8) { by.who() } else { who(1) },
            })),
            _ => Self::Hold(
                by.batch(|by| Hold { promo_code: promo_code(by), ..hold(by) }),
                by.duration() + SignedDuration::from_mins(10),
            ),
        }
    }
}

fn promo_code(by: &mut Chance) -> Option<crate::domain::promo_code::PromoCodeText> {
    by.of_these(&[None, Some("SPRING"), Some("friends")]).map(|text| text.parse().unwrap())
}

fn seen(by: &mut Chance) -> Option<i64> {
    by.of_these(&[None, None, None, None, None, Some(1), Some(2)])
}

fn soon(by: &mut Chance) -> Timestamp {
    start() + SignedDuration::from_hours(by.of_these(&[-1, 0, 24, 240]))
}

/// A value to set, to empty, or to leave as it is.
fn maybe<T>(by: &mut Chance, value: impl FnOnce(&mut Chance) -> T) -> Option<Option<T>> {
    match by.below(6) {
        0 => Some(None),
        1 => Some(Some(value(by))),
        _ => None,
    }
}

/// Mostly none, or nothing could be sold.
fn rules(by: &mut Chance) -> SalesRulesWants {
    if !by.one_in(4) {
        return SalesRulesWants { paused: Some(false), ..SalesRulesWants::default() };
    }
    SalesRulesWants {
        // Always before the end of sales, for the caller has checked it.
        sales_from: maybe(by, |by| start() - SignedDuration::from_hours(by.of_these(&[49, 48, 24]))),
        sales_until: maybe(by, |by| soon(by) + SignedDuration::from_hours(1)),
        paused: by.of_these(&[None, None, Some(false), Some(false), Some(true)]),
        min_per_order: maybe(by, |by| 1 + by.below(2)),
        max_per_order: maybe(by, |by| 2 + by.below(2)),
        max_per_buyer: maybe(by, |by| 2 + by.below(4)),
    }
}

fn edit(by: &mut Chance) -> EditEvent {
    let id = by.of_these(&[1, 1, 1, 2, 3]);
    let wants = EventWants {
        title: by.of_these(&[None, None, Some("Jazz, again".to_owned())]),
        starts_at: if by.one_in(2) { Some(soon(by)) } else { None },
        location: by.of_these(&[None, None, Some("There".to_owned())]),
        capacity: maybe(by, |by| i64::from(by.below(9))),
        status: by.of_these(&[
            None,
            None,
            None,
            Some(EventStatus::Active),
            Some(EventStatus::Active),
            Some(EventStatus::Draft),
        ]),
        rules: rules(by),
        refund_until: by.of_these(&[None, Some(Some(start()))]),
        ticket_types: if id == 1 && by.one_in(3) { Some(types(by)) } else { None },
        ..EventWants::default()
    };
    EditEvent { id: EventId(id), actor: by.who(), seen: seen(by), wants }
}

/// The types of the first event, which may be reordered or removed, and a new one.
fn types(by: &mut Chance) -> Vec<TicketTypeWants> {
    let existing = |by: &mut Chance, id| TicketTypeWants {
        capacity: maybe(by, |by| i64::from(by.below(5))),
        price: by.of_these(&[None, None, Some(ngn(0)), Some(ngn(300_000))]),
        visibility: by.of_these(&[None, None, Some(Visibility::Secret), Some(Visibility::Public)]),
        rules: rules(by),
        ..TicketTypeWants::existing(TicketTypeId(id))
    };
    let mut wanted: Vec<TicketTypeWants> = vec![];
    for id in by.of_these(&[vec![1, 2], vec![1, 2], vec![2, 1], vec![1], vec![2]]) {
        wanted.push(existing(by, id));
    }
    if by.one_in(3) {
        wanted.push(TicketTypeWants::new("Late", ngn(100_000)));
    }
    wanted
}

fn settings(by: &mut Chance) -> PromoCodeSettings {
    let text = by.of_these(&["SPRING", "spring", "FRIENDS"]).parse().unwrap();
    PromoCodeSettings {
        discount: by.of_these(&[
            Discount::Nothing,
            Discount::Percent(3_333),
            Discount::Percent(10_000),
            Discount::Each(123_457),
        ]),
        ticket_types: by.of_these(&[vec![], vec![], vec![TicketTypeId(1)]]),
        unlocks: by.of_these(&[vec![], vec![TicketTypeId(1)], vec![TicketTypeId(2)]]),
        valid: by.of_these(&[Window::default(), Window::default(), Window::new(None, start())]),
        max_per_order: by.of_these(&[None, Some(1), Some(2)]),
        max_per_buyer: by.of_these(&[None, Some(2), Some(3)]),
        max_uses: by.of_these(&[None, Some(1), Some(3), Some(6)]),
        paused: by.one_in(8),
        ..PromoCodeSettings::new(text)
    }
}
