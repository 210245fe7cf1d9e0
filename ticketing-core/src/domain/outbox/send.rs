//! Claiming mails that are due, and recording the result of each try.

use super::{MAX_TRIES, MailReport, MailResult, MailStatus, OutboxMail, RESEND_AFTER, backoff};
use crate::domain::command::Command;
use crate::domain::id::MailId;
use crate::domain::list::{Condition, List, Sort};
use crate::domain::load::LoadKeys;
use crate::domain::order::Order;
use crate::domain::refusal::Refusal;
use crate::domain::working_set::WorkingSet;
use jiff::{SignedDuration, Timestamp};

/// Claims mails that are due, the most overdue first. No other caller gets them until the lease ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimMails {
    /// How long no other caller gets them.
    pub lease: SignedDuration,
    /// The maximum number of mails.
    pub limit: u32,
}

impl Command for ClaimMails {
    type Outcome = Vec<OutboxMail>;
    const NAME: &'static str = "claim_mails";
    const CLAIMS: bool = true;

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        let waiting = Condition::Named("status", &["waiting"]);
        let due = vec![waiting, Condition::AtMost("due_at", load.now().as_microsecond())];
        let due = List::of::<OutboxMail>(Self::NAME, due).by("due_at", Sort::Ascending);
        load.claim(due.at_most(self.limit));
        rows.claimed::<MailId>(Self::NAME).iter().for_each(|id| load.row::<OutboxMail>(id));
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Vec<OutboxMail> {
        let due = rows.claimed::<MailId>(Self::NAME);
        due.into_iter().filter_map(|id| claim_mail(rows, now, id, self.lease)).collect()
    }
}

fn claim_mail(rows: &mut WorkingSet, now: Timestamp, id: MailId, lease: SignedDuration) -> Option<OutboxMail> {
    let mail = rows.mails.get(&id)?;
    if mail.status != MailStatus::Waiting || mail.due_at > now {
        return None;
    }
    rows.mails.update(&id, |mail| {
        mail.tries += 1;
        mail.due_at = now + lease;
        mail.updated_at = now;
    });
    rows.mails.get(&id).cloned()
}

/// Records the result of a try. `None` if there is no such mail. A report of an older try changes nothing, unless that try sent
/// the mail.
impl Command for MailReport {
    type Outcome = Option<OutboxMail>;
    const NAME: &'static str = "report_mail";

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        load.row::<OutboxMail>(&self.id);
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Option<OutboxMail> {
        let mail = rows.mails.get(&self.id)?.clone();
        let (status, due_at, error) = match &self.result {
            _ if mail.status == MailStatus::Sent => return Some(mail),
            MailResult::Sent => (MailStatus::Sent, mail.due_at, None),
            _ if mail.status != MailStatus::Waiting || mail.tries != self.tries => return Some(mail),
            MailResult::Postponed(until) => (MailStatus::Waiting, *until, mail.last_error.as_ref()),
            MailResult::Refused(error) => (MailStatus::Dead, mail.due_at, Some(error)),
            MailResult::Retry(error) if mail.tries >= MAX_TRIES => (MailStatus::Dead, mail.due_at, Some(error)),
            MailResult::Retry(error) => (MailStatus::Waiting, now + backoff(mail.tries), Some(error)),
        };
        let was_tried = !matches!(self.result, MailResult::Postponed(_));
        rows.mails.update(&self.id, |mail| {
            mail.status = status;
            mail.tries = mail.tries.saturating_sub(u32::from(!was_tried));
            mail.due_at = due_at;
            mail.last_error = error.cloned();
            mail.updated_at = now;
        });
        rows.mails.get(&self.id).cloned()
    }
}

/// Puts a mail that was given up back into the queue, or one that was sent a day ago or earlier: the same mail with the same Message-ID, and a
/// new count of tries. A mail that is waiting stays as it is. If its recipient
/// was erased, it goes to the buyer of its order. `None` if there is no such mail, or the buyer was erased too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResendMail {
    /// The mail.
    pub id: MailId,
}

impl Command for ResendMail {
    type Outcome = Result<Option<OutboxMail>, Refusal>;
    const NAME: &'static str = "resend_mail";

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.row::<OutboxMail>(&self.id);
        if let Some(order) = rows.mails.loaded_row(&self.id).and_then(|mail| mail.subject.order()) {
            load.look::<Order>(&order);
        }
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<Option<OutboxMail>, Refusal> {
        let Some(mail) = rows.mails.get(&self.id) else { return Ok(None) };
        let order = mail.subject.order().and_then(|id| rows.orders.get(&id));
        let to =
            if mail.to.is_erased() { order.and_then(|order| order.buyer.email.clone()) } else { Some(mail.to.clone()) };
        let Some(to) = to.filter(|to| !to.is_erased()) else { return Ok(None) };
        let again_at = mail.updated_at + RESEND_AFTER;
        if mail.status == MailStatus::Sent && now < again_at {
            return Err(Refusal::MailSent { again_at });
        }
        rows.mails.update(&self.id, |mail| {
            if mail.status != MailStatus::Waiting {
                mail.to = to;
                mail.status = MailStatus::Waiting;
                mail.tries = 0;
                mail.due_at = now;
                mail.updated_at = now;
            }
        });
        Ok(rows.mails.get(&self.id).cloned())
    }
}
