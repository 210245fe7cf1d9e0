//! The list of an event's attendees.
//!
//! Orders of one event have an index, and tickets of one order have one. So the list goes from order to order: those that have a ticket
//! that matches are found by conditions, and their tickets are then read and chosen here. Tickets need no index for it.

use super::{Attendee, AttendeeEntry, BY_ORDER, CODE_SUFFIX};
use crate::domain::check_in::CheckIn;
use crate::domain::command::Query;
use crate::domain::event::{Event, Window};
use crate::domain::id::{EventId, OrderId, PromoCodeId, TicketId, TicketTypeId};
use crate::domain::list::{Condition, List, Sort};
use crate::domain::load::LoadKeys;
use crate::domain::order::{Order, search};
use crate::domain::page::{Cursor, CursorPage, CursorRequest};
use crate::domain::payment;
use crate::domain::row::{Field as _, Value};
use crate::domain::scope::Scope;
use crate::domain::table::Record as _;
use crate::domain::text;
use crate::domain::ticket::{self, Ticket, TicketStatus};
use crate::domain::working_set::WorkingSet;
use crate::setters::setters;

/// Which attendees to list. An absent field is no condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AttendeeFilter {
    /// A part of the name, of the address or of the order's reference, in any case; or the last [`CODE_SUFFIX`] symbols of the code.
    pub text: Option<String>,
    /// The ticket type.
    pub ticket_type_id: Option<TicketTypeId>,
    /// The status of the ticket. Who is in has a used one, who has not come yet an active one.
    pub status: Option<TicketStatus>,
    /// The gateway that the order was paid at.
    pub paid_with: Option<String>,
    /// The promo code that the order was made with.
    pub promo_code_id: Option<PromoCodeId>,
    /// When the order was made.
    pub ordered: Window,
}

setters!(AttendeeFilter {
    with_text => text: impl Into<Option<String>>,
    with_ticket_type_id => ticket_type_id: impl Into<Option<TicketTypeId>>,
    with_status => status: impl Into<Option<TicketStatus>>,
    with_paid_with => paid_with: impl Into<Option<String>>,
    with_promo_code_id => promo_code_id: impl Into<Option<PromoCodeId>>,
    with_ordered => ordered: Window,
});

/// Lists the tickets of an event that were issued, void ones too, with who comes with them. Those of the newest order first; the tickets
/// of an order in their order. Nothing if the event is not in the scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListAttendees {
    /// What the caller may see.
    pub scope: Scope,
    /// The event.
    pub event_id: EventId,
    /// Which of them.
    pub filter: AttendeeFilter,
    /// The page. It may have fewer entries than asked for although others follow.
    pub page: CursorRequest,
}

const LIST: &str = "orders of attendees";

impl ListAttendees {
    /// The orders with a ticket that matches.
    fn list(&self) -> List {
        let AttendeeFilter { text, ticket_type_id, status, paid_with, promo_code_id, ordered } = &self.filter;
        let mut all = vec![Condition::Is("event_id", self.event_id.value()), Condition::Named("status", &["paid"])];
        all.extend(self.page.after.map(|after| Condition::AtMost("id", after.first)));
        all.extend(search::ordered(ordered));
        all.extend(paid_with.as_deref().map(search::paid_with));
        all.extend(promo_code_id.map(|id| Condition::Is("promo_code_id", id.value())));
        let mut ticket: Vec<Condition> = vec![];
        ticket.extend(ticket_type_id.map(|id| Condition::Is("ticket_type_id", id.value())));
        ticket.extend(status.map(|status| Condition::Is("status", Value::Text(status.name().to_owned()))));
        if !ticket.is_empty() {
            all.push(Condition::Child(Ticket::NOUN, "order_id", ticket));
        }
        if let Some(text) = text {
            let mut any = search::of_order(text);
            let attendee = |condition| vec![Condition::Child(Attendee::NOUN, "order_id", vec![condition])];
            any.push(attendee(Condition::Contains("name_key", text::key(text))));
            any.push(attendee(Condition::ContainsAnyCase("email", text.to_ascii_lowercase())));
            if let Some(suffix) = code_suffix(text) {
                any.push(vec![Condition::Child(Ticket::NOUN, "order_id", vec![Condition::EndsWith("code", suffix)])]);
            }
            all.push(Condition::Any(any));
        }
        // The first one may be the one where the last page ended.
        let limit = self.page.limit.saturating_add(1);
        List::of::<Order>(LIST, all).by("id", Sort::Descending).at_most(limit)
    }

    /// The listed orders whose tickets are looked at: enough for the page, and one ticket more.
    fn orders<'r>(&self, rows: &'r WorkingSet) -> Vec<&'r Order> {
        let mut places = 0;
        let listed = rows.listed::<OrderId>(LIST).items;
        let orders = listed.iter().filter_map(|id| rows.orders.loaded_row(id));
        let enough = orders.take_while(|order| {
            let is_wanted = places <= self.page.limit;
            if self.page.after.is_none_or(|after| after.first != order.id.0) {
                places = places.saturating_add(order.quantity());
            }
            is_wanted
        });
        enough.collect()
    }

    /// Whether the ticket is one of the page or of a later one, and matches.
    fn wants(&self, order: &Order, ticket: &Ticket, attendee: Option<&Attendee>) -> bool {
        let AttendeeFilter { text, ticket_type_id, status, .. } = &self.filter;
        let is_seen = self.page.after.is_some_and(|after| after.covers(order.id, ticket.id));
        !is_seen
            && ticket_type_id.is_none_or(|id| ticket.ticket_type_id == id)
            && status.is_none_or(|status| ticket.status == status)
            && text.as_deref().is_none_or(|text| matches(text, order, ticket, attendee))
    }
}

