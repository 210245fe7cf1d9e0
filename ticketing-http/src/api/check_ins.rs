//! The door.

use super::Tag;
use super::bearer::Session;
use super::dto::body::Body;
use super::dto::check_in::{CheckInBody, CheckInView};
use super::problems::{BODY, KEYED, TOKEN, problems};
use super::state::ApiState;
use poem_openapi::OpenApi;
use poem_openapi::payload::Json;

problems! {
    CheckInProblems: BODY, KEYED, TOKEN, &[
        "not_found", "ticket_unknown", "ticket_foreign", "ticket_used", "ticket_refunded", "ticket_cancelled",
        "ticket_transferred", "nonce_reused",
    ];
}

pub(crate) struct CheckIns(pub(crate) ApiState);

#[OpenApi(tag = "Tag::Door")]
impl CheckIns {
    /// Check in a ticket
    ///
    /// For the event's organiser. Only the first scan of a ticket succeeds; later ones are told when and where it was.
    #[oai(path = "/check-ins", method = "post", operation_id = "checkIn")]
    async fn check_in(&self, session: Session, body: Body<CheckInBody>) -> Result<Json<CheckInView>, CheckInProblems> {
        let check_in = self.0.ticketing.check_in(body.0.into_scan(session.who())?).await?;
        Ok(Json(check_in.into()))
    }
}
