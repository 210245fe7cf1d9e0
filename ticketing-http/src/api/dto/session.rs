use super::time::Time;
use poem_openapi::Object;
use ticketing_core::domain::id::SessionId;
use ticketing_core::domain::session::StoredSession;

/// A session, for its account's owner.
#[derive(Object)]
#[oai(rename = "Session")]
pub(crate) struct SessionView {
    /// The session's id.
    id: i64,
    /// The program that has logged in, as it calls itself: `Firefox on Windows`.
    #[oai(nullable)]
    client: Option<String>,
    /// Whether it is the session of this request.
    current: bool,
    /// When it began.
    created_at: Time,
    /// When it was last used, to the hour.
    last_used_at: Time,
    /// When it ends by itself.
    expires_at: Time,
}

impl SessionView {
    pub(crate) fn new(stored: &StoredSession, current: Option<SessionId>) -> Self {
        Self {
            id: stored.id.0,
            client: stored.client.clone(),
            current: current == Some(stored.id),
            created_at: stored.created_at.into(),
            last_used_at: stored.last_used_at.into(),
            expires_at: stored.expires_at.into(),
        }
    }
}

/// How many sessions were ended.
#[derive(Object)]
pub(crate) struct EndedView {
    /// How many there were.
    ended: u64,
}

impl EndedView {
    pub(crate) fn new(ended: usize) -> Self {
        Self { ended: ended as u64 }
    }
}
