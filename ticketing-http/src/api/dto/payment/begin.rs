use crate::api::dto::body::body;
use crate::api::dto::field::Faults;
use crate::api::dto::order::{expires_at, named};
use crate::api::dto::price::{GivenPrice, Price};
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
    /// Tickets of one type, to be paid now.
    struct InitializeBody {
        /// The event's id.
        event_id: i64,
        /// The e-mail address for the payment gateway. Default: the account's.
        email: Option<Text<0, 254>>,
        /// Number of tickets, 1–100 (default 1).
        quantity: Option<u32>,
        /// The ticket type's id. Optional if the event has only one.
        ticket_type_id: Option<i64>,
        /// A promo code, in any case.
        promo_code: Option<Text<0, 50>>,
        /// The total that the buyer was shown. If the order would cost something else, it is refused.
        expect_total: Option<GivenPrice>,
    }
    example {"event_id": 1, "email": "ada@example.com", "quantity": 2}

    /// One ticket of an event, to be paid now.
    struct PayBody {
        /// The event's id.
        event_id: i64,
    }
    example {"event_id": 1}

    /// Options of a payment.
    struct PayOrderBody {
        /// The e-mail address for the payment gateway. Default: the account's.
        email: Option<Text<0, 254>>,
    }
    example {}
}

impl InitializeBody {
    /// Converts the body to the engine's request.
    pub(crate) fn into_request(
        self,
        settings: &ApiSettings,
    ) -> Result<(OrderRequest, PayOptions, Option<GivenPrice>), Problem> {
        let line =
            LineRequest::new(self.quantity.unwrap_or(1)).with_ticket_type_id(self.ticket_type_id.map(TicketTypeId));
        let request = OrderRequest::new(self.event_id.into(), vec![line]).with_promo_code(named(self.promo_code));
        Ok((request, options(self.email, settings)?, self.expect_total))
    }
}

impl PayBody {
    /// Converts the body to the engine's request.
    pub(crate) fn into_request(self, settings: &ApiSettings) -> Result<(OrderRequest, PayOptions), Problem> {
        Ok((OrderRequest::tickets(self.event_id.into(), 1), options(None, settings)?))
    }
}

impl PayOrderBody {
    /// Converts the body to the engine's request.
    pub(crate) fn into_options(self, settings: &ApiSettings) -> Result<PayOptions, Problem> {
        options(self.email, settings)
    }
}

/// The gateway sends the buyer back to the frontend, which verifies the reference.
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

/// An open checkout.
#[derive(Object)]
pub(crate) struct CheckoutView {
    /// The checkout page to send the buyer to. For a free order, the page that buyers return to.
    authorization_url: String,
    /// The payment's reference, to verify when the buyer returns.
    reference: String,
    /// Access code for the gateway's pop-up; empty if it has none.
    access_code: String,
    /// When the hold expires; absent for a free order, whose tickets are already issued.
    #[oai(nullable)]
    expires_at: Option<Time>,
    /// Amount to pay.
    amount: Price,
    /// The currency of `amount`.
    currency: String,
}

impl CheckoutView {
    /// The checkout, for the buyer.
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

/// The URL with the reference in its query, before any fragment.
fn with_reference(url: &str, reference: &Reference) -> String {
    let (page, fragment) = url.split_once('#').map_or((url, String::new()), |(page, rest)| (page, format!("#{rest}")));
    let joint = if page.contains('?') { '&' } else { '?' };
    format!("{page}{joint}reference={reference}{fragment}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_is_added_to_any_url() {
        let reference: Reference = "abc".parse().unwrap();
        for (url, expected) in [
            ("http://localhost:3000", "http://localhost:3000?reference=abc"),
            ("https://a.example/back?x=1", "https://a.example/back?x=1&reference=abc"),
            ("https://a.example/#/back", "https://a.example/?reference=abc#/back"),
        ] {
            assert_eq!(with_reference(url, &reference), expected);
        }
    }
}
