//! Converts the engine's errors to problems.

use super::{FieldError, Problem};
use crate::api::dto::time::written;
use ticketing_core::Error;
use ticketing_core::domain::refusal::{Fact, Refusal};
use ticketing_core::gateway::WebhookError;

impl From<Error> for Problem {
    /// Logs internal errors, which the response does not describe.
    fn from(error: Error) -> Self {
        Self::of_core(&error)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::of_refusal(&refusal)
    }
}

impl Problem {
    pub(super) fn of_core(error: &Error) -> Self {
        let code = error.code();
        let problem = match error {
            Error::Refused(refusal) => Self::of_refusal(refusal),
            Error::Invalid(fields) => {
                // `lines[0].quantity` inside the engine, `lines.0.quantity` to clients.
                let name = |field: &str| field.replace('[', ".").replace(']', "");
                Self::invalid(fields.iter().map(|field| FieldError::new(name(&field.field), &field.message)).collect())
            }
            Error::NotFound(what) => Self::new(code, format!("{} not found", capitalised(what))),
            Error::Forbidden(why) | Error::Unauthenticated(why) => Self::new(code, *why),
            Error::Busy { .. } => Self::new(code, super::BUSY),
            Error::Gateway(_) => Self::new(code, gateway_sentence(code)),
            Error::Webhook(WebhookError::BadSignature) => Self::new(code, "The signature is missing or wrong."),
            Error::Webhook(_) => Self::new(code, "The body is not a valid webhook."),
            _ if code == "storage_unavailable" => {
                tracing::warn!(error = %causes(error), "the database is unavailable");
                Self::new(code, "The database is unavailable. Please try again in a moment.")
            }
            _ => {
                tracing::error!(error = %causes(error), "internal error");
                Self::internal()
            }
        };
        match error.retry_after() {
            Some(after) => problem.retry_after(after),
            None => problem,
        }
    }

    fn of_refusal(refusal: &Refusal) -> Self {
        let mut problem = Self::new(refusal.code(), refusal.to_string());
        for (name, fact) in refusal.facts() {
            match (name, fact) {
                ("event_id", Fact::Id(id)) => problem.event_id = Some(id),
                ("ticket_type_id", Fact::Id(id)) => problem.ticket_type_id = Some(id),
                ("available", Fact::Count(available)) => problem.available = Some(available),
                ("limit", Fact::Count(limit)) => problem.limit = Some(limit),
                ("left", Fact::Count(left)) => problem.left = Some(left),
                ("min", Fact::Count(min)) => problem.min = Some(min),
                ("max", Fact::Count(max)) => problem.max = Some(max),
                ("taken", Fact::Count(taken)) => problem.taken = Some(taken),
                ("current", Fact::Count(current)) => problem.current = Some(current),
                ("from", Fact::Time(at)) => problem.from = Some(written(at)),
                ("ended_at", Fact::Time(at)) => problem.ended_at = Some(written(at)),
                ("used_at", Fact::Time(at)) => problem.used_at = Some(written(at)),
                ("annulled_at", Fact::Time(at)) => problem.annulled_at = Some(written(at)),
                ("until", Fact::Time(at)) => problem.until = Some(written(at)),
                ("ticket_id", Fact::Id(id)) => problem.ticket_id = Some(id),
                ("ticket_status", Fact::Text(status)) => problem.ticket_status = status.map(str::to_owned),
                ("currency", Fact::Text(currency)) => problem.currency = currency.map(str::to_owned),
                ("again_at", Fact::Time(at)) => problem.again_at = Some(written(at)),
                ("ticket", Fact::Text(ticket)) => problem.ticket = ticket.map(str::to_owned),
                ("by", Fact::Text(by)) => problem.by = by.map(str::to_owned),
                ("gate", Fact::Text(gate)) => problem.gate = gate.map(str::to_owned),
                ("total", Fact::Money(total)) => {
                    problem.total = Some(total.decimal());
                    problem.currency = Some(total.currency().code().to_owned());
                }
                ("refundable", Fact::Money(refundable)) => {
                    problem.refundable = Some(refundable.decimal());
                    problem.currency = Some(refundable.currency().code().to_owned());
                }
                ("difference", Fact::Money(difference)) => {
                    problem.difference = Some(difference.decimal());
                    problem.currency = Some(difference.currency().code().to_owned());
                }
                ("questions", Fact::Text(questions)) => problem.questions = questions.map(str::to_owned),
                // A test checks that no fact of today's refusals ends here.
                _ => {}
            }
        }
        // These are about a field of the body, so they are answered like any other invalid field.
        let field = match refusal {
            Refusal::CategoryUnknown => Some("category_id"),
            Refusal::TotalTooLarge => Some("quantity"),
            _ => None,
        };
        problem.errors = field.map(|field| vec![FieldError::new(field, refusal.to_string())]);
        problem
    }
}

