use super::{BY_TEXT, PromoCode, PromoCodeSettings};
use crate::domain::audit::{Actor, Change};
use crate::domain::command::Command;
use crate::domain::event::{Event, Stock};
use crate::domain::id::{EventId, PromoCodeId};
use crate::domain::load::LoadKeys;
use crate::domain::principal::Principal;
use crate::domain::refusal::Refusal;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// Creates a promo code. A repeat with the same settings finds the same code. The caller has validated everything but the text's
/// uniqueness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutPromoCode {
    /// The event.
    pub event_id: EventId,
    /// Who creates it, for the audit log.
    pub actor: Principal,
    /// What it is.
    pub settings: PromoCodeSettings,
}

impl Command for PutPromoCode {
    type Outcome = Result<PromoCode, Refusal>;
    const NAME: &'static str = "put_promo_code";

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        load.row::<Event>(&self.event_id);
        load.find(BY_TEXT, &(self.event_id, self.settings.text.clone()));
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<PromoCode, Refusal> {
        let event_id = self.event_id;
        if rows.events.get(&event_id).is_none() {
            return Err(Refusal::EventUnknown { event_id });
        }
        if let Some(known) = rows.promo_code_by_text(event_id, &self.settings.text) {
            return if known.settings() == self.settings { Ok(known.clone()) } else { Err(Refusal::CodeTaken) };
        }
        let new = PromoCode {
            id: PromoCodeId(rows.promo_codes.take_id()),
            event_id,
            text: self.settings.text.clone(),
            discount: self.settings.discount,
            ticket_types: vec![],
            unlocks: vec![],
            valid: self.settings.valid,
            max_per_order: None,
            max_per_buyer: None,
            uses: Stock::default(),
            paused: false,
            note: None,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        let code = new.with(self.settings.clone());
        rows.promo_codes.insert(code.clone());
        let change = Change { item: Some(code.text.as_str()), ..Change::default() };
        rows.record_audit(now, event_id, Actor::Person(self.actor.clone()), "promo_code.created", "", change);
        Ok(code)
    }
}

/// Changes a promo code into what it shall be, if it is still the version that the caller has seen. What is so already is no change.
/// Orders keep what they were made with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EditPromoCode {
    /// The code.
    pub id: PromoCodeId,
    /// Who edits it, for the audit log.
    pub actor: Principal,
    /// The version that the caller has seen. `None` is any.
    pub seen: Option<i64>,
    /// What it shall be.
    pub settings: PromoCodeSettings,
}

impl Command for EditPromoCode {
    type Outcome = Result<PromoCode, Refusal>;
    const NAME: &'static str = "edit_promo_code";

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.row::<PromoCode>(&self.id);
        if let Some(code) = rows.promo_codes.loaded_row(&self.id) {
            load.find(BY_TEXT, &(code.event_id, self.settings.text.clone()));
        }
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<PromoCode, Refusal> {
        let code = rows.promo_codes.get(&self.id).cloned().ok_or(Refusal::CodeUnknown)?;
        let mut wanted = code.with(self.settings.clone());
        if wanted == code {
            return Ok(code);
        }
        if self.seen.is_some_and(|seen| seen != code.version) {
            return Err(Refusal::Stale { current: code.version });
        }
        let other = rows.promo_code_by_text(code.event_id, &wanted.text);
        if other.is_some_and(|other| other.id != code.id) {
            return Err(Refusal::CodeTaken);
        }
        let taken = code.uses.held + code.uses.sold;
        if wanted.uses.capacity.is_some_and(|max| max < taken) {
            return Err(Refusal::CapacityTooLow { taken, ticket_type_id: None });
        }
        wanted.version += 1;
        wanted.updated_at = now;
        let change = Change { item: Some(code.text.as_str()), after: Some(wanted.text.as_str()), ..Change::default() };
        let actor = Actor::Person(self.actor.clone());
        rows.record_audit(
            now,
            code.event_id,
            actor,
            "promo_code.edited",
            &format!("version {}", wanted.version),
            change,
        );
        rows.promo_codes.update(&self.id, |row| row.clone_from(&wanted));
        Ok(wanted)
    }
}
