use super::{MailStatus, OutboxMail};
use crate::domain::command::Command;
use crate::domain::id::MailId;
use crate::domain::load::LoadKeys;
use crate::domain::principal::EmailAddress;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// Erases the recipient of a mail, and what the mail server said. Returns whether it changed something. A repeat, and a mail that does not
/// exist, change nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EraseRecipient {
    /// The mail.
    pub id: MailId,
    /// Whether to give up a mail about an account that still waits to be sent. Otherwise it is left alone. So is a waiting mail about an
    /// order: [`EraseBuyer`](crate::domain::order::EraseBuyer) decides whether it is still wanted.
    pub gives_up: bool,
}

impl Command for EraseRecipient {
    type Outcome = bool;
    const NAME: &'static str = "erase_recipient";

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        load.row::<OutboxMail>(&self.id);
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> bool {
        let Some(mail) = rows.mails.get(&self.id) else { return false };
        if mail.to.is_erased()
            || (mail.status == MailStatus::Waiting && (!self.gives_up || mail.subject.order().is_some()))
        {
            return false;
        }
        rows.erase_recipient(now, self.id);
        true
    }
}

impl WorkingSet {
    /// Erases the recipient of a mail. One that waits is given up. Needs the mail.
    pub(in crate::domain) fn erase_recipient(&mut self, now: Timestamp, id: MailId) {
        self.mails.update(&id, |mail| {
            mail.to = EmailAddress::erased();
            mail.last_error = None;
            if mail.status == MailStatus::Waiting {
                mail.status = MailStatus::Dead;
                mail.updated_at = now;
            }
        });
    }
}