fn gateway_sentence(code: &str) -> &'static str {
    match code {
        "gateway_rejected" => "The payment gateway rejected this payment. You were not charged. Please contact us.",
        "gateway_misconfigured" => "Payments are not available at the moment.",
        _ => "The payment gateway is unavailable. Please try again in a moment.",
    }
}

fn capitalised(what: &str) -> String {
    let mut letters = what.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// The error and everything behind it, for the log.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::CODES;
    use super::*;
    use std::time::Duration;
    use ticketing_core::domain::id::{EventId, TicketTypeId};
    use ticketing_core::gateway::GatewayError;
    use ticketing_core::storage::StorageError;

    fn every_error() -> Vec<Error> {
        let cause = || Box::<dyn std::error::Error + Send + Sync>::from("upstream: password=hunter2");
        let gateway = [
            GatewayError::NotSent,
            GatewayError::CircuitOpen { retry_after: Duration::from_secs(30) },
            GatewayError::OutcomeUnknown,
            GatewayError::Unavailable,
            GatewayError::Rejected { code: Some("upstream".to_owned()) },
            GatewayError::DuplicateReference,
            GatewayError::Auth,
            GatewayError::RateLimited { retry_after: None },
            GatewayError::Malformed,
            GatewayError::Unsupported,
        ];
        let others = [
            Error::invalid("email", "is not an address"),
            Error::NotFound("event"),
            Error::Forbidden("This is for organisers"),
            Error::Unauthenticated("Incorrect email or password"),
            Error::Busy { retry_after: Duration::from_millis(300) },
            Error::Webhook(WebhookError::BadSignature),
            Error::Webhook(WebhookError::Unreadable),
            Error::Storage(StorageError::Unavailable(cause())),
            Error::Storage(StorageError::Unusable("upstream".to_owned())),
            Error::Storage(StorageError::Broken(cause())),
            Error::Configuration("upstream".to_owned()),
        ];
        let refusals = Refusal::examples().into_iter().map(Error::Refused);
        refusals.chain(gateway.into_iter().map(Error::Gateway)).chain(others).collect()
    }

    #[test]
    fn every_error_is_in_the_table_and_contains_no_upstream_text() {
        for error in every_error() {
            let (code, retry_after) = (error.code(), error.retry_after());
            let problem = Problem::from(error);
            assert!(CODES.contains(&(code, problem.status().as_u16())), "{code} is not in the table");
            assert_eq!(problem.code(), code);
            assert!(!problem.detail().is_empty());
            assert_eq!(problem.retry_after.is_some(), retry_after.is_some(), "{code}");
            let text = format!("{problem:?}");
            assert!(!text.contains("upstream") && !text.contains("hunter2"), "{text}");
            let server_error =
                code.starts_with("gateway_") || ["busy", "internal", "storage_unavailable"].contains(&code);
            assert_eq!(problem.status().is_server_error(), server_error, "{code}");
        }
    }

    #[test]
    fn older_clients_get_the_sentences_they_expect() {
        let detail = |refusal: Refusal| Problem::from(refusal).detail().to_owned();
        assert_eq!(detail(Refusal::EmailTaken), "Email already registered");
        assert_eq!(detail(Refusal::EventUnknown { event_id: EventId(7) }), "Event not found");
        assert_eq!(detail(Refusal::SoldOut { ticket_type_id: TicketTypeId(1), available: 0 }), "Event sold out");
        assert_eq!(Problem::from(Error::NotFound("event")).detail(), "Event not found");
    }

    #[test]
    fn every_fact_of_every_refusal_is_a_member_of_its_problem() {
        use poem_openapi::types::ToJSON as _;
        for refusal in Refusal::examples() {
            let problem = Problem::from(refusal.clone()).to_json().unwrap_or_default();
            for (name, _) in refusal.facts() {
                assert!(problem.get(name).is_some_and(|member| !member.is_null()), "{}: {name}", refusal.code());
            }
        }
    }

    #[test]
    fn facts_of_refusals_are_members() {
        let problem = Problem::from(Refusal::SoldOut { ticket_type_id: TicketTypeId(4), available: 2 });
        assert_eq!((problem.ticket_type_id, problem.available), (Some(4), Some(2)));
        let at = jiff::Timestamp::UNIX_EPOCH;
        let problem = Problem::from(Refusal::TicketUsed { used_at: at, gate: Some("north".to_owned()) });
        assert_eq!(problem.used_at.as_deref(), Some("1970-01-01T00:00:00Z"));
        assert_eq!(problem.gate.as_deref(), Some("north"));
        assert_eq!(Problem::from(Refusal::CategoryUnknown).errors()[0].field, "category_id");
    }
}
