//! What the model test does and reads about people: organisations, members, API keys, sessions, proofs and second factors.

use super::super::commands::{self, People};
use super::super::shop::put_events;
use super::Pair;
use crate::domain::account::{AccountChange, ChangeAccount, ListAuditOfAccount};
use crate::domain::api_key::{FindApiKey, KeysOf, ListApiKeys, MakeApiKey, TouchApiKey};
use crate::domain::event::NewEvent;
use crate::domain::factor::FindFactor;
use crate::domain::id::{AccountId, ApiKeyId, OrganisationId, ProofId, SessionId};
use crate::domain::organisation::{FindOrganisations, FoundOrganisation, ListMembers};
use crate::domain::page::PageRequest;
use crate::domain::principal::Principal;
use crate::domain::proof::{self, FindProof};
use crate::domain::scope::Scope;
use crate::domain::session::{self, FindSession, ListSessions, NewSession, TouchSession};
use crate::storage::StorageExt as _;
use jiff::SignedDuration;

impl Pair {
    /// An organisation of the first account, its event, and two keys for it.
    pub(super) async fn furnish_people(&self) -> Result<(), String> {
        let now = self.now;
        for id in [1, 2] {
            let verify = ChangeAccount { id: AccountId(id), change: AccountChange::Verified };
            self.both_unrecorded("verify", async |of| of.apply_one(now, verify.clone()).await).await?;
        }
        let (name, founder) = ("Band".to_owned(), AccountId(1));
        let found = FoundOrganisation { key: None, name, founder, needs_proof: true };
        self.both_unrecorded("found_organisation", async |of| of.apply_one(now, found.clone()).await).await?;
        let [event, _] = commands::furniture();
        let (organizer, event) = (Principal::Organisation(OrganisationId(1)), [NewEvent { key: None, ..event }]);
        self.both_unrecorded("put_events", async |of| of.apply(now, &put_events(&organizer, &event)).await).await?;
        let keys = commands::keys();
        self.both_unrecorded("make_api_key", async |of| of.apply(now, &keys).await).await
    }

    pub(super) async fn people(&self, command: &People) -> Result<(), String> {
        let now = self.now;
        match command {
            People::Found(found) => {
                self.both_unrecorded("found_organisation", async |of| of.apply(now, found).await).await
            }
            People::EditOrganisation(edit) => {
                self.both_unrecorded("edit_organisation", async |of| of.apply_one(now, edit.clone()).await).await
            }
            People::SetMembers(set) => self.both_unrecorded("set_member", async |of| of.apply(now, set).await).await,
            People::MakeKeys(keys, lasts) => {
                let expires_at = lasts.map(|lasts| now + lasts);
                let keys: Vec<_> = keys.iter().map(|key| MakeApiKey { expires_at, ..key.clone() }).collect();
                self.both_unrecorded("make_api_key", async |of| of.apply(now, &keys).await).await
            }
            People::ManageKeys(manage) => {
                self.both_unrecorded("manage_api_key", async |of| of.apply(now, manage).await).await
            }
            People::TouchKey(id) => {
                self.both_unrecorded("touch_api_key", async |of| of.apply_one(now, TouchApiKey(*id)).await).await
            }
            People::BeginSessions(new, lasts) => {
                let expires_at = now + *lasts;
                let new: Vec<_> = new.iter().map(|new| NewSession { expires_at, ..new.clone() }).collect();
                self.both_unrecorded("begin_session", async |of| of.apply(now, &new).await).await
            }
            People::TouchSession(id) => {
                self.both_unrecorded("touch_session", async |of| of.apply_one(now, TouchSession(*id)).await).await
            }
            People::EndSession(end) => {
                self.both_unrecorded("end_session", async |of| of.apply_one(now, *end).await).await
            }
            People::EndOtherSessions(end) => {
                self.both_unrecorded("end_other_sessions", async |of| of.apply_one(now, *end).await).await
            }
            People::ForgetSessions => {
                let outdated = session::outdated(now, 2);
                self.both_unrecorded("forget_sessions", async |of| of.forget(&outdated).await).await
            }
            People::BeginProofs(begin) => {
                self.both_unrecorded("begin_proof", async |of| of.apply(now, begin).await).await
            }
            People::UseProof(used) => {
                self.both_unrecorded("use_proof", async |of| of.apply_one(now, used.clone()).await).await
            }
            People::ForgetProofs => {
                let outdated = proof::outdated(now, 2);
                self.both_unrecorded("forget_proofs", async |of| of.forget(&outdated).await).await
            }
            People::BeginFactor(begin) => {
                self.both_unrecorded("begin_factor", async |of| of.apply_one(now, begin.clone()).await).await
            }
            People::UseCodes(codes) => self.both_unrecorded("use_code", async |of| of.apply(now, codes).await).await,
        }
    }

    pub(super) async fn reads_of_people(&self, pages: [PageRequest; 2]) -> Result<(), String> {
        let organisations: Vec<_> = (1..=4).map(OrganisationId).collect();
        let find = FindOrganisations(organisations.clone());
        self.both_unrecorded("organisations", async |of| of.find(find.clone()).await).await?;
        for id in organisations {
            let list = ListMembers { scope: Scope::all(), id };
            self.both_unrecorded("members", async |of| of.find(list.clone()).await).await?;
        }
        for page in pages {
            for of in [KeysOf::Organisation(Scope::all(), OrganisationId(1)), KeysOf::Maker(AccountId(1))] {
                let list = ListApiKeys { of, page };
                self.both_unrecorded("api_keys", async |of| of.find(list.clone()).await).await?;
            }
            for ended_before in [0, 1] {
                let hour = SignedDuration::from_hours(1);
                for used_after in [None, Some(self.now - hour)] {
                    let list = ListSessions { account: AccountId(1), ended_before, at: self.now, used_after, page };
                    self.both_unrecorded("sessions", async |of| of.find(list).await).await?;
                }
            }
            let audit = ListAuditOfAccount { id: AccountId(2), page };
            self.both_unrecorded("audit_of_account", async |of| of.find(audit).await).await?;
        }
        for id in 1..=8 {
            self.both_unrecorded("api_key", async |of| of.find(FindApiKey(ApiKeyId(id))).await).await?;
            self.both_unrecorded("session", async |of| of.find(FindSession(SessionId(id))).await).await?;
            self.both_unrecorded("proof", async |of| of.find(FindProof(ProofId(id))).await).await?;
        }
        for id in 1..=4 {
            self.both_unrecorded("factor", async |of| of.find(FindFactor(AccountId(id))).await).await?;
        }
        Ok(())
    }
}
