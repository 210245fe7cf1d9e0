use crate::api::dto::order::expires_at;
use crate::api::dto::ticket::TicketView;
use crate::api::dto::time::Time;
use poem_openapi::Object;
use ticketing_core::domain::order::Order;
use ticketing_core::domain::payment::Attempt;
use ticketing_core::domain::ticket::Ticket;

/// A verified payment with its tickets.
#[derive(Object)]
pub(crate) struct VerifiedView {
    /// Tells whether this request issued the tickets, or an earlier one.
    message: String,
    /// The first ticket's id.
    #[oai(nullable)]
    ticket_id: Option<i64>,
    /// The first ticket's code.
    #[oai(nullable)]
    ticket_code: Option<String>,
    /// The path of the first ticket's QR code.
    #[oai(nullable)]
    qr_code_path: Option<String>,
    /// Whether the tickets were already mailed. If not, the mail follows automatically.
    email_sent: bool,
    /// All tickets.
    tickets: Vec<TicketView>,
}

impl VerifiedView {
    /// The tickets of a payment.
    pub(crate) fn new(message: &str, tickets: &[Ticket], email_sent: bool) -> Self {
        Self {
            message: message.to_owned(),
            ticket_id: tickets.first().map(|ticket| ticket.id.0),
            ticket_code: tickets.first().map(|ticket| ticket.code.as_str().to_owned()),
            qr_code_path: tickets.first().map(|ticket| format!("/tickets/{}/qr.png", ticket.code)),
            email_sent,
            tickets: tickets.iter().map(Into::into).collect(),
        }
    }
}

/// A payment that is still open.
#[derive(Object)]
pub(crate) struct StillOpenView {
    /// The state, for people.
    message: String,
    /// The payment's reference.
    reference: String,
    /// `created`, `unknown`, `open` or `processing`
    status: String,
    /// The checkout page, while the buyer can still pay.
    #[oai(nullable)]
    authorization_url: Option<String>,
    /// When the hold expires.
    #[oai(nullable)]
    expires_at: Option<Time>,
}

impl StillOpenView {
    /// The state of an attempt.
    pub(crate) fn new(order: &Order, attempt: &Attempt) -> Self {
        Self {
            message: "Payment is still open".to_owned(),
            reference: attempt.reference.to_string(),
            status: attempt.status.name().to_owned(),
            authorization_url: attempt.checkout.as_ref().map(|checkout| checkout.url.clone()),
            expires_at: expires_at(order),
        }
    }
}
