use crate::api::dto::body::body;
use crate::api::dto::field::Faults;
use crate::api::dto::order::{expires_at, no_promotions};
use crate::api::dto::price::Price;
use crate::api::dto::text::Text;
use crate::api::dto::time::Time;
use crate::api::state::ApiSettings;
use crate::problem::Problem;
use poem_openapi::Object;
use ticketing_core::domain::code::Reference;
use ticketing_core::domain::id::TicketTypeId;
use ticketing_core::domain::principal::EmailAddress;
use ticketing_core::{LineRequest, OrderRequest, PayOptions, Started};

body! {
    /// Tickets of one type, to be paid for at once.
    struct InitializeBody {
        /// For which event.
        event_id: i64,
        /// The address to give to the payment service, if not the account's.
        email: Option<Text<0, 254>>,
        /// How many: 1 to 100. Absent: one.
        quantity: Option<u32>,
        /// Which type. May be absent where the event has only one.
        ticket_type_id: Option<i64>,
        /// There are none yet, so every code is unknown.
        promo_code: Option<Text<0, 50>>,
    }
    example {"event_id": 1, "email": "ada@example.com", "quantity": 2}

    /// One ticket of an event, to be paid for at once.
    struct PayBody {
        /// For which event.
        event_id: i64,
    }
    example {"event_id": 1}

    /// How an order is paid for.
    struct PayOrderBody {
        /// The address to give to the payment service, if not the account's.
        email: Option<Text<0, 254>>,
    }
    example {}
}

impl InitializeBody {
    /// The engine's words for it.
    pub(crate) fn into_request(self, settings: &ApiSettings) -> Result<(OrderRequest, PayOptions), Problem> {
        no_promotions(self.promo_code)?;
        let line =
            LineRequest::new(self.quantity.unwrap_or(1)).with_ticket_type_id(self.ticket_type_id.map(TicketTypeId));
        let request = OrderRequest::new(self.event_id.into(), vec![line]);
        Ok((request, options(self.email, settings)?))
    }
}

impl PayBody {
    /// The engine's words for it.
    pub(crate) fn into_request(self, settings: &ApiSettings) -> Result<(OrderRequest, PayOptions), Problem> {
        Ok((OrderRequest::tickets(self.event_id.into(), 1), options(None, settings)?))
    }
}

impl PayOrderBody {
    /// The engine's words for it.
    pub(crate) fn into_options(self, settings: &ApiSettings) -> Result<PayOptions, Problem> {
        options(self.email, settings)
    }
}

/// The gateway sends the buyer back to the frontend, which asks us what became of the reference.
fn options(email: Option<Text<0, 254>>, settings: &ApiSettings) -> Result<PayOptions, Problem> {
    let mut faults = Faults::default();
    let given = email.map(|email| email.0.trim().to_owned()).filter(|email| !email.is_empty());
    let email = match given {
        None => Some(None),
        Some(email) => faults.parsed("email", email.parse::<EmailAddress>()).map(Some),
    };
    let email = faults.or(email)?;
    Ok(PayOptions::default().with_return_url(settings.frontend_url.clone()).with_email(email))
}

/// A payment that has begun.
#[derive(Object)]
pub(crate) struct CheckoutView {
    /// The page to send the buyer to. For a free order it is the one that buyers come back to.
    authorization_url: String,
    /// What to verify when the buyer is back.
    reference: String,
    /// For a pop-up of the payment service; empty where it has none.
    access_code: String,
    /// Until when the places are kept; absent for a free order, whose tickets are issued already.
    #[oai(nullable)]
    expires_at: Option<Time>,
    /// What is to be paid.
    amount: Price,
    /// The currency of `amount`.
    currency: String,
}

impl CheckoutView {
    /// How it begins, seen from the buyer's side.
    pub(crate) fn new(started: Started, settings: &ApiSettings) -> Self {
        let reference = &started.attempt.reference;
        let (authorization_url, access_code) = match started.checkout {
            Some(checkout) => (checkout.url, checkout.access_code.unwrap_or_default()),
            None => (with_reference(&settings.frontend_url, reference), String::new()),
        };
        Self {
            authorization_url,
            reference: reference.to_string(),
            access_code,
            expires_at: expires_at(&started.order),
            amount: started.attempt.amount.into(),
            currency: started.attempt.amount.currency().code().to_owned(),
        }
    }
}

/// The address with the reference in its query, before any fragment.
fn with_reference(url: &str, reference: &Reference) -> String {
    let (page, fragment) = url.split_once('#').map_or((url, String::new()), |(page, rest)| (page, format!("#{rest}")));
    let joint = if page.contains('?') { '&' } else { '?' };
    format!("{page}{joint}reference={reference}{fragment}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_joins_whatever_the_address_has() {
        let reference: Reference = "abc".parse().unwrap();
        for (url, wanted) in [
            ("http://localhost:3000", "http://localhost:3000?reference=abc"),
            ("https://a.example/back?x=1", "https://a.example/back?x=1&reference=abc"),
            ("https://a.example/#/back", "https://a.example/?reference=abc#/back"),
        ] {
            assert_eq!(with_reference(url, &reference), wanted);
        }
    }
}
