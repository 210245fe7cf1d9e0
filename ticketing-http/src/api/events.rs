//! Events.

use super::bearer::{Caller, MaybeCaller};
use super::dto::body::Body;
use super::dto::event::{EventBody, EventRequest, EventView};
use super::dto::field::Faults;
use super::dto::list::{List, page};
use super::dto::path::Id;
use super::dto::time::Time;
use super::event_read::{PrerenderedJson, RenderedEvent};
use super::idempotency::reference;
use super::problems::{BODY, KEYED, MEMBER, PARAMETERS, TOKEN, problems};
use super::purchases;
use super::state::ApiState;
use super::{Tag, etag, event_list};
use crate::problem::Problem;
use poem::Request;
use poem::http::Uri;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::types::ToJSON as _;
use poem_openapi::{ApiResponse, Enum, OpenApi};
use ticketing_core::Error;
use ticketing_core::domain::access::Permission;
use ticketing_core::domain::event::{EventFilter, EventPhase, EventSort, EventStatus, GENERAL_ADMISSION, NewEvent};
use ticketing_core::domain::id::{EventId, OrganisationId};
use ticketing_core::domain::principal::Principal;

problems! {
    CreateProblems: BODY, KEYED, TOKEN, MEMBER, &["category_unknown", "forbidden", "not_found", "organisation_unknown"];
    ListProblems: PARAMETERS, TOKEN;
    FindProblems: PARAMETERS, &["not_found", "code_unknown", "too_many_codes"];
    CancelProblems: PARAMETERS, KEYED, TOKEN, MEMBER, &["forbidden", "not_found"];
}

/// A client may keep an event, but must revalidate it every time: places are sold in the meantime.
pub(super) const CACHE: &str = "no-cache";

/// The organiser of events that were created without a token.
const NOBODY: &str = "anonymous";

/// The order of events.
#[derive(Clone, Copy, Enum)]
enum Sort {
    /// Oldest first.
    #[oai(rename = "id")]
    Id,
    /// Earliest start first.
    #[oai(rename = "date")]
    Date,
    /// Latest start first.
    #[oai(rename = "-date")]
    DateDescending,
    /// By title.
    #[oai(rename = "title")]
    Title,
}

/// Where an event is in its life.
#[derive(Clone, Copy, Enum)]
#[oai(rename_all = "snake_case")]
enum Phase {
    /// In preparation.
    Draft,
    /// Published, and not started.
    Upcoming,
    /// Started, and not ended.
    Running,
    /// Ended. An event without an end ends 24 hours after its start.
    Ended,
    /// Cancelled.
    Cancelled,
}

impl From<Phase> for EventPhase {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Draft => Self::Draft,
            Phase::Upcoming => Self::Upcoming,
            Phase::Running => Self::Running,
            Phase::Ended => Self::Ended,
            Phase::Cancelled => Self::Cancelled,
        }
    }
}

impl From<Sort> for EventSort {
    fn from(sort: Sort) -> Self {
        match sort {
            Sort::Id => Self::Id,
            Sort::Date => Self::Date,
            Sort::DateDescending => Self::DateDescending,
            Sort::Title => Self::Title,
        }
    }
}

