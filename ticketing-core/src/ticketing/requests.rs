//! Requests that are safe to repeat, for adapters: the first answer is kept for 24 hours and given again.

use super::Ticketing;
use crate::domain::request::{Answer, BeginRequest, Begun, FinishRequest};
use crate::error::Result;
use crate::storage::StorageExt as _;

impl Ticketing {
    /// Begins a request that names a key, or says what to do instead. After [`Begun::Work`] do the work and call
    /// [`finish_request`](Self::finish_request). Work that is begun again after a crash must have no second effect: derive the
    /// references it needs from the request's scope.
    pub async fn begin_request(&self, begin: &BeginRequest) -> Result<Begun> {
        Ok(self.inner.storage.apply_one(self.now(), begin.clone()).await?)
    }

    /// Keeps the answer of a request; without one, lets the request be made again at once.
    pub async fn finish_request(&self, scope: &str, answer: Option<&Answer>) -> Result<()> {
        let finish = FinishRequest { scope: scope.to_owned(), answer: answer.cloned() };
        Ok(self.inner.storage.apply_one(self.now(), finish).await?)
    }
}
