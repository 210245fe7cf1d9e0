//! Delivering the mails that are due.
//!
//! A pass claims mails, then reads, sends and reports them in slices. All purchases of a slice are read at once, and the results are
//! written together, since each commit costs more than a mail.

use super::Ticketing;
use super::upkeep::{LEASE, Upkeep, UpkeepReport, at_once};
use crate::domain::account::Account;
use crate::domain::command::Query;
use crate::domain::event::{Event, EventStatus};
use crate::domain::load::LoadKeys;
use crate::domain::message::Message;
use crate::domain::notice::{self, Notice};
use crate::domain::order::{FindPurchase, Order};
use crate::domain::outbox::{ClaimMails, MailKind, MailReport, MailResult, OutboxMail};
use crate::domain::payment::Attempt;
use crate::domain::principal::{Buyer, EmailAddress};
#[cfg(feature = "accounts")]
use crate::domain::proof::ProofPurpose;
use crate::domain::proof::{FindProof, Proof};
use crate::domain::subject::Subject;
use crate::domain::ticket::Ticket;
use crate::domain::transfer::{self, Transfer};
use crate::domain::working_set::WorkingSet;
use crate::error::Result;
#[cfg(feature = "accounts")]
use crate::mailer::render::{CodeMail, ProofMail};
use crate::mailer::render::{
    ErasureMail, EventCancelledMail, EventChangedMail, FactorMail, FactorNews, MessageMail, PasswordChangedMail,
    RefundMail, TicketMail, TicketsMail, TransferOfferedMail, TransferTakenMail,
};
use crate::mailer::{Mail, MailError, Mailer};
use crate::metrics;
use crate::runtime;
use crate::storage::StorageExt as _;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// How many mails are read at once, and reported at once at most. A crash sends this many mails again at most, with the same
/// Message-IDs.
const SLICE: usize = 32;
/// How long the result of a mail waits for others at most. It bounds how many mails a crash repeats when the mail server is slow.
const REPORT_WITHIN: Duration = Duration::from_millis(250);

/// What a mail is about, as of one moment. `None` if it does not exist.
#[derive(Clone, Copy, Debug)]
struct FindSubject {
    subject: Subject,
    kind: MailKind,
}

/// What a mail is about.
#[derive(Clone, Debug)]
enum About {
    /// An order.
    Purchase(Box<Purchase>),
    /// A proof, and its account if it has one.
    Proof(Box<(Proof, Option<Account>)>),
    /// An account.
    Account,
}

/// An order, its tickets, its event, and the notice, the transfer or the message that the mail is about.
#[derive(Clone, Debug)]
struct Purchase {
    order: Order,
    tickets: Vec<Ticket>,
    event: Event,
    notice: Option<Notice>,
    transfer: Option<Transfer>,
    message: Option<Message>,
}

/// A mail with what it is about.
#[derive(Debug)]
struct Ready {
    owed: OutboxMail,
    about: Option<About>,
    /// Until when it waits, since a limit was reached.
    until: Option<Timestamp>,
}

impl Query for FindSubject {
    type Found = Option<About>;
    const ONE_MOMENT: bool = true;

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        match (self.subject, self.kind) {
            (Subject::Order(id), _) => {
                FindPurchase(id).needs(rows, load);
                match self.kind {
                    MailKind::TransferOffered(id) | MailKind::TransferTaken(id) => load.look::<Transfer>(&id),
                    MailKind::Ticket { .. } => load.look_up(transfer::BY_ORDER, &id),
                    MailKind::Message { message, .. } => load.look::<Message>(&message),
                    _ => {}
                }
                if let Some(order) = rows.orders.loaded_row(&id) {
                    load.look::<Event>(&order.event_id);
                    if let MailKind::EventChanged(version) = self.kind {
                        load.look_up(notice::BY_VERSION, &(order.event_id, version));
                    }
                }
            }
            (Subject::Account(_), MailKind::Proof(id)) => FindProof(id).needs(rows, load),
            (Subject::Account(id), _) => load.look::<Account>(&id),
            (Subject::Event(_), _) => {}
        }
    }

    fn find(&self, rows: &WorkingSet) -> Option<About> {
        let id = match (self.subject, self.kind) {
            (Subject::Order(id), _) => id,
            (Subject::Account(_), MailKind::Proof(id)) => {
                return Some(About::Proof(Box::new(FindProof(id).find(rows)?)));
            }
            (Subject::Account(id), _) => return rows.accounts.get(&id).map(|_| About::Account),
            (Subject::Event(_), _) => return None,
        };
        let (order, tickets) = FindPurchase(id).find(rows)?;
        let event = rows.events.get(&order.event_id)?.clone();
        let notice = match self.kind {
            MailKind::EventChanged(version) => {
                rows.notices.find(notice::BY_VERSION, &(order.event_id, version)).cloned()
            }
            _ => None,
        };
        let transfer = match self.kind {
            MailKind::TransferOffered(id) | MailKind::TransferTaken(id) => rows.transfers.get(&id),
            // The one that its holder has got it by.
            MailKind::Ticket { ticket, .. } => {
                let holder = tickets.iter().find(|of| of.id == ticket).and_then(|ticket| ticket.holder.guest());
                rows.transfers_of(id).find(|transfer| Some(&transfer.reference) == holder)
            }
            _ => None,
        };
        let message = match self.kind {
            MailKind::Message { message, .. } => rows.messages.get(&message).cloned(),
            _ => None,
        };
        let transfer = transfer.cloned();
        Some(About::Purchase(Box::new(Purchase { order, tickets, event, notice, transfer, message })))
    }
}

