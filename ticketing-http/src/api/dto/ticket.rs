use super::price::Price;
use super::time::Time;
use poem_openapi::Object;
use poem_openapi::types::Base64;
use ticketing_core::domain::code::TicketCode;
use ticketing_core::domain::ticket::Ticket;

/// Where the ticket's QR code can be seen.
fn qr_code_path(code: &TicketCode) -> String {
    format!("/tickets/{code}/qr.png")
}

/// A ticket, to its holder.
#[derive(Object)]
pub(crate) struct TicketView {
    /// The ticket's id.
    id: i64,
    /// The secret that gets its holder in.
    ticket_code: String,
    /// What it lets in to.
    event_id: i64,
    /// As what.
    ticket_type_id: i64,
    /// `active`, `used`, `refunded`, `cancelled` or `transferred`
    status: String,
    /// When it was issued.
    purchase_date: Time,
    /// What it cost.
    amount_paid: Price,
    /// The currency of `amount_paid`.
    currency: String,
    /// Where its QR code can be seen.
    qr_code_path: String,
    /// The seat, where there are numbered seats.
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

/// A ticket, to whoever knows its code. Nothing in it says whose it is.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct PublicTicketView {
    /// The ticket's id.
    id: i64,
    /// Its code.
    ticket_code: String,
    /// What it lets in to.
    event_id: i64,
    /// `active`, `used`, `refunded`, `cancelled` or `transferred`
    status: String,
    /// When it was issued.
    purchase_date: Time,
    /// What it cost.
    amount_paid: Price,
    /// Where its QR code can be seen.
    qr_code_path: String,
    /// The QR code as a PNG, for the holder who asks by the ticket's id.
    qr_code_base64: Option<Base64<Vec<u8>>>,
}

impl PublicTicketView {
    /// With its QR code, where there is one to show.
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
