//! How many mails about accounts a client address may request. Without it, one client could have the server write to any number of
//! strangers, a few times each.
//!
//! Like the limit of purchases, it is counted in this process's memory and, where several processes share a database, there as well.

use super::bounded::Bounded;
use super::client_address::ClientAddress;
use crate::lock::lock;
use crate::problem::Problem;
use jiff::{SignedDuration, Timestamp};
use std::sync::Mutex;
use std::time::Duration;
use ticketing_core::Ticketing;
use ticketing_core::domain::limit::{Quota, Take, Taken};

/// The maximum number of addresses that are remembered.
const MAX_ROWS: usize = 100_000;
/// How long a request waits for the shared count.
const COUNT_TIMEOUT: Duration = Duration::from_secs(1);

/// What a mail is requested for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofRequest {
    /// By a person: ten in an hour.
    Asked,
    /// By an organisation that invites people: thirty in an hour. An account may invite fewer; but one client may have several.
    Invited,
    /// Along with a new account: a hundred in an hour, because many people may register from one address.
    Registered,
}

impl ProofRequest {
    fn take(self, client: ClientAddress) -> Take {
        let client = client.group();
        match self {
            Self::Asked => Take::new(format!("proofs from {client}"), 1, Quota::new(10, SignedDuration::from_mins(6))),
            Self::Invited => {
                Take::new(format!("invitations from {client}"), 1, Quota::new(30, SignedDuration::from_mins(2)))
            }
            Self::Registered => {
                Take::new(format!("welcomes from {client}"), 1, Quota::new(100, SignedDuration::from_secs(36)))
            }
        }
    }
}

/// Counts requests.
#[derive(Debug)]
pub struct ProofLimit {
    /// When each quota is full again, in microseconds since 1970.
    full_at: Mutex<Bounded<String, i64>>,
}

impl Default for ProofLimit {
    fn default() -> Self {
        Self { full_at: Mutex::new(Bounded::new(MAX_ROWS)) }
    }
}

impl ProofLimit {
    /// Counts a request; an error if the client has made too many.
    ///
    /// `together` counts for all processes on one database. If that fails, the count of this process must do.
    pub async fn begin(
        &self,
        what: ProofRequest,
        client: ClientAddress,
        together: Option<&Ticketing>,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let take = what.take(client);
        let again_at = match (self.take(&take, now), together) {
            (Err(again_at), _) => again_at,
            (Ok(()), None) => return Ok(()),
            (Ok(()), Some(ticketing)) => {
                let takes = [take];
                match tokio::time::timeout(COUNT_TIMEOUT, ticketing.take_tokens(&takes)).await {
                    Ok(Ok(Taken::None { again_at })) => again_at,
                    Ok(Ok(Taken::All { .. })) | Err(_) => return Ok(()),
                    Ok(Err(error)) => {
                        tracing::debug!(%error, "cannot share the limit of mails about accounts");
                        return Ok(());
                    }
                }
            }
        };
        Err(Problem::new("too_many_proofs", "Too many mails were requested. Please try again later.")
            .retry_after(wait_until(again_at, now)))
    }

    fn take(&self, take: &Take, now: Timestamp) -> Result<(), Timestamp> {
        let (at, mut full_at) = (now.as_microsecond(), lock(&self.full_at));
        let known = full_at.get_mut(&take.key).copied();
        let after = take.apply(at, known).map_err(|again| Timestamp::from_microsecond(again).unwrap_or(now))?;
        *full_at.entry(take.key.clone(), |full_at| *full_at <= at) = after;
        Ok(())
    }
}

/// How long it is until then.
pub(crate) fn wait_until(again_at: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(again_at.duration_since(now)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_eleventh_mail_of_a_client_has_to_wait() {
        let limit = ProofLimit::default();
        let at = |minutes: i64| Timestamp::from_second(1_800_000_000 + 60 * minutes).unwrap();
        let ask = async |client: &str, what: ProofRequest, minutes: i64| {
            limit.begin(what, ClientAddress(client.parse().unwrap()), None, at(minutes)).await
        };
        for _ in 0..10 {
            assert_eq!(ask("2001:db8::1", ProofRequest::Asked, 0).await, Ok(()));
        }
        let refused = ask("2001:db8::2", ProofRequest::Asked, 0).await.unwrap_err();
        assert_eq!((refused.code(), refused.status().as_u16()), ("too_many_proofs", 429));
        assert_eq!(refused, refused.clone().retry_after(Duration::from_secs(360)));
        assert_eq!(ask("2001:db8:0:1::1", ProofRequest::Asked, 0).await, Ok(()));
        for _ in 0..30 {
            assert_eq!(ask("2001:db8::1", ProofRequest::Invited, 0).await, Ok(()));
        }
        assert!(ask("2001:db8::1", ProofRequest::Invited, 0).await.is_err());
        for _ in 0..100 {
            assert_eq!(ask("2001:db8::1", ProofRequest::Registered, 0).await, Ok(()));
        }
        assert!(ask("2001:db8::1", ProofRequest::Registered, 0).await.is_err());
        assert!(ask("2001:db8::1", ProofRequest::Asked, 5).await.is_err());
        assert_eq!(ask("2001:db8::1", ProofRequest::Asked, 6).await, Ok(()));
    }
}
