use crate::domain::book::Book;
use crate::domain::id::MailId;
use crate::domain::outbox::{MAX_TRIES, MailReport, MailResult, MailStatus, OutboxMail, backoff};
use jiff::{SignedDuration, Timestamp};

/// Takes a mail to be sent: nobody else takes it until the lease ends.
pub fn claim_mail(book: &mut Book, now: Timestamp, id: MailId, lease: SignedDuration) -> Option<OutboxMail> {
    let mail = book.mails.get(&id)?;
    if mail.status != MailStatus::Waiting || mail.due_at > now {
        return None;
    }
    book.mails.update(&id, |mail| {
        mail.tries += 1;
        mail.due_at = now + lease;
        mail.updated_at = now;
    });
    book.mails.get(&id).cloned()
}

/// Writes down what came of a try. A report of an older try changes nothing, unless the mail was sent by it.
pub fn report_mail(book: &mut Book, now: Timestamp, report: &MailReport) -> Option<OutboxMail> {
    let mail = book.mails.get(&report.id)?.clone();
    let (status, due_at, error) = match &report.result {
        _ if mail.status == MailStatus::Sent => return Some(mail),
        MailResult::Sent => (MailStatus::Sent, mail.due_at, None),
        _ if mail.status != MailStatus::Waiting || mail.tries != report.tries => return Some(mail),
        MailResult::Refused(error) => (MailStatus::Dead, mail.due_at, Some(error)),
        MailResult::Retry(error) if mail.tries >= MAX_TRIES => (MailStatus::Dead, mail.due_at, Some(error)),
        MailResult::Retry(error) => (MailStatus::Waiting, now + backoff(mail.tries), Some(error)),
    };
    book.mails.update(&report.id, |mail| {
        mail.status = status;
        mail.due_at = due_at;
        mail.last_error = error.cloned();
        mail.updated_at = now;
    });
    book.mails.get(&report.id).cloned()
}

/// Puts a mail that was sent or given up back into the queue: same mail, same Message-ID, fresh tries.
pub fn resend_mail(book: &mut Book, now: Timestamp, id: MailId) -> Option<OutboxMail> {
    book.mails.update(&id, |mail| {
        if mail.status != MailStatus::Waiting {
            mail.status = MailStatus::Waiting;
            mail.tries = 0;
            mail.due_at = now;
            mail.updated_at = now;
        }
    });
    book.mails.get(&id).cloned()
}
