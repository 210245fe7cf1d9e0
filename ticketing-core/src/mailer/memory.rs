//! A mailer that keeps mails in memory, for tests and trials.

use super::{Mail, MailError, Mailer};
use crate::domain::principal::EmailAddress;
use async_trait::async_trait;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Keeps every mail in memory, and fails on demand.
///
/// [`fail_next`](Self::fail_next) and [`lose_next_answer`](Self::lose_next_answer) queue outcomes, which are used up in
/// order. All other mails are accepted.
#[derive(Default)]
pub struct MemoryMailer {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    sent: Vec<Mail>,
    script: VecDeque<Scripted>,
}

enum Scripted {
    Fail(MailError),
    LoseAnswer,
}

impl MemoryMailer {
    /// Creates a mailer without mails.
    pub fn new() -> Self {
        Self::default()
    }

    /// All accepted mails, oldest first. A mail that was sent twice is listed twice.
    pub fn sent(&self) -> Vec<Mail> {
        self.state().sent.clone()
    }

    /// All accepted mails for `to`, oldest first.
    pub fn sent_to(&self, to: &EmailAddress) -> Vec<Mail> {
        self.state().sent.iter().filter(|mail| mail.to == *to).cloned().collect()
    }

    /// Queues a failure: the mail is not accepted, and its sender gets `error`.
    pub fn fail_next(&self, error: MailError) {
        self.state().script.push_back(Scripted::Fail(error));
    }

    /// Queues a lost response: the mail is accepted, but its sender gets [`MailError::Later`], as when a connection breaks
    /// after the mail was sent.
    pub fn lose_next_answer(&self) {
        self.state().script.push_back(Scripted::LoseAnswer);
    }

    /// Deletes all mails and queued outcomes.
    pub fn clear(&self) {
        *self.state() = State::default();
    }

    /// No code panics while it holds the lock, so the data behind a poisoned lock is intact.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Mailer for MemoryMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let mut state = self.state();
        let scripted = state.script.pop_front();
        if let Some(Scripted::Fail(error)) = scripted {
            return Err(error);
        }
        state.sent.push(mail.clone());
        match scripted {
            Some(_) => Err(MailError::Later("the response was lost".to_owned())),
            None => Ok(()),
        }
    }
}

/// Addresses stay out of logs: how many mails there are is enough.
impl std::fmt::Debug for MemoryMailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.state();
        f.debug_struct("MemoryMailer").field("sent", &state.sent.len()).field("scripted", &state.script.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(message_id: &str, to: &str) -> Mail {
        Mail {
            message_id: message_id.to_owned(),
            to: to.parse().unwrap(),
            subject: String::new(),
            text: String::new(),
            html: String::new(),
            attachments: Vec::new(),
        }
    }

    #[tokio::test]
    async fn failures_happen_as_told_and_once() {
        let mailer = MemoryMailer::new();
        let (first, second) = (mail("1@x", "ada@example.com"), mail("2@x", "bob@example.com"));
        let busy = MailError::Later("busy".to_owned());
        mailer.fail_next(busy.clone());
        mailer.lose_next_answer();
        assert_eq!(mailer.send(&first).await, Err(busy));
        assert!(mailer.sent().is_empty());
        assert!(matches!(mailer.send(&first).await, Err(MailError::Later(_))));
        assert_eq!(mailer.send(&first).await, Ok(()));
        assert_eq!(mailer.send(&second).await, Ok(()));
        assert_eq!(mailer.sent(), [first.clone(), first, second.clone()]);
        assert_eq!(mailer.sent_to(&second.to), [second]);
        assert_eq!(format!("{mailer:?}"), "MemoryMailer { sent: 3, scripted: 0 }");
        mailer.clear();
        assert!(mailer.sent().is_empty());
    }
}
