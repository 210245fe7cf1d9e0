//! Idempotent requests, for adapters: the first response is stored for 24 hours and returned to repeats.

use super::Ticketing;
use crate::domain::request::{self, Answer, BeginRequest, Begun, FinishRequest};
use crate::error::Result;
use crate::storage::StorageExt as _;

impl Ticketing {
    /// Begins a request that has an idempotency key, or says what to do instead. After [`Begun::Work`], do the work and call
    /// [`finish_request`](Self::finish_request). Work that is repeated after a crash must have no second effect: derive its
    /// references from the request's scope.
    pub async fn begin_request(&self, begin: &BeginRequest) -> Result<Begun> {
        Ok(self.inner.storage.apply_one(self.now(), begin.clone()).await?)
    }

    /// Stores the response to a request. Without one, the request may be made again at once.
    pub async fn finish_request(&self, scope: &str, answer: Option<&Answer>) -> Result<()> {
        let finish = FinishRequest { scope: scope.to_owned(), answer: answer.cloned() };
        Ok(self.inner.storage.apply_one(self.now(), finish).await?)
    }

    /// Forgets a request that was refused before it did anything, so that refused requests leave nothing behind. It may be made
    /// again at once, and is decided anew.
    pub async fn forget_request(&self, scope: &str) -> Result<()> {
        self.inner.storage.forget(&request::undone(scope, self.now())).await?;
        Ok(())
    }
}