impl Ready {
    /// The order and its event, if the mail is about one.
    fn purchase(&self) -> Option<&Purchase> {
        match &self.about {
            Some(About::Purchase(purchase)) => Some(purchase),
            _ => None,
        }
    }
}

impl Ticketing {
    /// Claims mails that are due and delivers them.
    pub(super) async fn deliver_mails(
        &self,
        mailer: &Arc<dyn Mailer>,
        upkeep: Upkeep,
        report: &mut UpkeepReport,
    ) -> Result<()> {
        let claim = ClaimMails { lease: LEASE, limit: upkeep.limit };
        let mut claimed = self.inner.storage.apply_one(self.now(), claim).await?;
        report.mails = claimed.len();
        while !claimed.is_empty() {
            let rest = claimed.split_off(claimed.len().min(SLICE));
            let slice = std::mem::replace(&mut claimed, rest);
            report.failed += self.deliver_slice(mailer, upkeep.at_once, slice).await?;
        }
        Ok(())
    }

    /// Delivers these mails, and returns how many were not delivered.
    async fn deliver_slice(&self, mailer: &Arc<dyn Mailer>, limit: usize, owed: Vec<OutboxMail>) -> Result<usize> {
        let subjects: Vec<FindSubject> =
            owed.iter().map(|owed| FindSubject { subject: owed.subject, kind: owed.kind }).collect();
        let about = self.inner.storage.find_all(&subjects).await?;
        let ready: Vec<Ready> = self.with_turns(owed, about).await;
        let (results, to_record) = mpsc::unbounded_channel();
        let recorded =
            runtime::run_while_wanted(&*self.inner.runtime, self.clone().record(Arc::clone(mailer), to_record));
        let (engine, mailer) = (self.clone(), Arc::clone(mailer));
        let failed = at_once(&*self.inner.runtime, limit, ready, move |ready| {
            let (engine, mailer, results) = (engine.clone(), Arc::clone(&mailer), results.clone());
            async move {
                let owed = &ready.owed;
                match engine.try_mail(&*mailer, &ready).await {
                    Ok(result) => {
                        let is_fine = matches!(result, MailResult::Sent | MailResult::Postponed(_));
                        if !is_fine {
                            tracing::warn!(mail.id = %owed.id, subject = %owed.subject, tries = owed.tries, ?result, "a mail was not delivered");
                        }
                        // Fails if the recorder is gone, which says so itself.
                        drop(results.send(MailReport { id: owed.id, tries: owed.tries, result }));
                        is_fine
                    }
                    Err(error) => {
                        tracing::warn!(mail.id = %owed.id, %error, "could not deliver a mail");
                        false
                    }
                }
            }
        });
        let failed = failed.await;
        Ok(failed + recorded.await.unwrap_or_default())
    }

    /// Looks up the turns of these mails. Those about accounts wait for nobody: proofs have a limit of their own.
    async fn with_turns(&self, owed: Vec<OutboxMail>, about: Vec<Option<About>>) -> Vec<Ready> {
        let mut ready: Vec<Ready> =
            owed.into_iter().zip(about).map(|(owed, about)| Ready { owed, about, until: None }).collect();
        let mails: Vec<(&EmailAddress, &Order, &Event)> = ready
            .iter()
            .filter_map(|mail| mail.purchase().map(|about| (&mail.owed.to, &about.order, &about.event)))
            .collect();
        let until = self.held_back(&mails).await;
        for (mail, until) in ready.iter_mut().filter(|mail| mail.purchase().is_some()).zip(until) {
            mail.until = until;
        }
        ready
    }

