//! The settings of events, for their organisers: editing, publishing, pausing.

use super::Tag;
use super::bearer::Caller;
use super::conditional::{self, seen, tag};
use super::dto::body::Body;
use super::dto::copies::{Copies, CopiesBody, CopiesView};
use super::dto::event::EventView;
use super::dto::field::Faults;
use super::dto::list::{List, page};
use super::dto::path::Id;
use super::dto::payment::HistoryView;
use super::dto::settings::SettingsPatch;
use super::dto::settings_view::SettingsView;
use super::problems::{BODY, KEYED, MEMBER, PARAMETERS, TOKEN, problems};
use super::state::ApiState;
use poem::http::Uri;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};
use ticketing_core::domain::access::Permission;
use ticketing_core::domain::event::{Event, EventWants};
use ticketing_core::domain::id::EventId;

problems! {
    FindProblems: PARAMETERS, TOKEN, MEMBER, &["forbidden", "not_found"];
    EditProblems: BODY, PARAMETERS, TOKEN, MEMBER, &[
        "forbidden", "not_found", "precondition_required", "stale", "capacity_too_low", "has_orders", "last_type", "event_over",
        "event_cancelled", "category_unknown", "organisation_unknown", "email_unverified",
    ];
    CopyProblems: BODY, PARAMETERS, KEYED, TOKEN, MEMBER, &["forbidden", "not_found", "key_reused", "email_unverified"];
    PublishProblems: PARAMETERS, KEYED, TOKEN, MEMBER, &[
        "forbidden", "not_found", "last_type", "event_over", "event_cancelled", "email_unverified",
    ];
    PhaseProblems: PARAMETERS, KEYED, TOKEN, MEMBER, &[
        "forbidden", "not_found", "has_orders", "last_type", "event_over", "event_cancelled",
    ];
}

#[derive(ApiResponse)]
enum Settings {
    /// The settings.
    #[oai(status = 200)]
    Found(Json<SettingsView>, #[oai(header = "ETag")] String, #[oai(header = "Cache-Control")] String),
}

#[derive(ApiResponse)]
enum Copied {
    /// The dates that would be created.
    #[oai(status = 200)]
    Preview(Json<CopiesView>),
    /// The copies.
    #[oai(status = 201)]
    Created(Json<CopiesView>),
}

impl Settings {
    fn of(event: &Event) -> Self {
        Self::Found(Json(event.into()), tag(event.version), "no-store".to_owned())
    }
}

/// Rejects every price, where the server takes no payments.
fn free_only(wants: &EventWants, faults: &mut Faults) {
    for (index, kind) in wants.ticket_types.iter().flatten().enumerate() {
        if let Some(price) = kind.price.filter(|price| !price.is_zero()) {
            let message = format!("must be 0 (got {}): this server takes no payments", price.decimal());
            faults.add(format!("ticket_types.{index}.price"), message);
        }
    }
}

pub(crate) struct EventSettings(pub(crate) ApiState);

#[OpenApi(tag = "Tag::Events")]
impl EventSettings {
    /// Get an event's settings
    ///
    /// For its organiser. The `ETag` is the version; it changes with every edit, and not with sales.
    #[oai(path = "/events/:event_id/settings", method = "get", operation_id = "getEventSettings")]
    async fn settings(
        &self,
        caller: Caller,
        /// The event's id.
        event_id: Path<Id>,
    ) -> Result<Settings, FindProblems> {
        let id: EventId = event_id.0.get("event_id")?.into();
        Ok(Settings::of(&self.0.ticketing.managed_event(&caller.who(), id).await?))
    }

    /// Edit an event
    ///
    /// For its organiser. A merge patch (RFC 7396): a field that is left out stays as it is. `If-Match` must have the `ETag` of the
    /// settings that were read, or `*` for any. An edit that changes nothing succeeds, so repeating a request is harmless. Orders
    /// keep their prices, and places that are held can still be paid. Another date or place of a published event is mailed to
    /// everybody who has paid, ten minutes after the last change; `refund_until` says until when they may return their tickets.
    #[oai(path = "/events/:event_id/settings", method = "patch", operation_id = "editEvent")]
    async fn edit(
        &self,
        caller: Caller,
        /// The event's id.
        event_id: Path<Id>,
        /// The `ETag` of the settings that were read, or `*`.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<SettingsPatch>,
    ) -> Result<Settings, EditProblems> {
        let id: EventId = event_id.0.get("event_id")?.into();
        let if_match = conditional::required(if_match.0, "settings")?;
        let who = caller.who();
        let event = self.0.ticketing.event_for(&who, id, Permission::Edit).await?;
        let (wants, mut faults) = body.0.into_wants(&who, &event);
        if !self.0.settings.takes_payments {
            free_only(&wants, &mut faults);
        }
        if !faults.is_empty() {
            return Err(faults.and(self.0.ticketing.check_event_edit(&event, &wants).await).into());
        }
        let edited = self.0.ticketing.edit_event(&who, id, seen(&if_match, event.version), wants).await;
        Ok(Settings::of(&edited.map_err(conditional::refused)?))
    }

