use super::{ApiKey, BY_MAKER, MAX_API_KEYS};
use crate::domain::access::{Permission, Permissions};
use crate::domain::account::Account;
use crate::domain::audit::Actor;
use crate::domain::command::Command;
use crate::domain::id::ApiKeyId;
use crate::domain::load::LoadKeys;
use crate::domain::organisation::Organisation;
use crate::domain::refusal::Refusal;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// What shall become of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ApiKeyWants {
    /// It stops working with the next request.
    Revoked,
    /// The actor is its maker from now on, so it goes on working when the one before leaves the organisation.
    TakenOver,
}

/// Revokes a key, or takes it over. What is so already is no change.
///
/// - A key is revoked by its maker, by members of its organisation who have [`Permission::Manage`] for all events, by administrators and
///   by the operator.
/// - Only a key of an organisation is taken over, by a member who has [`Permission::Manage`] and every permission of the key for all
///   events. One that was revoked or has expired is not.
/// - A member without a second factor does neither with the key of another, if the organisation requires one.
/// - Nobody else learns whether there is such a key.
/// - Each change is a line of the audit log of the maker's account, and of the organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManageApiKey {
    /// The key.
    pub id: ApiKeyId,
    /// Who does it.
    pub actor: Actor,
    /// What shall become of it.
    pub wants: ApiKeyWants,
}

impl Command for ManageApiKey {
    type Outcome = Result<ApiKey, Refusal>;
    const NAME: &'static str = "manage_api_key";

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        // The account first: its lock has the lower rank, and its keys are counted under it.
        if let Some(id) = self.actor.account() {
            load.row::<Account>(&id);
        }
        if let (ApiKeyWants::TakenOver, Some(id)) = (self.wants, self.actor.account()) {
            load.find(BY_MAKER, &id.to_string());
        }
        load.row::<ApiKey>(&self.id);
        if let Some(id) = rows.api_keys.loaded_row(&self.id).and_then(|key| key.organisation_id) {
            load.look::<Organisation>(&id);
        }
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<ApiKey, Refusal> {
        let key = rows.api_keys.get(&self.id).cloned().ok_or(Refusal::ApiKeyUnknown)?;
        let actor = self.actor.account().and_then(|id| rows.accounts.get(&id)).filter(|account| account.is_active);
        let is_maker = actor.is_some_and(|account| account.id == key.maker);
        let both = key.organisation_id.zip(actor);
        let rights = both.map_or(Permissions::NONE, |(id, account)| account.memberships.rights_in(id));
        let manages = rights.has(Permission::Manage);
        let is_admin = actor.is_some_and(Account::is_acting_admin) || self.actor == Actor::Operator;
        if !(is_maker || manages || is_admin) {
            return Err(Refusal::ApiKeyUnknown);
        }
        let organisation = key.organisation_id.and_then(|id| rows.organisations.get(&id));
        if !is_maker && !is_admin && organisation.zip(actor).is_some_and(|(of, actor)| !of.admits(actor)) {
            return Err(Refusal::SecondFactorRequired);
        }
        let mut changed = key.clone();
        let action = match self.wants {
            ApiKeyWants::Revoked if key.revoked_at.is_some() => return Ok(key),
            ApiKeyWants::Revoked => {
                changed.revoked_at = Some(now);
                "api_key.revoked"
            }
            ApiKeyWants::TakenOver if !key.is_open(now) => return Err(Refusal::ApiKeyUnknown),
            ApiKeyWants::TakenOver if is_maker => return Ok(key),
            ApiKeyWants::TakenOver => {
                let Some(new) = actor.filter(|_| manages && rights.cover(key.permissions)) else {
                    return Err(Refusal::NotGranted);
                };
                let own = rows.api_keys.all(BY_MAKER, &new.id.to_string()).filter(|own| own.is_open(now)).count();
                if own >= MAX_API_KEYS as usize {
                    return Err(Refusal::TooManyApiKeys { limit: MAX_API_KEYS.into() });
                }
                changed.maker = new.id;
                "api_key.taken_over"
            }
        };
        rows.record_api_key(now, self.actor.clone(), &changed, action);
        rows.api_keys.update(&self.id, |row| row.clone_from(&changed));
        Ok(changed)
    }
}
