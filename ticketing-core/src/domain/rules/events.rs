use crate::domain::book::Book;
use crate::domain::event::{Category, Event, EventStatus, NewCategory, NewEvent, Stock, TicketType};
use crate::domain::id::EventId;
use crate::domain::principal::Principal;
use crate::domain::refusal::Refusal;
use jiff::Timestamp;

/// Makes a category, unless there is one of this name.
pub fn put_category(book: &mut Book, new: &NewCategory) -> Result<Category, Refusal> {
    if book.category_by_name(&new.name).is_some() {
        return Err(Refusal::CategoryTaken);
    }
    let category = Category { id: book.next_category(), name: new.name.clone(), description: new.description.clone() };
    book.add_category(category.clone());
    Ok(category)
}

/// Makes an event with its ticket types. What it says was checked by the caller, but for its category. A repeat under the same
/// key finds the same event.
pub fn put_event(book: &mut Book, now: Timestamp, organizer: &Principal, new: &NewEvent) -> Result<Event, Refusal> {
    if let Some(known) = new.key.as_ref().and_then(|key| book.event_by_key(key)) {
        return if known.organizer == *organizer && known.title == new.title {
            Ok(known.clone())
        } else {
            Err(Refusal::KeyReused)
        };
    }
    let category = match new.category_id {
        None => None,
        Some(id) => Some(book.categories.get(&id).cloned().ok_or(Refusal::CategoryUnknown)?),
    };
    let id = book.next_event();
    let ticket_types = new
        .ticket_types
        .iter()
        .map(|ticket_type| TicketType {
            id: book.next_ticket_type(),
            event_id: id,
            name: ticket_type.name.clone(),
            price: ticket_type.price,
            stock: Stock::of_capacity(ticket_type.capacity),
        })
        .collect();
    let event = Event {
        id,
        key: new.key.clone(),
        organizer: organizer.clone(),
        title: new.title.clone(),
        description: new.description.clone(),
        starts_at: new.starts_at,
        ends_at: new.ends_at,
        location: new.location.clone(),
        address: new.address.clone(),
        image_url: new.image_url.clone(),
        category,
        currency: new.currency,
        stock: Stock::of_capacity(new.capacity),
        status: EventStatus::Active,
        ticket_types,
        created_at: now,
        updated_at: now,
    };
    book.add_event(event.clone());
    Ok(event)
}

/// Calls an event off: from now on nothing of it is sold and nobody gets in. On repeat, nothing more happens.
/// Its orders are undone one by one, see [`undo_order_of_cancelled_event`](super::undo_order_of_cancelled_event).
pub fn cancel_event(book: &mut Book, now: Timestamp, id: EventId) -> Result<Event, Refusal> {
    let event = book.events.get(&id).ok_or(Refusal::EventUnknown { event_id: id })?;
    if event.status == EventStatus::Active {
        book.events.update(&id, |event| {
            event.status = EventStatus::Cancelled;
            event.updated_at = now;
        });
    }
    book.events.get(&id).cloned().ok_or(Refusal::EventUnknown { event_id: id })
}
