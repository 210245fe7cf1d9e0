//! How far a connection is with its request: whether the server works, or waits for the client.

use crate::lock::lock;
use std::sync::Mutex;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// How far a connection is. Its socket, its requests and the middleware report to it.
#[derive(Debug)]
pub(crate) struct Progress {
    state: Mutex<(Phase, Instant)>,
    ending: watch::Sender<Option<Ending>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Between two requests.
    Idle,
    /// The head or the body of a request is arriving. So begins a connection.
    Arriving,
    /// The server works on the request.
    Working,
    /// The answer is being written.
    Answering,
    /// The client does not read the answer.
    Unread,
}

/// How a connection has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Once it has written what it is writing.
    Gracefully,
    /// At once: the client keeps it waiting.
    Now,
}

impl Progress {
    pub(super) fn new(now: Instant) -> Self {
        Self { state: Mutex::new((Phase::Arriving, now)), ending: watch::Sender::new(None) }
    }

    fn set(&self, from: impl Fn(Phase) -> bool, to: Phase, now: Instant) {
        let mut state = lock(&self.state);
        if from(state.0) && state.0 != to {
            *state = (to, now);
        }
    }

    /// Bytes have arrived.
    pub(super) fn arrives(&self, now: Instant) {
        self.set(|phase| matches!(phase, Phase::Idle | Phase::Answering), Phase::Arriving, now);
    }

    /// The head of a request is complete, and its body is still to come.
    pub(super) fn awaits_body(&self, now: Instant) {
        self.set(|_| true, Phase::Arriving, now);
    }

    /// The whole request has arrived.
    pub(super) fn works(&self, now: Instant) {
        self.set(|_| true, Phase::Working, now);
    }

    /// The whole request has arrived: for the middleware, which reads the body.
    pub(crate) fn body_has_arrived(&self) {
        self.works(Instant::now());
    }

    /// The answer is ready to be written.
    pub(super) fn answers(&self, now: Instant) {
        self.set(|_| true, Phase::Answering, now);
    }

    /// The client does not take what is written.
    pub(super) fn is_unread(&self, now: Instant) {
        self.set(|phase| matches!(phase, Phase::Answering | Phase::Idle), Phase::Unread, now);
    }

    /// The client reads again.
    pub(super) fn is_read(&self, now: Instant) {
        self.set(|phase| phase == Phase::Unread, Phase::Answering, now);
    }

    /// Everything is written.
    pub(super) fn is_answered(&self, now: Instant) {
        self.set(|phase| matches!(phase, Phase::Answering | Phase::Unread), Phase::Idle, now);
    }

    pub(super) fn is_idle(&self) -> bool {
        lock(&self.state).0 == Phase::Idle
    }

    /// How long the client has kept the connection waiting; nothing while the server works.
    pub(super) fn waits_for_client(&self, now: Instant) -> Option<Duration> {
        let (phase, since) = *lock(&self.state);
        (phase != Phase::Working).then(|| now.saturating_duration_since(since))
    }

    /// Tells the connection to end.
    pub(super) fn end(&self) {
        let ending = match lock(&self.state).0 {
            Phase::Idle | Phase::Answering => Ending::Gracefully,
            Phase::Arriving | Phase::Working | Phase::Unread => Ending::Now,
        };
        self.ending.send_replace(Some(ending));
    }

    /// Completes when the connection has to end.
    pub(super) async fn ending(&self) -> Ending {
        let mut told = self.ending.subscribe();
        match told.wait_for(Option::is_some).await.map(|ending| *ending) {
            Ok(Some(ending)) => ending,
            _ => std::future::pending().await,
        }
    }

    #[cfg(test)]
    pub(super) fn has_ended(&self) -> bool {
        self.ending.borrow().is_some()
    }
}
