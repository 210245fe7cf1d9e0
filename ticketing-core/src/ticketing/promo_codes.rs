//! Promo codes, and what an order would cost.

use super::authorization::unless_known;
use super::checks::Checks;
use super::events::check_page;
use super::orders::not_held;
use super::{OrderRequest, Ticketing, refused};
use crate::domain::access::Permission;
use crate::domain::code::{Reference, Seed};
use crate::domain::event::{Event, MAX_TICKET_TYPES};
use crate::domain::id::{EventId, PromoCodeId, TicketTypeId};
use crate::domain::order::{MAX_TICKETS_PER_ORDER, Quote, QuoteHold};
use crate::domain::page::{Page, PageRequest};
use crate::domain::principal::{Buyer, Principal};
use crate::domain::promo_code::{
    ALL, Discount, EditPromoCode, FindPromoCode, ListPromoCodes, PromoCode, PromoCodeSettings, PutPromoCode,
};
use crate::domain::refusal::Refusal;
use crate::error::{Error, Result};
use crate::storage::StorageExt as _;
use std::collections::BTreeSet;

/// The most codes of one batch.
pub const MAX_CODES: usize = 5000;

impl Ticketing {
    /// Creates a promo code for an event. A repeat with the same settings finds the same code. Allowed for the event's organiser and
    /// administrators.
    ///
    /// Refusals: `code_taken`.
    pub async fn create_promo_code(
        &self,
        actor: &Principal,
        event_id: EventId,
        settings: PromoCodeSettings,
    ) -> Result<PromoCode> {
        let event = self.event_for(actor, event_id, Permission::Edit).await?;
        check_settings(&event, &settings, None)?;
        let put = PutPromoCode { event_id, actor: actor.clone(), settings };
        self.inner.storage.apply_one(self.now(), put).await?.map_err(refused)
    }

    /// Creates many codes at once, 1 to [`MAX_CODES`], each good for one ticket unless `settings` says otherwise. Their texts are the
    /// text of `settings`, a hyphen and ten random symbols. A repeat with the same key finds the codes of the first call: the
    /// texts follow from the key, so it must be hard to guess.
    pub async fn create_promo_codes(
        &self,
        actor: &Principal,
        event_id: EventId,
        settings: PromoCodeSettings,
        count: usize,
        key: Option<Reference>,
    ) -> Result<Vec<PromoCode>> {
        let event = self.event_for(actor, event_id, Permission::Edit).await?;
        let mut checks = Checks::default();
        checks.require("count", (1..=MAX_CODES).contains(&count), || format!("must be 1–{MAX_CODES} (got {count})"));
        let fits = settings.text.as_str().len() <= 29;
        checks.require("text", fits, || "must be at most 29 characters: ten random ones follow".to_owned());
        checks.done()?;
        let settings = PromoCodeSettings { max_uses: settings.max_uses.or(Some(1)), ..settings };
        check_settings(&event, &settings, None)?;
        let seed = match &key {
            // The same key gives the same texts.
            Some(key) => Seed::of_reference(key),
            None => self.inner.random.seed(),
        };
        let put = |number: usize| {
            let random = Reference::derived(&seed, &format!("promo code {number}")).to_string().to_ascii_uppercase();
            let text = format!("{}-{}", settings.text, random.chars().take(10).collect::<String>());
            let text =
                text.parse().map_err(|_| Error::Configuration("a code of random symbols is a code".to_owned()))?;
            Ok(PutPromoCode {
                event_id,
                actor: actor.clone(),
                settings: PromoCodeSettings { text, ..settings.clone() },
            })
        };
        let puts = (0..count).map(put).collect::<Result<Vec<_>>>()?;
        let outcomes = self.inner.storage.apply(self.now(), &puts).await?;
        outcomes.into_iter().map(|outcome| outcome.map_err(refused)).collect()
    }

    /// Changes a promo code into what it shall be, if it is still the version that was seen. What is so already is no change, so a repeat
    /// is harmless. Orders keep what they were made with. Allowed for the event's organiser and administrators.
    ///
    /// Refusals: `stale`, `code_taken`, `capacity_too_low` (with how many uses are taken).
    pub async fn edit_promo_code(
        &self,
        actor: &Principal,
        id: PromoCodeId,
        seen: Option<i64>,
        settings: PromoCodeSettings,
    ) -> Result<PromoCode> {
        let code = self.promo_code(actor, id).await?;
        let event = self.event(code.event_id).await?;
        if code.settings() == settings {
            return Ok(code);
        }
        if seen.is_some_and(|seen| seen != code.version) {
            return Err(refused(Refusal::Stale { current: code.version }));
        }
        check_settings(&event, &settings, Some(&code))?;
        let edit = EditPromoCode { id, actor: actor.clone(), seen, settings };
        self.inner.storage.apply_one(self.now(), edit).await?.map_err(refused)
    }