#[derive(ApiResponse)]
enum Created {
    /// The new event.
    #[oai(status = 201)]
    Created(Json<EventView>, #[oai(header = "Location")] String),
}

#[derive(ApiResponse)]
enum Found {
    /// The event.
    #[oai(status = 200)]
    Found(PrerenderedJson<EventView>, #[oai(header = "ETag")] String, #[oai(header = "Cache-Control")] String),
    /// The client's copy is up to date.
    #[oai(status = 304)]
    NotModified(#[oai(header = "ETag")] String, #[oai(header = "Cache-Control")] String),
}

pub(crate) struct Events(pub(crate) ApiState);

#[OpenApi(tag = "Tag::Events")]
impl Events {
    /// Create an event
    ///
    /// The caller becomes its organiser, who checks in tickets and sees payments; or the organisation, whose members do so by their
    /// roles. An API key with `edit` for all events of an organiser creates it for that organiser. Where only accounts with a verified
    /// address may sell, an event with a price is created as a draft, and `notice` says why.
    #[oai(path = "/events/", method = "post", operation_id = "createEvent")]
    async fn create(
        &self,
        http: &Request,
        caller: MaybeCaller,
        body: Body<EventBody>,
    ) -> Result<Created, CreateProblems> {
        let is_verified = caller.0.as_ref().is_some_and(|caller| caller.0.account().is_verified);
        let actor = match caller.0 {
            None if self.0.settings.allow_anonymous_events => Principal::External(NOBODY.to_owned()),
            caller => MaybeCaller(caller).required()?.who(),
        };
        let settings = &self.0.settings;
        let EventRequest { event, category, organisation, mut faults } =
            body.0.into_event(self.0.clock.now(), settings.default_currency, &settings.default_time_zone);
        if !settings.takes_payments {
            free_only(&event, &mut faults);
        }
        if !faults.is_empty() {
            let checked = self.0.ticketing.check_new_event(&actor, event, category.as_deref());
            return Err(faults.and(checked).into());
        }
        let event = event.with_key(reference(http, "event"));
        let is_draft = event.is_draft;
        let event = match (organisation, category) {
            (Some(id), category) => self.0.ticketing.create_event_for(&actor, id, event, category.as_deref()).await?,
            (None, Some(category)) => self.0.ticketing.create_event_in(&actor, event, &category).await?,
            (None, None) => self.0.ticketing.create_event(&actor, event).await?,
        };
        // The engine makes a draft of what was to be on sale for one reason only.
        let is_held_back = event.status == EventStatus::Draft && !is_draft && !is_verified;
        let view = EventView::created(&event, is_held_back);
        Ok(Created::Created(Json(view), format!("/events/{}", event.id)))
    }

    /// List events
    ///
    /// Only active events, unless `mine` is true. A list has the first 300 characters of each description and the first 5 ticket types;
    /// `GET /events/{event_id}` has all of them. Prices and numbers are those of all ticket types.
    #[oai(path = "/events/", method = "get", operation_id = "listEvents")]
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the query")]
    async fn list(
        &self,
        http: &Request,
        uri: &Uri,
        /// Number of items to skip.
        skip: Query<Option<u64>>,
        /// Page size, 1–1000 (default 100).
        limit: Query<Option<u32>>,
        /// Return the total count in `X-Total-Count`.
        count: Query<Option<bool>>,
        /// Category name, case-insensitive.
        category: Query<Option<String>>,
        /// Text to search for in title, location and description, case-insensitive.
        q: Query<Option<String>>,
        /// Earliest start.
        from: Query<Option<Time>>,
        /// Start before this time.
        to: Query<Option<Time>>,
        /// Sort order (default `id`).
        sort: Query<Option<Sort>>,
        /// Only events that are in this phase now. Drafts and cancelled events only with `mine`.
        phase: Query<Option<Phase>>,
        /// The dates of this series: the id of its first event.
        series: Query<Option<i64>>,
        /// Only events of this organisation.
        organisation: Query<Option<i64>>,
        /// Only events that the caller organises, alone or as a member of an organisation, in any phase. Needs a token.
        mine: Query<Option<bool>>,
    ) -> Result<List<EventView>, ListProblems> {
        let request = page(skip.0, limit.0, count.0);
        let mine = match mine.0 {
            Some(true) => {
                let caller = MaybeCaller(Caller::of(http).await?).required()?;
                Some(self.0.ticketing.own_scope(&caller.0, Permission::View).await?)
            }
            Some(false) | None => None,
        };
        let phase = phase.0.map(EventPhase::from);
        if mine.is_none() && matches!(phase, Some(EventPhase::Draft | EventPhase::Cancelled)) {
            return Err(
                Problem::invalid_field("phase", "must be upcoming, running or ended unless mine is true").into()
            );
        }
        let filter = EventFilter::default()
            .with_drafts(mine.is_some())
            .with_cancelled(mine.is_some())
            .with_scope(mine)
            .with_organizer(organisation.0.map(|id| Principal::Organisation(OrganisationId(id))))
            .with_series(series.0.map(EventId))
            .with_phase(phase.map(|phase| (phase, self.0.clock.now())))
            .with_category(searchable("category", category.0)?)
            .with_text(searchable("q", q.0)?)
            .with_from(from.0.map(|time| time.0))
            .with_to(to.0.map(|time| time.0))
            .with_sort(sort.0.map(Into::into).unwrap_or_default());
        let mut found = self.0.ticketing.event_ids(&filter, request).await?;
        let body = event_list::body(self.0.ticketing.clone(), std::mem::take(&mut found.items)).await?;
        Ok(List::written(body, &found, request, uri, &self.0.settings))
    }

    /// Get an event
    #[oai(path = "/events/:event_id", method = "get", operation_id = "getEvent")]
    async fn find(
        &self,
        http: &Request,
        /// The event's id.
        event_id: Path<Id>,
        /// A promo code, to see the secret ticket types that it gives access to as well.
        code: Query<Option<String>>,
        /// The `ETag` of the client's copy.
        #[oai(name = "If-None-Match")]
        if_none_match: Header<Option<String>>,
    ) -> Result<Found, FindProblems> {
        let event = self.0.ticketing.shared_event(event_id.0.get("event_id")?.into()).await?;
        if event.is_hidden() {
            return Err(Error::NotFound("Event").into());
        }
        if let Some(code) = code.0.filter(|code| !code.trim().is_empty()) {
            let unlocked = purchases::unlocked(&self.0, http, &event, &code).await?;
            let body = EventView::with_unlocked(&event, &unlocked).to_json_string();
            let tag = etag::of("event", body.as_bytes());
            return Ok(Found::Found(PrerenderedJson::new(body.into()), tag, "no-store".to_owned()));
        }
        let RenderedEvent { body, tag } = self.0.rendered_events.of(&event);
        let (tag, cache) = (tag.to_str().unwrap_or_default().to_owned(), CACHE.to_owned());
        if etag::is_known(&tag, if_none_match.0.as_deref()) {
            return Ok(Found::NotModified(tag, cache));
        }
        Ok(Found::Found(body, tag, cache))
    }

    /// Cancel an event
    ///
    /// For its organiser. Sales and check-ins end immediately; every buyer who paid gets a refund and a mail. Repeating the
    /// request has no further effect.
    #[oai(path = "/events/:event_id/cancel", method = "post", operation_id = "cancelEvent")]
    async fn cancel(
        &self,
        caller: Caller,
        /// The event's id.
        event_id: Path<Id>,
    ) -> Result<Json<EventView>, CancelProblems> {
        let event = self.0.ticketing.cancel_event(&caller.who(), event_id.0.get("event_id")?.into()).await?;
        Ok(Json((&event).into()))
    }
}

/// Rejects every price, where the server takes no payments.
fn free_only(event: &NewEvent, faults: &mut Faults) {
    let is_single = matches!(event.ticket_types.as_slice(), [only] if only.name == GENERAL_ADMISSION);
    for (index, kind) in event.ticket_types.iter().enumerate().filter(|(_, kind)| kind.price.minor() > 0) {
        let field = if is_single { "price".to_owned() } else { format!("ticket_types.{index}.price") };
        faults.add(&field, format!("must be 0 (got {}): this server takes no payments", kind.price.decimal()));
    }
}

/// A text to search for; blank means none. Control characters are rejected here, because some databases cannot store them.
fn searchable(field: &str, text: Option<String>) -> Result<Option<String>, Problem> {
    let mut faults = Faults::default();
    let text = text.filter(|text| !text.trim().is_empty());
    if let Some(text) = &text {
        let found = text.chars().count();
        if found > 200 {
            faults.add(field, format!("must be at most 200 characters (got {found})"));
        }
        if text.chars().any(char::is_control) {
            faults.add(field, "must not contain control characters");
        }
    }
    faults.or(Some(text))
}