    /// List what was done to an event
    ///
    /// For its organiser, and members with `edit`. Edits with the values before and after, and promo codes; oldest first. It names people and
    /// API keys by their ids. What was decided about a payment is in `GET /payments/{reference}`.
    #[oai(path = "/events/:event_id/audit", method = "get", operation_id = "listEventAudit")]
    async fn audit(
        &self,
        caller: Caller,
        uri: &Uri,
        /// The event's id.
        event_id: Path<Id>,
        /// Number of items to skip.
        skip: Query<Option<u64>>,
        /// Page size, 1–1000 (default 100).
        limit: Query<Option<u32>>,
        /// Return the total count in `X-Total-Count`.
        count: Query<Option<bool>>,
    ) -> Result<List<HistoryView>, FindProblems> {
        let request = page(skip.0, limit.0, count.0);
        let found = self.0.ticketing.event_audit(&caller.who(), event_id.0.get("event_id")?.into(), request).await?;
        Ok(List::new(found, request, uri, &self.0.settings, |line| (&line).into()))
    }

    /// Publish an event
    ///
    /// For its organiser. A draft is listed and on sale from now on. It must begin in the future and have a public ticket type; all
    /// that is missing is listed. Where only accounts with a verified address may sell, others get 403 `email_unverified`. Repeating the
    /// request has no further effect.
    #[oai(path = "/events/:event_id/publish", method = "post", operation_id = "publishEvent")]
    async fn publish(
        &self,
        caller: Caller,
        /// The event's id.
        event_id: Path<Id>,
    ) -> Result<Json<EventView>, PublishProblems> {
        let id = event_id.0.get("event_id")?.into();
        Ok(Json((&self.0.ticketing.publish_event(&caller.who(), id).await?).into()))
    }

    /// Make an event a draft again
    ///
    /// For its organiser. Only while no order is held or paid; later, pause its sales. Repeating the request has no further effect.
    #[oai(path = "/events/:event_id/unpublish", method = "post", operation_id = "unpublishEvent")]
    async fn unpublish(
        &self,
        caller: Caller,
        /// The event's id.
        event_id: Path<Id>,
    ) -> Result<Json<EventView>, PhaseProblems> {
        let id = event_id.0.get("event_id")?.into();
        Ok(Json((&self.0.ticketing.unpublish_event(&caller.who(), id).await?).into()))
    }

    /// Pause an event's sales
    ///
    /// For its organiser. The event stays listed, and places that are held can still be paid. Repeating the request has no further
    /// effect.
    #[oai(path = "/events/:event_id/pause", method = "post", operation_id = "pauseSales")]
    async fn pause(
        &self,
        caller: Caller,
        /// The event's id.
        event_id: Path<Id>,
    ) -> Result<Json<EventView>, PhaseProblems> {
        let id = event_id.0.get("event_id")?.into();
        Ok(Json((&self.0.ticketing.pause_sales(&caller.who(), id).await?).into()))
    }

    /// Resume an event's sales
    ///
    /// For its organiser. Repeating the request has no further effect.
    #[oai(path = "/events/:event_id/resume", method = "post", operation_id = "resumeSales")]
    async fn resume(
        &self,
        caller: Caller,
        /// The event's id.
        event_id: Path<Id>,
    ) -> Result<Json<EventView>, PhaseProblems> {
        let id = event_id.0.get("event_id")?.into();
        Ok(Json((&self.0.ticketing.resume_sales(&caller.who(), id).await?).into()))
    }

    /// Copy an event to other dates
    ///
    /// For its organiser. Each copy is an event of its own, with the texts, ticket types, rules and promo codes of the original, and nothing
    /// sold.
    /// Its end and its sales times keep their distance from the start, in wall time. All of them form one series: list it with
    /// `GET /events?series=`. At most 366 dates. Repeating the request creates nothing twice.
    #[oai(path = "/events/:event_id/copies", method = "post", operation_id = "copyEvent")]
    async fn copies(
        &self,
        caller: Caller,
        /// The event's id.
        event_id: Path<Id>,
        body: Body<CopiesBody>,
    ) -> Result<Copied, CopyProblems> {
        let id: EventId = event_id.0.get("event_id")?.into();
        let who = caller.who();
        let event = self.0.ticketing.event_for(&who, id, Permission::Edit).await?;
        let Copies { starts_at, status, is_preview } = body.0.into_copies(&event)?;
        if is_preview {
            self.0.ticketing.check_copies(&event, &starts_at, status).await?;
            return Ok(Copied::Preview(Json(CopiesView::new(&event, &starts_at, &[]))));
        }
        let copies = self.0.ticketing.copy_event(&who, id, &starts_at, status).await?;
        Ok(Copied::Created(Json(CopiesView::new(&event, &starts_at, &copies))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_match_is_read_in_every_form() {
        assert_eq!(seen("*", 3), None);
        assert_eq!(seen("\"v3\"", 3), Some(3));
        assert_eq!(seen("\"v2\"", 3), Some(2));
        assert_eq!(seen("\"v2\", \"v3\"", 3), Some(3));
        for other in ["", "v3", "\"3\"", "W/\"v3\"", "\"v3", "\"vx\"", "\"x\""] {
            assert_eq!(seen(other, 3), Some(0), "{other}");
        }
    }
}
