//! Sessions: whose token came with a request, and what an account's owner sees of them.

use super::Ticketing;
use super::events::check_page;
use crate::domain::account::{Account, AccountKey, FindAccount};
use crate::domain::id::{AccountId, SessionId};
use crate::domain::page::{Page, PageRequest};
use crate::domain::session::{
    EndOtherSessions, EndSession, FindSession, ListSessions, StoredSession, TouchSession, USE_IS_KNOWN_TO,
};
use crate::error::{Error, Result};
use crate::runtime;
use crate::storage::StorageExt as _;

/// Who has sent a session token.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Authenticated {
    /// The account.
    pub account: Account,
    /// The session. `None` for a token that was issued before tokens had sessions.
    pub session: Option<SessionId>,
}

impl Ticketing {
    /// Like [`authenticate`](Self::authenticate), and says which session it is.
    ///
    /// Costs one read, which all callers share that ask at the same time, whether or not the token has a session. That a session is used is
    /// noted in the background, once an hour at most; where it cannot be noted, the session is good none the less.
    pub async fn authenticate_session(&self, token: &str) -> Result<Authenticated> {
        let accounts = self.accounts()?;
        let now = self.now();
        let said = accounts.tokens.check(token, now)?;
        let refused = || Error::Unauthenticated("Could not validate credentials");
        let Some(id) = said.session else {
            let account = self.inner.batches.find(FindAccount(AccountKey::Id(said.account))).await?;
            let is_good = |account: &Account| account.is_active && account.sessions_ended == said.ended;
            let account = account.filter(is_good).ok_or_else(refused)?;
            return Ok(Authenticated { account, session: None });
        };
        let (session, account) = self.inner.batches.find(FindSession(id)).await?.ok_or_else(refused)?;
        let is_idle = accounts.idle.is_some_and(|idle| session.is_idle(idle, now));
        let is_said = account.id == said.account && account.sessions_ended == said.ended;
        if !is_said || !session.is_open(&account) || is_idle {
            return Err(refused());
        }
        if session.wants_touch(now) {
            self.touch(id)?;
        }
        Ok(Authenticated { account, session: Some(id) })
    }

    /// Notes in the background that a session is used.
    fn touch(&self, id: SessionId) -> Result<()> {
        // Many requests may find it at once.
        if !self.accounts()?.touching().insert(id) {
            return Ok(());
        }
        let engine = self.clone();
        drop(runtime::run(&*self.inner.runtime, async move {
            if let Err(error) = engine.inner.batches.apply(TouchSession(id)).await {
                tracing::debug!(session.id = id.0, %error, "could not note that a session is used");
            }
            if let Some(accounts) = &engine.inner.accounts {
                accounts.touching().remove(&id);
            }
        }));
        Ok(())
    }

    /// Lists the open sessions of an account, the newest first. Tokens that were issued before tokens had sessions are not among them.
    pub async fn sessions(&self, id: AccountId, page: PageRequest) -> Result<Page<StoredSession>> {
        check_page(page)?;
        let account = self.account_of(id).await?;
        let now = self.now();
        let used_after = self.accounts()?.idle.map(|idle| now - idle - USE_IS_KNOWN_TO);
        let list = ListSessions { account: id, ended_before: account.sessions_ended, at: now, used_after, page };
        Ok(self.inner.storage.find(list).await?)
    }

    /// Ends a session of an account: from the next request on, every process rejects its token. A repeat changes nothing.
    ///
    /// Errors: [`Error::NotFound`] if the account has no such session.
    pub async fn end_session(&self, id: AccountId, session: SessionId) -> Result<()> {
        let is_its = self.inner.storage.apply_one(self.now(), EndSession { account: id, session }).await?;
        if is_its { Ok(()) } else { Err(Error::NotFound("Session")) }
    }

    /// Ends all sessions of an account but this one, and returns how many it has ended. Tokens that were issued before tokens had sessions
    /// go on: [`end_sessions`](Self::end_sessions) ends them too.
    pub async fn end_other_sessions(&self, id: AccountId, keep: Option<SessionId>) -> Result<usize> {
        Ok(self.inner.storage.apply_one(self.now(), EndOtherSessions { account: id, keep }).await?)
    }
}
