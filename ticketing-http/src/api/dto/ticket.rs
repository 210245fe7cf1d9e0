use super::price::Price;
use super::time::Time;
use poem_openapi::Object;
use poem_openapi::types::Base64;
use ticketing_core::domain::code::TicketCode;
use ticketing_core::domain::ticket::Ticket;

/// The path of the ticket's QR code.
fn qr_code_path(code: &TicketCode) -> String {
    format!("/tickets/{code}/qr.png")
}

/// A ticket, for its holder.
#[derive(Object)]
pub(crate) struct TicketView {
    /// The ticket's id.
    id: i64,
    /// The ticket's code: the secret that admits its holder.
    ticket_code: String,
    /// The event's id.
    event_id: i64,
    /// The ticket type's id.
    ticket_type_id: i64,
    /// `active`, `used`, `refunded`, `cancelled` or `transferred`
    status: String,
    /// Time of issue.
    purchase_date: Time,
    /// Price paid.
    amount_paid: Price,
    /// The currency of `amount_paid`.
    currency: String,
    /// The path of its QR code.
    qr_code_path: String,
    /// The seat number, for numbered seats.
    #[oai(nullable)]
    seat_number: Option<String>,
}

impl From<&Ticket> for TicketView {
    fn from(ticket: &Ticket) -> Self {
        Self {
            id: ticket.id.0,
            ticket_code: ticket.code.as_str().to_owned(),
            event_id: ticket.event_id.0,
            ticket_type_id: ticket.ticket_type_id.0,
            status: ticket.status.name().to_owned(),
            purchase_date: ticket.issued_at.into(),
            amount_paid: ticket.price.into(),
            currency: ticket.price.currency().code().to_owned(),
            qr_code_path: qr_code_path(&ticket.code),
            seat_number: None,
        }
    }
}

/// A ticket, for anyone who knows its code. Nothing in it identifies the holder.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct PublicTicketView {
    /// The ticket's id.
    id: i64,
    /// Its code.
    ticket_code: String,
    /// The event's id.
    event_id: i64,
    /// `active`, `used`, `refunded`, `cancelled` or `transferred`
    status: String,
    /// Time of issue.
    purchase_date: Time,
    /// Price paid.
    amount_paid: Price,
    /// The path of its QR code.
    qr_code_path: String,
    /// The QR code as PNG, if the holder requests the ticket by id.
    qr_code_base64: Option<Base64<Vec<u8>>>,
}

impl PublicTicketView {
    /// The ticket, with its QR code where given.
    pub(crate) fn new(ticket: &Ticket, qr_code: Option<Vec<u8>>) -> Self {
        Self {
            id: ticket.id.0,
            ticket_code: ticket.code.as_str().to_owned(),
            event_id: ticket.event_id.0,
            status: ticket.status.name().to_owned(),
            purchase_date: ticket.issued_at.into(),
            amount_paid: ticket.price.into(),
            qr_code_path: qr_code_path(&ticket.code),
            qr_code_base64: qr_code.map(Base64),
        }
    }
}