/// Whether a text is in the order or the ticket. The same conditions as those of the list.
fn matches(wanted: &str, order: &Order, ticket: &Ticket, attendee: Option<&Attendee>) -> bool {
    let of_attendee = |attendee: &Attendee| {
        attendee.name.as_deref().is_some_and(|name| text::key(name).contains(&text::key(wanted)))
            || attendee.email.as_ref().is_some_and(|email| search::has_part(email.as_str(), wanted))
    };
    search::order_has(order, wanted)
        || attendee.is_some_and(of_attendee)
        || code_suffix(wanted).is_some_and(|suffix| ticket.code.as_str().ends_with(&suffix))
}

/// The end of a code that somebody has typed. Only a whole one: with shorter ones, or with parts of the middle, a code could be found out
/// symbol by symbol.
fn code_suffix(typed: &str) -> Option<String> {
    let symbols: String = typed.chars().filter(|c| !matches!(c, '-' | ' ')).collect();
    let is_suffix = symbols.len() == CODE_SUFFIX && symbols.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_suffix.then(|| symbols.to_ascii_uppercase())
}

impl Query for ListAttendees {
    type Found = CursorPage<AttendeeEntry>;
    const ONE_MOMENT: bool = true;

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.look::<Event>(&self.event_id);
        if !rows.events.loaded_row(&self.event_id).is_some_and(|event| self.scope.covers(event)) {
            return;
        }
        load.list(self.list());
        for order in self.orders(rows) {
            load.find(ticket::BY_ORDER, &order.id);
            load.find(BY_ORDER, &order.id);
            load.find(payment::BY_ORDER, &order.id);
            let used = rows.tickets.loaded(ticket::BY_ORDER, &order.id).filter(|of| of.status == TicketStatus::Used);
            used.for_each(|ticket| load.look::<CheckIn>(&ticket.id));
        }
    }

    fn find(&self, rows: &WorkingSet) -> CursorPage<AttendeeEntry> {
        let listed = rows.listed::<OrderId>(LIST);
        let orders = self.orders(rows);
        let mut more = listed.more || orders.len() < listed.items.len();
        let (mut items, mut last) = (vec![], self.page.after);
        'page: for order in orders {
            for ticket in rows.tickets_of(order.id) {
                let attendee = rows.attendees_of(order.id).find(|attendee| attendee.ticket_id == ticket.id);
                if !self.wants(order, ticket, attendee) {
                    continue;
                }
                if items.len() >= self.page.limit as usize {
                    more = true;
                    break 'page;
                }
                last = Some(Cursor::new(order.id, ticket.id));
                items.push(entry(rows, order, ticket, attendee));
            }
            if items.len() < self.page.limit as usize {
                last = Some(Cursor::new(order.id, TicketId(i64::MAX)));
            }
        }
        CursorPage { items, next: last.filter(|_| more) }
    }
}

fn entry(rows: &WorkingSet, order: &Order, ticket: &Ticket, attendee: Option<&Attendee>) -> AttendeeEntry {
    let bought = search::bought(rows, order.id);
    let check_in = match ticket.status {
        TicketStatus::Used => rows.check_ins.get(&ticket.id).filter(|check_in| check_in.annulled_at.is_none()),
        _ => None,
    };
    let code = ticket.code.as_str();
    AttendeeEntry {
        ticket_id: ticket.id,
        code_suffix: code[code.len() - CODE_SUFFIX..].to_owned(),
        ticket_type_id: ticket.ticket_type_id,
        price: ticket.price,
        status: ticket.status,
        issued_at: ticket.issued_at,
        order: order.reference.clone(),
        ordered_at: order.created_at,
        buyer_email: order.buyer.email.clone(),
        paid_with: bought.map(|attempt| attempt.gateway.clone()),
        promo_code_id: order.lines.get(ticket.line as usize).and_then(|line| line.promo_code_id),
        name: attendee.and_then(|attendee| attendee.name.clone()),
        email: attendee.and_then(|attendee| attendee.email.clone()),
        note: attendee.and_then(|attendee| attendee.note.clone()),
        answers: attendee.map(|attendee| attendee.answers.clone()).unwrap_or_default(),
        version: attendee.map_or(0, |attendee| attendee.version),
        checked_in_at: check_in.map(|check_in| check_in.at),
        gate: check_in.and_then(|check_in| check_in.gate.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_end_of_a_code_is_looked_for() {
        assert_eq!(code_suffix("abc-123").as_deref(), Some("ABC123"));
        for other in ["", "abc12", "abc1234", "ab c12", "abc12!", "abc12é"] {
            assert_eq!(code_suffix(other), None, "{other}");
        }
    }
}