    /// A promo code. Allowed for the event's organiser and administrators; for others there is none.
    pub async fn promo_code(&self, actor: &Principal, id: PromoCodeId) -> Result<PromoCode> {
        let missing = || Error::NotFound("Promo code");
        let code = self.inner.storage.find(FindPromoCode::Id(id)).await?.ok_or_else(missing)?;
        let event = self.event(code.event_id).await?;
        self.may(actor, Permission::Edit, &event).await.map_err(|error| unless_known(error, missing()))?;
        Ok(code)
    }

    /// Lists the promo codes of an event, the oldest first. Allowed for the event's organiser and administrators.
    pub async fn promo_codes(
        &self,
        actor: &Principal,
        event_id: EventId,
        page: PageRequest,
    ) -> Result<Page<PromoCode>> {
        check_page(page)?;
        let event = self.event(event_id).await?;
        let scope = self.scope_over(actor, Permission::Edit, &event).await?;
        Ok(self.inner.storage.find(ListPromoCodes { scope, event_id, page }).await?)
    }

    /// What an order would cost, line by line. Holds nothing.
    ///
    /// Refusals: as [`hold`](Self::hold).
    pub async fn quote(&self, buyer: &Buyer, request: OrderRequest) -> Result<Quote> {
        let quote = QuoteHold { hold: self.new_hold(buyer, request)?, now: self.now() };
        self.inner.storage.find(quote).await?.map_err(not_held)
    }

    /// The same for a guest who has given no address: limits for buyers do not count anything else that the guest has.
    ///
    /// Refusals: as [`hold_as_guest`](Self::hold_as_guest).
    pub async fn quote_as_guest(&self, request: OrderRequest) -> Result<Quote> {
        let nobodys = Reference::of_order(&self.inner.random.seed());
        let request = request.with_reference(nobodys.clone());
        self.quote(&Buyer::guest(nobodys, None), request).await
    }

    /// The secret ticket types of an event that a code gives access to now, which may be none. `None` if it is no code that is good.
    pub async fn unlocked_types(&self, event: &Event, code: &str) -> Result<Option<Vec<TicketTypeId>>> {
        let Ok(text) = code.parse() else { return Ok(None) };
        let code = self.inner.storage.find(FindPromoCode::Text(event.id, text)).await?;
        let now = self.now();
        let good = code.filter(|code| code.is_good(now));
        Ok(good.map(|code| code.unlocks))
    }
}

/// Validates what a code shall be; `of` is the code that exists. It may keep ticket types that were removed meanwhile: otherwise it could
/// not even be paused.
fn check_settings(event: &Event, settings: &PromoCodeSettings, of: Option<&PromoCode>) -> Result<()> {
    let kept: BTreeSet<&TicketTypeId> =
        of.into_iter().flat_map(|code| code.ticket_types.iter().chain(&code.unlocks)).collect();
    let least_uses = if of.is_some() { 0 } else { 1 };
    let mut checks = Checks::default();
    match settings.discount {
        Discount::Percent(points) => checks.require("discount", points <= ALL, || {
            format!("must be at most 100 % (got {}.{:02} %)", points / 100, points % 100)
        }),
        Discount::Each(each) => {
            checks.require("discount", each >= 0, || format!("must not be below zero (got {each})"))
        }
        Discount::Nothing => {}
    }
    for (field, ids) in [("ticket_types", &settings.ticket_types), ("unlocks", &settings.unlocks)] {
        let unique: BTreeSet<&TicketTypeId> = ids.iter().collect();
        checks.require(field, unique.len() == ids.len(), || "must name each ticket type once".to_owned());
        // More than this many are twice or unknown.
        for (index, id) in ids.iter().enumerate().take(2 * MAX_TICKET_TYPES) {
            let is_offered = event.ticket_type(*id).is_some_and(|of| of.removed_at.is_none());
            let is_known = is_offered || kept.contains(id);
            checks.require(&format!("{field}[{index}]"), is_known, || {
                format!("must be a ticket type of the event that is not removed (got {id})")
            });
        }
    }
    checks.require("valid_until", settings.valid.is_possible(), || "must be after valid_from".to_owned());
    let mut count = |field: &str, found: Option<i64>, least: i64, most: i64| {
        let fits = found.is_none_or(|found| (least..=most).contains(&found));
        checks.require(field, fits, || format!("must be {least}–{most} (got {})", found.unwrap_or_default()));
    };
    count("max_per_order", settings.max_per_order.map(i64::from), 1, MAX_TICKETS_PER_ORDER.into());
    count("max_per_buyer", settings.max_per_buyer.map(i64::from), 1, 1_000_000);
    count("max_uses", settings.max_uses, least_uses, 1_000_000_000);
    checks.optional_text("note", settings.note.as_deref(), 500);
    checks.done()
}
