//! The door.

use super::Tag;
use super::bearer::Caller;
use super::dto::body::Body;
use super::dto::check_in::{AnnulledView, CheckInBody, CheckInView};
use super::dto::path::Name;
use super::problems::{BODY, KEYED, TOKEN, problems};
use super::state::ApiState;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use ticketing_core::domain::access::Permission;

problems! {
    CheckInProblems: BODY, KEYED, TOKEN, &[
        "not_found", "ticket_unknown", "ticket_foreign", "wrong_event", "ticket_used", "ticket_refunded",
        "ticket_cancelled", "ticket_transferred", "answers_required", "nonce_reused", "scan_annulled",
    ];
    AnnulProblems: KEYED, TOKEN, &["scan_unknown", "annul_too_late"];
}

pub(crate) struct CheckIns(pub(crate) ApiState);

#[OpenApi(tag = "Tag::Door")]
impl CheckIns {
    /// Check in a ticket
    ///
    /// For the event's organiser, and members of the organisation that runs it whose role has `door`. Only the first scan of a ticket succeeds; later ones are told when and where it was. With
    /// `event_id`, a ticket of another event is refused and stays unused.
    #[oai(path = "/check-ins", method = "post", operation_id = "checkIn")]
    async fn check_in(&self, caller: Caller, body: Body<CheckInBody>) -> Result<Json<CheckInView>, CheckInProblems> {
        let scan = body.0.into_scan(caller.who())?;
        // From the account or the key that came with the token: it is not looked up again while people wait.
        let scope = self.0.ticketing.authorize(&caller.0, Permission::Door).await?;
        let check_in = self.0.ticketing.check_in(scan.with_scope(scope)).await?;
        Ok(Json(check_in.into()))
    }

    /// Undo a scan
    ///
    /// For the same people, up to 15 minutes after the scan. The ticket admits its holder again, under the nonce of a new
    /// scan. A repeat changes nothing.
    #[oai(path = "/door/scans/:nonce/annul", method = "post", operation_id = "annulScan")]
    async fn annul(
        &self,
        caller: Caller,
        /// The scan's nonce.
        nonce: Path<Name>,
    ) -> Result<Json<AnnulledView>, AnnulProblems> {
        let check_in = self.0.ticketing.annul_scan(&caller.who(), &nonce.0.0).await?;
        Ok(Json(check_in.into()))
    }
}
