//! Which tickets of an order are bought with its promo code.

use super::{Hold, limits};
use crate::domain::event::{Event, TicketType};
use crate::domain::id::{EventId, PromoCodeId, TicketTypeId};
use crate::domain::principal::Buyer;
use crate::domain::promo_code::PromoCode;
use crate::domain::refusal::Refusal;
use crate::domain::stock::Places;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// The code that the buyer gave, if it is good now.
pub(super) fn code_of<'r>(hold: &Hold, rows: &'r WorkingSet, now: Timestamp) -> Result<Option<&'r PromoCode>, Refusal> {
    let Some(text) = &hold.promo_code else { return Ok(None) };
    let code = rows.promo_code_by_text(hold.event_id, text).filter(|code| code.is_good(now));
    code.map(Some).ok_or(Refusal::CodeUnknown)
}

/// Divides the tickets into those that are bought with the code and those that are not. Tickets of secret types need it. Of the others,
/// the dearest come first, as many as it is still good for; the rest costs the full price.
pub(super) fn divided(
    hold: &Hold,
    rows: &WorkingSet,
    event: &Event,
    wanted: &BTreeMap<TicketTypeId, u32>,
    code: Option<&PromoCode>,
) -> Result<Vec<Places>, Refusal> {
    let places = |ticket_type_id, promo_code_id, quantity| Places { ticket_type_id, promo_code_id, quantity };
    let Some(code) = code else {
        return Ok(wanted.iter().map(|(id, quantity)| places(*id, None, *quantity)).collect());
    };
    let of_type = |(id, quantity): (&TicketTypeId, &u32)| Some((event.ticket_type(*id)?, *quantity));
    let mut covered: Vec<(&TicketType, u32)> =
        wanted.iter().filter_map(of_type).filter(|(ticket_type, _)| code.is_for(ticket_type)).collect();
    if covered.is_empty() {
        return Err(Refusal::CodeUnknown);
    }
    let mut room = room(hold, rows, code)?;
    let secret = covered.iter().filter(|(ticket_type, _)| !ticket_type.is_public());
    let secret: i64 = secret.map(|(_, quantity)| i64::from(*quantity)).sum();
    if secret > room {
        return Err(Refusal::CodeLimit { left: room });
    }
    covered
        .sort_by_key(|(ticket_type, _)| (ticket_type.is_public(), Reverse(ticket_type.price.minor()), ticket_type.id));
    let mut with_code: BTreeMap<TicketTypeId, u32> = BTreeMap::new();
    for (ticket_type, quantity) in covered {
        let count = u32::try_from(room).map_or(quantity, |room| room.min(quantity));
        room -= i64::from(count);
        with_code.insert(ticket_type.id, count);
    }
    let mut divided = vec![];
    for (id, quantity) in wanted {
        let with = with_code.get(id).copied().unwrap_or(0);
        let both = [places(*id, Some(code.id), with), places(*id, None, quantity - with)];
        divided.extend(both.into_iter().filter(|places| places.quantity > 0));
    }
    Ok(divided)
}

/// For how many tickets the code is still good: at least one.
fn room(hold: &Hold, rows: &WorkingSet, code: &PromoCode) -> Result<i64, Refusal> {
    let left = code.uses.available().unwrap_or(i64::MAX);
    if left <= 0 {
        return Err(Refusal::CodeUsedUp { left: 0 });
    }
    let of_order = code.max_per_order.map_or(i64::MAX, i64::from);
    let of_buyer = code
        .max_per_buyer
        .map_or(i64::MAX, |max| i64::from(max) - used_by_buyer(rows, hold.event_id, &hold.buyer, code.id));
    let room = left.min(of_order).min(of_buyer);
    if room <= 0 { Err(Refusal::CodeLimit { left: 0 }) } else { Ok(room) }
}

/// The tickets that the buyer has with the code: held, or issued and not void.
pub(super) fn used_by_buyer(rows: &WorkingSet, event: EventId, buyer: &Buyer, code: PromoCodeId) -> i64 {
    let has = limits::Has::of(rows, event, buyer);
    let held = has.open().flat_map(Places::of_order);
    let issued = has.paid().flat_map(|order| {
        let valid = rows.tickets_of(order.id).filter(|ticket| ticket.takes_a_place());
        valid.map(move |ticket| Places::of_ticket(Some(order), ticket))
    });
    let with_code = held.chain(issued).filter(|places| places.promo_code_id == Some(code));
    with_code.map(|places| i64::from(places.quantity)).sum()
}
