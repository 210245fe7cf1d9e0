use crate::api::dto::order::expires_at;
use crate::api::dto::ticket::TicketView;
use crate::api::dto::time::Time;
use poem_openapi::Object;
use ticketing_core::domain::order::Order;
use ticketing_core::domain::payment::Attempt;
use ticketing_core::domain::ticket::Ticket;

/// A payment that bought tickets.
#[derive(Object)]
pub(crate) struct VerifiedView {
    /// Says whether it was this very request that got the tickets.
    message: String,
    /// The first ticket's id.
    #[oai(nullable)]
    ticket_id: Option<i64>,
    /// The first ticket's code.
    #[oai(nullable)]
    ticket_code: Option<String>,
    /// Where the first ticket's QR code can be seen.
    #[oai(nullable)]
    qr_code_path: Option<String>,
    /// Whether the mail with the tickets is out already. It follows by itself.
    email_sent: bool,
    /// All tickets.
    tickets: Vec<TicketView>,
}

impl VerifiedView {
    /// What was bought.
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

/// A payment about which nothing is decided yet.
#[derive(Object)]
pub(crate) struct StillOpenView {
    /// What to do, for people.
    message: String,
    /// Which payment.
    reference: String,
    /// `created`, `unknown`, `open` or `processing`
    status: String,
    /// Where the buyer can still pay.
    #[oai(nullable)]
    authorization_url: Option<String>,
    /// Until when the places are kept.
    #[oai(nullable)]
    expires_at: Option<Time>,
}

impl StillOpenView {
    /// How it stands.
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