    /// Writes the results of mails until there are no more. Returns how many could not be written: these mails are sent again.
    async fn record(self, mailer: Arc<dyn Mailer>, mut results: mpsc::UnboundedReceiver<MailReport>) -> usize {
        let mut failed = 0;
        while let Some(first) = results.recv().await {
            let mut reports = vec![first];
            let mut waited = self.inner.runtime.sleep(REPORT_WITHIN);
            while reports.len() < SLICE {
                tokio::select! {
                    biased;
                    next = results.recv() => match next {
                        Some(next) => reports.push(next),
                        None => break,
                    },
                    () = &mut waited => break,
                }
            }
            if let Err(error) = mailer.flush().await {
                let sent = reports.iter_mut().filter(|report| report.result == MailResult::Sent);
                let lost = sent.map(|report| report.result = MailResult::Retry(error.to_string())).count();
                failed += lost;
                tracing::warn!(mails = lost, %error, "the mailer could not make mails durable, which will be sent again");
            }
            reports.iter().for_each(|report| metrics::mail_tried(name(&report.result)));
            let count = reports.len();
            if let Err(error) = self.inner.storage.apply_all(self.now(), reports).await {
                tracing::warn!(mails = count, %error, "could not record that mails were sent, which will be sent again");
                failed += count;
            }
        }
        failed
    }

    async fn try_mail(&self, mailer: &dyn Mailer, ready: &Ready) -> Result<MailResult> {
        let nothing = || MailResult::Refused("what the mail tells of does not exist".to_owned());
        let Ready { owed, about: Some(about), until } = ready else { return Ok(nothing()) };
        if owed.to.is_erased() {
            return Ok(MailResult::Refused("the recipient was erased".to_owned()));
        }
        if let Some(until) = *until {
            tracing::info!(mail.id = %owed.id, %until, "a mail waits for its turn: many go to its recipient, or are of its organiser");
            return Ok(MailResult::Postponed(until));
        }
        while let Some(pause) = self.inner.pace.pause(self.now()) {
            self.inner.runtime.sleep(pause).await;
        }
        let began = self.now();
        let rendered = match about {
            About::Purchase(about) => self.render(owed, about).await?,
            About::Proof(about) => match self.render_proof(&about.0, about.1.as_ref())? {
                Some(mail) => Some(mail),
                None => return Ok(MailResult::Refused("the proof was used or replaced, or has expired".to_owned())),
            },
            About::Account => self.render_notice(owed)?,
        };
        let Some(mail) = rendered else { return Ok(nothing()) };
        self.inner.pace.rendered(began, self.now());
        Ok(match mailer.send(&mail).await {
            Ok(()) => MailResult::Sent,
            Err(MailError::Later(error)) => MailResult::Retry(error),
            Err(MailError::Refused(error)) => MailResult::Refused(error),
        })
    }

    /// Renders the mail with the token of a proof. `None` if it cannot be used any more.
    #[cfg(feature = "accounts")]
    fn render_proof(&self, proof: &Proof, account: Option<&Account>) -> Result<Option<Mail>> {
        if !proof.is_usable_by(account, self.now()) {
            return Ok(None);
        }
        let key = &self.accounts()?.proofs;
        if proof.purpose == ProofPurpose::Code {
            return self.inner.renderer.code_mail(&CodeMail::new(proof, key.code_of(proof))).map(Some);
        }
        let token = key.token_of(proof).to_string();
        let mail = ProofMail::new(proof, &token).with_page(self.inner.proof_url.as_deref());
        self.inner.renderer.proof_mail(&mail).map(Some)
    }

    #[cfg(not(feature = "accounts"))]
    fn render_proof(&self, _: &Proof, _: Option<&Account>) -> Result<Option<Mail>> {
        Err(crate::error::Error::Configuration("mails about accounts need the feature `accounts`".to_owned()))
    }

    /// Renders a mail that tells of what happened to an account.
    fn render_notice(&self, owed: &OutboxMail) -> Result<Option<Mail>> {
        let Subject::Account(id) = owed.subject else { return Ok(None) };
        let (news, time) = match owed.kind {
            MailKind::PasswordChanged(time) => {
                let mail = PasswordChangedMail::new(id, time, &owed.to, owed.created_at);
                return self.inner.renderer.password_changed_mail(&mail).map(Some);
            }
            MailKind::ErasureRequested(at) => {
                let at = Timestamp::from_second(at).unwrap_or(Timestamp::MAX);
                return self.inner.renderer.erasure_mail(&ErasureMail::new(id, &owed.to, at)).map(Some);
            }
            MailKind::FactorAdded(time) => (FactorNews::Added, time),
            MailKind::FactorRemoved(time) => (FactorNews::Removed, time),
            MailKind::RecoveryCodeUsed(time) => (FactorNews::RecoveryCodeUsed, time),
            _ => return Ok(None),
        };
        self.inner.renderer.factor_mail(&FactorMail::new(id, news, time, &owed.to, owed.created_at)).map(Some)
    }

