//! Limits that all processes on one storage count together, for adapters.

use super::Ticketing;
use crate::domain::limit::{Take, Taken};
use crate::error::Result;

impl Ticketing {
    /// Takes tokens from quotas: all that are asked for, or none.
    pub async fn take_tokens(&self, wishes: &[Take]) -> Result<Taken> {
        Ok(self.inner.storage.take_tokens(self.now(), wishes).await?)
    }
}
