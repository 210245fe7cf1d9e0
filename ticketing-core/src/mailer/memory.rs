//! A mailer that remembers, for tests and trials.

use super::{Mail, MailError, Mailer};
use crate::domain::principal::EmailAddress;
use async_trait::async_trait;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Keeps every mail in memory, and fails when told to.
///
/// What is told with [`fail_next`](Self::fail_next) and [`lose_next_answer`](Self::lose_next_answer) happens in the order of
/// the telling, once each; all other mails are taken.
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
    /// A mailer that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every mail that was taken, the first one first. One that was sent twice is there twice.
    pub fn sent(&self) -> Vec<Mail> {
        self.state().sent.clone()
    }

    /// Every mail that was taken for `to`, the first one first.
    pub fn sent_to(&self, to: &EmailAddress) -> Vec<Mail> {
        self.state().sent.iter().filter(|mail| mail.to == *to).cloned().collect()
    }

    /// The next mail that nothing was told about yet is not taken, and its sender gets `error`.
    pub fn fail_next(&self, error: MailError) {
        self.state().script.push_back(Scripted::Fail(error));
    }

    /// The next mail that nothing was told about yet is taken, but its sender gets [`MailError::Later`]: the answer was lost
    /// on the way, as when a line is cut.
    pub fn lose_next_answer(&self) {
        self.state().script.push_back(Scripted::LoseAnswer);
    }

    /// Forgets every mail, and what was told.
    pub fn clear(&self) {
        *self.state() = State::default();
    }

    /// No code of ours panics while it holds the lock, so that what a poisoned one guards is whole.
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
            Some(_) => Err(MailError::Later("the answer was lost".to_owned())),
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
