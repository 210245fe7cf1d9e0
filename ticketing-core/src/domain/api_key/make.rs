use super::{ApiKey, BY_MAKER, DEFAULT_LIFETIME, MAX_API_KEYS, MAX_LIFETIME, SCANNER_OUTLASTS};
use crate::domain::access::{Permission, Permissions};
use crate::domain::account::Account;
use crate::domain::audit::{Actor, Change};
use crate::domain::command::Command;
use crate::domain::event::Event;
use crate::domain::id::{AccountId, ApiKeyId, EventId, OrganisationId};
use crate::domain::load::LoadKeys;
use crate::domain::organisation::{MemberEvents, Organisation};
use crate::domain::principal::Principal;
use crate::domain::refusal::Refusal;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// Makes an API key. A repeat makes another one: the token is shown once.
///
/// - For the events of an organisation, the maker needs [`Permission::Manage`] for all of them, and every permission that the key gets.
/// - The maker has a second factor, if the organisation requires one.
/// - Every listed event is the organiser's.
/// - Keys of the maker that have expired are put away.
/// - It is a line of the audit log of the account, and of the organisation.
#[derive(Clone, PartialEq, Eq)]
pub struct MakeApiKey {
    /// Who makes it. The caller knows that it is this person, with a second factor if the account has one.
    pub maker: AccountId,
    /// The organisation whose events it is for. `None`: the events that the maker runs alone.
    pub organisation_id: Option<OrganisationId>,
    /// Its name. The caller has validated it.
    pub name: String,
    /// The hash of its token.
    pub hash: String,
    /// What it may do.
    pub permissions: Permissions,
    /// For which events.
    pub events: MemberEvents,
    /// When it stops working. `None`: after [`DEFAULT_LIFETIME`], or for a key that is for the door of listed events,
    /// [`SCANNER_OUTLASTS`] after the last of them ends as it is planned now; [`MAX_LIFETIME`] at most.
    pub expires_at: Option<Timestamp>,
}

/// Without the hash.
impl std::fmt::Debug for MakeApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MakeApiKey")
            .field("maker", &self.maker)
            .field("organisation_id", &self.organisation_id)
            .field("permissions", &self.permissions)
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}

impl Command for MakeApiKey {
    type Outcome = Result<ApiKey, Refusal>;
    const NAME: &'static str = "make_api_key";

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        // A transaction that has locked the account has its keys, so the number of them cannot change meanwhile.
        load.row::<Account>(&self.maker);
        load.find(BY_MAKER, &self.maker.to_string());
        if let Some(id) = self.organisation_id {
            load.look::<Organisation>(&id);
        }
        if let MemberEvents::Only(events) = &self.events {
            events.iter().for_each(|id| load.look::<Event>(id));
        }
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<ApiKey, Refusal> {
        let maker = rows.accounts.get(&self.maker).filter(|account| account.is_active);
        let maker = maker.ok_or(Refusal::AccountUnknown)?;
        if let Some(id) = self.organisation_id {
            maker.memberships.of(id).ok_or(Refusal::OrganisationUnknown)?;
            if rows.organisations.get(&id).is_some_and(|organisation| !organisation.admits(maker)) {
                return Err(Refusal::SecondFactorRequired);
            }
            let rights = maker.memberships.rights_in(id);
            if !rights.has(Permission::Manage) || !rights.cover(self.permissions) {
                return Err(Refusal::NotGranted);
            }
        }
        let organizer = self.organisation_id.map_or(Principal::Account(self.maker), Principal::Organisation);
        if let MemberEvents::Only(events) = &self.events {
            let is_theirs = |id: &EventId| rows.events.get(id).is_some_and(|event| event.organizer == organizer);
            if let Some(foreign) = events.iter().find(|id| !is_theirs(id)) {
                return Err(Refusal::EventUnknown { event_id: *foreign });
            }
        }
        let of_maker = |rows: &WorkingSet| -> Vec<(ApiKeyId, bool)> {
            let keys = rows.api_keys.all(BY_MAKER, &self.maker.to_string());
            keys.map(|key| (key.id, key.is_open(now))).collect()
        };
        for (id, _) in of_maker(rows).into_iter().filter(|(_, is_open)| !is_open) {
            rows.api_keys.update(&id, |key| key.revoked_at = Some(key.expires_at));
        }
        if of_maker(rows).len() >= MAX_API_KEYS as usize {
            return Err(Refusal::TooManyApiKeys { limit: MAX_API_KEYS.into() });
        }
        let key = ApiKey {
            id: ApiKeyId(rows.api_keys.take_id()),
            maker: self.maker,
            organisation_id: self.organisation_id,
            name: self.name.clone(),
            hash: self.hash.clone(),
            permissions: self.permissions,
            events: self.events.clone(),
            created_at: now,
            expires_at: self.expires_at.unwrap_or_else(|| self.usual_end(rows, now)),
            last_used_at: None,
            revoked_at: None,
        };
        rows.api_keys.insert(key.clone());
        rows.record_api_key(now, Actor::Person(Principal::Account(self.maker)), &key, "api_key.made");
        Ok(key)
    }
}

impl MakeApiKey {
    /// When the key stops working, if nobody says.
    fn usual_end(&self, rows: &WorkingSet, now: Timestamp) -> Timestamp {
        let is_scanner = self.permissions == Permissions::of(&[Permission::Door]);
        match &self.events {
            MemberEvents::Only(events) if is_scanner => {
                let ends = events.iter().filter_map(|id| rows.events.get(id)).map(Event::sales_end_at);
                let last = ends.fold(now, Timestamp::max);
                last.checked_add(SCANNER_OUTLASTS).unwrap_or(Timestamp::MAX).min(now + MAX_LIFETIME)
            }
            MemberEvents::Only(_) | MemberEvents::All => now + DEFAULT_LIFETIME,
        }
    }
}

impl WorkingSet {
    /// Writes what was done to a key into the audit log of its maker and of its organisation.
    pub(in crate::domain) fn record_api_key(&mut self, now: Timestamp, actor: Actor, key: &ApiKey, action: &str) {
        let (item, rights) = (format!("api key {}", key.id), key.rights());
        let change = match action {
            "api_key.revoked" => Change { item: Some(&item), before: Some(&rights), ..Change::default() },
            _ => Change { item: Some(&item), after: Some(&rights), ..Change::default() },
        };
        self.record_audit(now, key.maker, actor, action, "", change.in_organisation(key.organisation_id));
    }
}