    /// Renders the mail from the current rows. `None` if what it is about does not exist, or the buyer has no address.
    async fn render(&self, owed: &OutboxMail, about: &Purchase) -> Result<Option<Mail>> {
        if let Some(rendered) = self.render_to_holder(owed, about) {
            return rendered;
        }
        let Purchase { order, tickets, event, notice, .. } = about;
        // A ticket that was transferred is somebody else's.
        let tickets: Vec<Ticket> = tickets.iter().filter(|ticket| order.is_holder_of(ticket)).cloned().collect();
        // Tickets may be sent to another address than the buyer's. There, the order's own link would be somebody else's key.
        let is_buyers = order.buyer.email.as_ref().is_some_and(|buyer| buyer.key() == owed.to.key());
        let as_sent = match owed.kind {
            MailKind::TicketsAgain(_) => {
                Some(Order { buyer: Buyer { email: Some(owed.to.clone()), ..order.buyer.clone() }, ..order.clone() })
            }
            _ => None,
        };
        let order = as_sent.as_ref().unwrap_or(order);
        if order.buyer.email.is_none() {
            return Ok(None);
        }
        let renderer = &self.inner.renderer;
        Ok(match owed.kind {
            MailKind::Tickets | MailKind::TicketsRestored(_) | MailKind::TicketsAgain(_) => Some({
                let is_elsewhere = as_sent.is_some() && !is_buyers;
                let public_url = if is_elsewhere { None } else { self.order_url(order)? };
                let restored = match owed.kind {
                    MailKind::TicketsRestored(time) => Some(time),
                    _ => None,
                };
                let resent = match owed.kind {
                    MailKind::TicketsAgain(time) => Some(time),
                    _ => None,
                };
                let mail = TicketsMail { order, event, tickets: &tickets, public_url: public_url.as_deref(), restored, resent };
                renderer.tickets_mail(&mail)?
            }),
            MailKind::Refund(id) => {
                let story = self.inner.storage.payment(&order.reference).await?;
                let Some(story) = story else { return Ok(None) };
                let Some(refund) = story.refunds.iter().find(|refund| refund.id == id) else { return Ok(None) };
                let paid_at = story.attempts.iter().find(|attempt| attempt.reference == refund.attempt);
                let by_hand = paid_at.is_some_and(Attempt::is_recorded);
                Some(renderer.refund_mail(&RefundMail { order, event, refund, by_hand })?)
            }
            // Who is told that it does not take place need not be told when it would have.
            MailKind::EventChanged(_) if event.status == EventStatus::Cancelled => None,
            MailKind::EventChanged(_) => match notice {
                Some(notice) => {
                    let mail = EventChangedMail::new(order, event, notice);
                    Some(renderer.event_changed_mail(&mail.with_public_url(self.order_url(order)?.as_deref()))?)
                }
                None => None,
            },
            // These are about accounts.
            MailKind::Proof(_)
            | MailKind::PasswordChanged(_)
            | MailKind::FactorAdded(_)
            | MailKind::FactorRemoved(_)
            | MailKind::RecoveryCodeUsed(_)
            | MailKind::ErasureRequested(_)
            // These were rendered above.
            | MailKind::Ticket { .. }
            | MailKind::TransferOffered(_)
            | MailKind::TransferTaken(_)
            | MailKind::Message { .. } => None,
            MailKind::EventCancelled => Some(renderer.event_cancelled_mail(&EventCancelledMail { order, event })?),
        })
    }

