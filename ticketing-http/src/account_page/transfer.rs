//! The page that takes a ticket which is offered to somebody, and shows it.

use super::page::{self, Page};
use crate::api::ApiState;
use crate::html::fill;
use poem::http::StatusCode;
use ticketing_core::domain::event::Event;
use ticketing_core::domain::ticket::Ticket;
use ticketing_core::domain::transfer::FoundTransfer;
use ticketing_core::{Error, qr};

const OFFER: &str = include_str!("transfer.html");
const TICKET: &str = include_str!("ticket.html");
/// What the key of a transfer begins with.
const PREFIX: &str = "tkt_";

/// Whether a token is the key of a transfer, and no proof.
pub(super) fn is_key(token: &str) -> bool {
    token.trim().starts_with(PREFIX)
}

/// What is offered, with one button; the ticket, if it was taken.
pub(super) async fn show(state: &ApiState, key: &str) -> Result<Page, Error> {
    let Ok(reference) = state.ticketing.transfer_of_key(key) else { return Ok(unusable()) };
    Ok(match state.ticketing.transfer(&reference).await {
        Ok(found) => match &found.new_ticket {
            Some(ticket) => of_ticket(&found.event, ticket, "You have taken this ticket."),
            None => of_offer(&found, key),
        },
        Err(Error::NotFound(_)) => unusable(),
        Err(error) => return Err(error),
    })
}

/// Takes the ticket.
pub(super) async fn take(state: &ApiState, key: &str, name: &str) -> Result<Page, Error> {
    let Ok(reference) = state.ticketing.transfer_of_key(key) else { return Ok(unusable()) };
    let name = name.chars().filter(|c| !c.is_control()).take(200).collect();
    let taken = match state.ticketing.take_transfer(&reference, None, Some(name)).await {
        Ok(taken) => taken,
        Err(Error::NotFound(_) | Error::Refused(_)) => return Ok(unusable()),
        Err(error) => return Err(error),
    };
    let found = state.ticketing.transfer(&reference).await?;
    Ok(of_ticket(&found.event, &taken.ticket, "The ticket is yours. Its old code no longer admits anyone."))
}

fn of_offer(found: &FoundTransfer, key: &str) -> Page {
    let who = match found.transfer.from.as_ref().filter(|from| !from.is_erased()) {
        Some(from) => fill("<strong>{{from}}</strong> offers you a ticket.", &[("from", from.as_str())]),
        None => "Somebody offers you a ticket.".to_owned(),
    };
    let event = &found.event;
    let (when, of_type) = (when(event), type_name(event, &found.ticket));
    let values = [
        ("&who", who.as_str()),
        ("type", of_type),
        ("when", when.as_str()),
        ("where", event.location.as_str()),
        ("token", key.trim()),
    ];
    page::page(StatusCode::OK, &format!("A ticket for {}", event.title), &event.title, &fill(OFFER, &values))
}

fn of_ticket(event: &Event, ticket: &Ticket, status: &str) -> Page {
    if !ticket.status.is_valid() {
        let body = "<p>It was refunded, cancelled, or given to somebody else.</p>";
        return page::page(
            StatusCode::OK,
            "This ticket is not valid any more",
            "This ticket is not valid any more",
            body,
        );
    }
    let (when, qr, code) = (when(event), qr::svg(&ticket.code), ticket.code.grouped());
    let values = [
        ("status", status),
        ("type", type_name(event, ticket)),
        ("when", when.as_str()),
        ("where", event.location.as_str()),
        ("&qr", without_prolog(&qr)),
        ("code", code.as_str()),
    ];
    page::page(StatusCode::OK, &format!("Your ticket: {}", event.title), &event.title, &fill(TICKET, &values))
}

/// The image as a part of a page, which begins with the element.
fn without_prolog(svg: &str) -> &str {
    svg.find("<svg").map_or(svg, |at| &svg[at..])
}

fn type_name<'e>(event: &'e Event, ticket: &Ticket) -> &'e str {
    event.ticket_type(ticket.ticket_type_id).map_or("Ticket", |of| of.name.as_str())
}

fn when(event: &Event) -> String {
    event.starts_at_local().strftime("%A, %-d %B %Y, %H:%M (UTC%:z)").to_string()
}

/// One page for an offer that is wrong, was withdrawn or replaced, or has expired.
pub(super) fn unusable() -> Page {
    let body = "<p>It may have been withdrawn or offered to somebody else, the ticket may have been used or refunded, or the time to take it \
                is over.</p><p>Ask who has offered it to you.</p>";
    let heading = "This ticket is not offered to you any more";
    page::page(StatusCode::NOT_FOUND, heading, heading, body)
}
