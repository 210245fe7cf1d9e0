//! Rate limits that all processes on one storage share, for adapters.

use super::Ticketing;
use crate::domain::limit::{Take, Taken};
use crate::error::Result;

impl Ticketing {
    /// Takes tokens from quotas: all that are requested, or none.
    pub async fn take_tokens(&self, takes: &[Take]) -> Result<Taken> {
        Ok(self.inner.storage.take_tokens(self.now(), takes).await?)
    }
}
