//! Mails that were given up, and sending mails again.

use super::Ticketing;
use super::authorization::unless_known;
use super::events::check_page;
use crate::domain::access::Permission;
use crate::domain::id::MailId;
use crate::domain::order::OrderKey;
use crate::domain::outbox::{OutboxMail, ResendMail};
use crate::domain::page::{Page, PageRequest};
use crate::domain::principal::Principal;
use crate::error::{Error, Result};
use crate::storage::StorageExt as _;

impl Ticketing {
    /// Mails that were given up, the oldest first. Of `actor`'s events; for administrators, of all events.
    pub async fn dead_mails(&self, actor: &Principal, page: PageRequest) -> Result<Page<OutboxMail>> {
        check_page(page)?;
        let scope = self.authorize(actor, Permission::Orders).await?;
        Ok(self.inner.storage.dead_mails(&scope, page).await?)
    }

    /// Sends a mail again that was given up: the same mail, with the same Message-ID. One that the mail server has accepted is sent
    /// again a day later at the earliest. A mail that is still waiting stays as it is. Allowed for the event's organiser and
    /// administrators.
    ///
    /// If its recipient was erased, it goes to the buyer of its order.
    ///
    /// Refusals: `mail_sent` (with when it may be sent again). Errors: [`Error::NotFound`] if there is no such mail, or the buyer was erased
    /// too.
    pub async fn resend_mail(&self, actor: &Principal, id: MailId) -> Result<OutboxMail> {
        let missing = || Error::NotFound("Mail");
        let storage = &self.inner.storage;
        let mail = storage.mail(id).await?.ok_or_else(missing)?;
        let order =
            storage.order(&OrderKey::Id(mail.subject.order().ok_or_else(missing)?)).await?.ok_or_else(missing)?;
        let event = self.event(order.event_id).await?;
        self.may(actor, Permission::Orders, &event).await.map_err(|error| unless_known(error, missing()))?;
        let resent = storage.apply_one(self.now(), ResendMail { id }).await?.map_err(super::refused)?;
        let mail = resent.ok_or_else(missing)?;
        self.inner.upkeep_wakeup.notify_one();
        Ok(mail)
    }
}