    /// Renders a mail to who comes with a ticket. `None` if it is another kind of mail.
    fn render_to_holder(&self, owed: &OutboxMail, about: &Purchase) -> Option<Result<Option<Mail>>> {
        let Purchase { order, tickets, event, transfer, message, .. } = about;
        let renderer = &self.inner.renderer;
        let ticket = |id| tickets.iter().find(|ticket| ticket.id == id);
        Some(match (owed.kind, transfer, message) {
            (MailKind::Ticket { ticket: id, time }, transfer, _) => {
                let Some(ticket) = ticket(id).filter(|ticket| ticket.status.is_valid()) else { return Some(Ok(None)) };
                let url = match self.holder_url(order, ticket, transfer.as_ref(), &owed.to) {
                    Ok(url) => url,
                    Err(error) => return Some(Err(error)),
                };
                let mail = TicketMail::new(ticket, event, &owed.to, time).with_public_url(url.as_deref());
                renderer.ticket_mail(&mail).map(Some)
            }
            (MailKind::TransferOffered(_), Some(transfer), _) => self.render_offer(transfer, ticket, event),
            (MailKind::TransferTaken(_), Some(transfer), _) => {
                let Some(ticket) = ticket(transfer.ticket_id) else { return Some(Ok(None)) };
                let mail = TransferTakenMail::new(transfer, ticket, event, &owed.to);
                renderer.transfer_taken_mail(&mail).map(Some)
            }
            (MailKind::Message { .. }, _, Some(message)) => {
                let key = format!("{}-{}", message.id, owed.id);
                renderer.message_mail(&MessageMail::new(message, event, &owed.to, &key)).map(Some)
            }
            (MailKind::TransferOffered(_) | MailKind::TransferTaken(_) | MailKind::Message { .. }, ..) => Ok(None),
            _ => return None,
        })
    }

    /// Renders the mail with the key of a transfer. `None` if it cannot be taken any more.
    fn render_offer<'t>(
        &self,
        transfer: &Transfer,
        ticket: impl Fn(crate::domain::id::TicketId) -> Option<&'t Ticket>,
        event: &Event,
    ) -> Result<Option<Mail>> {
        let ticket = ticket(transfer.ticket_id).filter(|_| transfer.is_open(self.now()));
        let Some(ticket) = ticket else { return Ok(None) };
        let key = self.offer_key(transfer)?;
        let mail = TransferOfferedMail::new(transfer, ticket, event, &key);
        #[cfg(feature = "accounts")]
        let mail = mail.with_page(self.inner.proof_url.as_deref());
        self.inner.renderer.transfer_offered_mail(&mail).map(Some)
    }

    /// What the recipient takes the ticket with: a key. An application that knows its users itself takes the ticket for them by the transfer's
    /// reference.
    fn offer_key(&self, transfer: &Transfer) -> Result<String> {
        #[cfg(feature = "accounts")]
        if self.inner.accounts.is_some() {
            return Ok(self.transfer_key(transfer)?.as_str().to_owned());
        }
        Ok(transfer.reference.as_str().to_owned())
    }

    /// The page where the holder of a ticket finds it. Somebody who only comes with it has none.
    #[cfg(feature = "accounts")]
    fn holder_url(
        &self,
        order: &Order,
        ticket: &Ticket,
        transfer: Option<&Transfer>,
        to: &EmailAddress,
    ) -> Result<Option<String>> {
        let is_buyers = order.buyer.email.as_ref().is_some_and(|buyer| buyer.key() == to.key());
        if order.is_holder_of(ticket) {
            return if is_buyers { self.order_url(order) } else { Ok(None) };
        }
        let Some(url) = &self.inner.public_url else { return Ok(None) };
        let Some(transfer) = transfer.filter(|_| self.inner.accounts.is_some()) else { return Ok(Some(url.clone())) };
        Ok(Some(with_key(url, self.transfer_key(transfer)?.as_str())))
    }

    #[cfg(not(feature = "accounts"))]
    fn holder_url(&self, _: &Order, _: &Ticket, _: Option<&Transfer>, _: &EmailAddress) -> Result<Option<String>> {
        Ok(self.inner.public_url.clone())
    }

    /// The page of an order. A guest gets the order's key behind the `#`, which browsers send to no server.
    #[cfg(feature = "accounts")]
    fn order_url(&self, order: &Order) -> Result<Option<String>> {
        let Some(url) = &self.inner.public_url else { return Ok(None) };
        // Without a token key there are no keys of orders, and an application that identifies its guests itself needs none.
        let key = if self.inner.accounts.is_some() { self.guest_key(order)? } else { None };
        let Some(key) = key else { return Ok(Some(url.clone())) };
        Ok(Some(with_key(url, key.as_str())))
    }

    #[cfg(not(feature = "accounts"))]
    fn order_url(&self, _: &Order) -> Result<Option<String>> {
        Ok(self.inner.public_url.clone())
    }
}

/// A link with a key behind the `#`.
#[cfg(feature = "accounts")]
fn with_key(url: &str, key: &str) -> String {
    let sign = if url.contains('#') { '?' } else { '#' };
    format!("{url}{sign}order_key={key}")
}

/// The name of a result in the metrics.
fn name(result: &MailResult) -> &'static str {
    match result {
        MailResult::Sent => "sent",
        MailResult::Postponed(_) => "postponed",
        MailResult::Retry(_) => "later",
        MailResult::Refused(_) => "refused",
    }
}
