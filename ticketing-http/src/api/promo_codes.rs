//! Promo codes, and what an order would cost.

use super::Tag;
use super::bearer::{Caller, MaybeSession};
use super::conditional::{self, seen, tag};
use super::dto::body::Body;
use super::dto::list::{List, page};
use super::dto::path::Id;
use super::dto::promo_code::{PromoCodeBody, PromoCodePatch, PromoCodeView, QuoteBody, QuoteView};
use super::idempotency::reference;
use super::problems::{BODY, KEYED, MEMBER, PARAMETERS, PLACES, TOKEN, problems};
use super::purchases;
use super::state::ApiState;
use poem::Request;
use poem::http::Uri;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};
use ticketing_core::Error;
use ticketing_core::domain::access::Permission;
use ticketing_core::domain::event::Event;
use ticketing_core::domain::id::{EventId, PromoCodeId};
use ticketing_core::domain::promo_code::PromoCode;
use ticketing_core::domain::refusal::Refusal;

/// How often an edit of any version is tried again while others edit the code too.
const MOST_TRIES: u32 = 1000;

problems! {
    CreateProblems: BODY, PARAMETERS, KEYED, TOKEN, MEMBER, &["forbidden", "not_found", "code_taken"];
    ListProblems: PARAMETERS, TOKEN, MEMBER, &["forbidden", "not_found"];
    FindProblems: PARAMETERS, TOKEN, MEMBER, &["not_found"];
    EditProblems: BODY, PARAMETERS, TOKEN, MEMBER, &["not_found", "precondition_required", "stale", "code_taken", "capacity_too_low"];
    QuoteProblems: BODY, PARAMETERS, TOKEN, PLACES;
}

#[derive(ApiResponse)]
enum Created {
    /// The new codes.
    #[oai(status = 201)]
    Created(Json<Vec<PromoCodeView>>),
}

#[derive(ApiResponse)]
enum Found {
    /// The code.
    #[oai(status = 200)]
    Found(Json<PromoCodeView>, #[oai(header = "ETag")] String, #[oai(header = "Cache-Control")] String),
}

impl Found {
    fn of(code: &PromoCode, event: &Event) -> Self {
        Self::Found(Json(PromoCodeView::new(code, event)), tag(code.version), "no-store".to_owned())
    }
}

pub(crate) struct PromoCodes(pub(crate) ApiState);

#[OpenApi(tag = "Tag::Events")]
impl PromoCodes {
    /// Create promo codes
    ///
    /// For the event's organiser. One code, or with `count` a batch of random ones. A code gives a discount, access to secret ticket
    /// types, or both. Repeating the request creates nothing twice.
    #[oai(path = "/events/:event_id/codes", method = "post", operation_id = "createPromoCodes")]
    async fn create(
        &self,
        http: &Request,
        caller: Caller,
        /// The event's id.
        event_id: Path<Id>,
        body: Body<PromoCodeBody>,
    ) -> Result<Created, CreateProblems> {
        let (id, who): (EventId, _) = (event_id.0.get("event_id")?.into(), caller.who());
        let event = self.0.ticketing.event_for(&who, id, Permission::Edit).await?;
        let (settings, count) = body.0.into_settings(&event)?;
        let codes = match count {
            None => vec![self.0.ticketing.create_promo_code(&who, id, settings).await?],
            Some(count) => {
                let key = reference(http, "promo codes");
                self.0.ticketing.create_promo_codes(&who, id, settings, count, key).await?
            }
        };
        Ok(Created::Created(Json(codes.iter().map(|code| PromoCodeView::new(code, &event)).collect())))
    }

    /// List an event's promo codes
    ///
    /// For its organiser. Oldest first.
    #[oai(path = "/events/:event_id/codes", method = "get", operation_id = "listPromoCodes")]
    async fn list(
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
    ) -> Result<List<PromoCodeView>, ListProblems> {
        let (id, who): (EventId, _) = (event_id.0.get("event_id")?.into(), caller.who());
        let request = page(skip.0, limit.0, count.0);
        let event = self.0.ticketing.event_for(&who, id, Permission::Edit).await?;
        let found = self.0.ticketing.promo_codes(&who, id, request).await?;
        Ok(List::new(found, request, uri, &self.0.settings, |code| PromoCodeView::new(&code, &event)))
    }

    /// Get a promo code
    ///
    /// For the event's organiser. The `ETag` is the version; it changes with every edit, and not with uses.
    #[oai(path = "/codes/:code_id", method = "get", operation_id = "getPromoCode")]
    async fn find(
        &self,
        caller: Caller,
        /// The code's id.
        code_id: Path<Id>,
    ) -> Result<Found, FindProblems> {
        let id: PromoCodeId = code_id.0.get("code_id")?.into();
        let code = self.0.ticketing.promo_code(&caller.who(), id).await?;
        let event = self.0.ticketing.event(code.event_id).await?;
        Ok(Found::of(&code, &event))
    }

    /// Edit a promo code
    ///
    /// For the event's organiser. A merge patch (RFC 7396), with `If-Match` as for the settings of an event. Orders keep what they were
    /// made with. A code cannot be deleted: pause it.
    #[oai(path = "/codes/:code_id", method = "patch", operation_id = "editPromoCode")]
    async fn edit(
        &self,
        caller: Caller,
        /// The code's id.
        code_id: Path<Id>,
        /// The `ETag` of the code that was read, or `*`.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<PromoCodePatch>,
    ) -> Result<Found, EditProblems> {
        let id: PromoCodeId = code_id.0.get("code_id")?.into();
        let if_match = conditional::required(if_match.0, "code")?;
        let who = caller.who();
        let mut tries = 0;
        loop {
            tries += 1;
            let code = self.0.ticketing.promo_code(&who, id).await?;
            let event = self.0.ticketing.event(code.event_id).await?;
            let wanted = body.0.onto(code.settings(), &event)?;
            let named = seen(&if_match, code.version);
            // The patch was applied to this version, so it may change no other.
            match self.0.ticketing.edit_promo_code(&who, id, named.or(Some(code.version)), wanted).await {
                Ok(edited) => return Ok(Found::of(&edited, &event)),
                // Somebody else has edited it meanwhile, and the caller accepts any version.
                Err(Error::Refused(Refusal::Stale { .. })) if named.is_none() && tries < MOST_TRIES => {}
                Err(error) => return Err(conditional::refused(error).into()),
            }
        }
    }

    /// Ask what an order would cost
    ///
    /// Line by line, with a promo code or without. Holds nothing. Send the total as `expect_total` with the order to be asked again if
    /// the price changes meanwhile. Without a token, for a guest who has given no address.
    #[oai(path = "/events/:event_id/quote", method = "post", operation_id = "quoteOrder")]
    async fn quote(
        &self,
        http: &Request,
        session: MaybeSession,
        /// The event's id.
        event_id: Path<Id>,
        body: Body<QuoteBody>,
    ) -> Result<Json<QuoteView>, QuoteProblems> {
        let request = body.0.into_request(event_id.0.get("event_id")?.into());
        let buyer = session.0.map(|session| session.buyer());
        let has_code = request.promo_code.is_some();
        let quote = async {
            match &buyer {
                Some(buyer) => self.0.ticketing.quote(buyer, request).await,
                None => self.0.ticketing.quote_as_guest(request).await,
            }
        };
        let quote = purchases::naming_a_code(&self.0, http, has_code, quote).await?;
        Ok(Json((&quote).into()))
    }
}
