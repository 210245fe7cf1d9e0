//! Mails to those who come with tickets, who need not be those who have bought them.

use super::{Letter, Renderer, TicketsView, link, type_name, written};
use crate::domain::event::Event;
use crate::domain::message::Message;
use crate::domain::principal::EmailAddress;
use crate::domain::ticket::Ticket;
use crate::domain::transfer::Transfer;
use crate::mailer::Mail;
use serde::Serialize;

/// The data of the mail with one ticket. It says nothing of the order.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TicketMail<'a> {
    /// The ticket.
    pub ticket: &'a Ticket,
    /// The event.
    pub event: &'a Event,
    /// The recipient.
    pub to: &'a EmailAddress,
    /// How many of these mails there were, counted from 1 for each ticket.
    pub time: u32,
    /// The `https` or `http` URL where the holder finds the ticket, linked as it is.
    pub public_url: Option<&'a str>,
}

impl<'a> TicketMail<'a> {
    /// Creates one without a link.
    pub const fn new(ticket: &'a Ticket, event: &'a Event, to: &'a EmailAddress, time: u32) -> Self {
        Self { ticket, event, to, time, public_url: None }
    }

    /// Sets [`public_url`](Self::public_url).
    #[must_use]
    pub fn with_public_url(mut self, public_url: impl Into<Option<&'a str>>) -> Self {
        self.public_url = public_url.into();
        self
    }
}

/// The data of the mail to whom a ticket is offered.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct TransferOfferedMail<'a> {
    /// The transfer.
    pub transfer: &'a Transfer,
    /// The ticket.
    pub ticket: &'a Ticket,
    /// The event.
    pub event: &'a Event,
    /// The key with which it is taken.
    pub key: &'a str,
    /// The `https` or `http` URL of the page that takes it. Without one, the mail has the key as text.
    pub page: Option<&'a str>,
}

impl<'a> TransferOfferedMail<'a> {
    /// Creates one without a page.
    pub const fn new(transfer: &'a Transfer, ticket: &'a Ticket, event: &'a Event, key: &'a str) -> Self {
        Self { transfer, ticket, event, key, page: None }
    }

    /// Sets [`page`](Self::page).
    #[must_use]
    pub fn with_page(mut self, page: impl Into<Option<&'a str>>) -> Self {
        self.page = page.into();
        self
    }
}

impl std::fmt::Debug for TransferOfferedMail<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TransferOfferedMail").field("transfer", &self.transfer.id).finish_non_exhaustive()
    }
}

/// The data of the mail to who has offered a ticket that was taken.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TransferTakenMail<'a> {
    /// The transfer.
    pub transfer: &'a Transfer,
    /// The ticket that was offered.
    pub ticket: &'a Ticket,
    /// The event.
    pub event: &'a Event,
    /// The recipient.
    pub to: &'a EmailAddress,
}

impl<'a> TransferTakenMail<'a> {
    /// Creates one from all its fields.
    pub const fn new(transfer: &'a Transfer, ticket: &'a Ticket, event: &'a Event, to: &'a EmailAddress) -> Self {
        Self { transfer, ticket, event, to }
    }
}

/// The data of a mail with a message of the organiser's.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct MessageMail<'a> {
    /// The message.
    pub message: &'a Message,
    /// The event.
    pub event: &'a Event,
    /// The recipient.
    pub to: &'a EmailAddress,
    /// What tells this mail from the others with the message.
    pub key: &'a str,
}

impl<'a> MessageMail<'a> {
    /// Creates one from all its fields.
    pub const fn new(message: &'a Message, event: &'a Event, to: &'a EmailAddress, key: &'a str) -> Self {
        Self { message, event, to, key }
    }
}

impl Renderer {
    /// The mail with one ticket, to who comes with it.
    pub fn ticket_mail(&self, mail: &TicketMail<'_>) -> crate::error::Result<Mail> {
        let TicketMail { ticket, event, to, time, public_url } = *mail;
        let key = format!("t{}", ticket.id);
        let valid: Vec<&Ticket> = Some(ticket).filter(|ticket| ticket.status.is_valid()).into_iter().collect();
        let (tickets, attachments) = self.tickets(event, &valid, &key);
        let has_images = !attachments.is_empty();
        let view = TicketsView { has_images, tickets, link: link(public_url), is_restored: false };
        let again = format!("holder-{time}");
        let letter = Letter { again: Some(&again), ..Letter::to_holder("tickets", &key, "Your ticket", to, event) };
        self.mail(&letter, attachments, view)
    }

    /// The mail to whom a ticket is offered: what for, until when, and a link to the page that takes it, or the key itself.
    pub fn transfer_offered_mail(&self, mail: &TransferOfferedMail<'_>) -> crate::error::Result<Mail> {
        let TransferOfferedMail { transfer, ticket, event, key, page } = *mail;
        let view = OfferedView {
            type_name: type_name(event, ticket),
            from: transfer.from.as_ref().filter(|from| !from.is_erased()).map(EmailAddress::as_str),
            link: link(page).map(|page| format!("{page}?token={key}")),
            key,
            until: written(&event.time_zone.local(transfer.expires_at)),
        };
        let id = transfer.id.to_string();
        let letter = Letter::to_holder("transfer_offered", &id, "A ticket for you", &transfer.to, event);
        self.mail(&letter, Vec::new(), view)
    }

    /// The mail to who has offered a ticket that was taken.
    pub fn transfer_taken_mail(&self, mail: &TransferTakenMail<'_>) -> crate::error::Result<Mail> {
        let TransferTakenMail { transfer, ticket, event, to } = *mail;
        let taken_by = if transfer.to.is_erased() { "Its new holder" } else { transfer.to.as_str() };
        let view = TakenView { type_name: type_name(event, ticket), taken_by };
        let id = transfer.id.to_string();
        let letter = Letter::to_holder("transfer_taken", &id, "Your ticket was taken", to, event);
        self.mail(&letter, Vec::new(), view)
    }

    /// A mail with a message of the organiser's. Its text is data: it is shown as it is, in paragraphs.
    pub fn message_mail(&self, mail: &MessageMail<'_>) -> crate::error::Result<Mail> {
        let MessageMail { message, event, to, key } = *mail;
        let paragraphs = message.text.split("\n\n").map(|paragraph| paragraph.lines().collect()).collect();
        let view = MessageView { paragraphs, text: &message.text };
        let letter = Letter::to_holder("message", key, &message.subject, to, event);
        self.mail(&letter, Vec::new(), view)
    }
}

#[derive(Serialize)]
struct OfferedView<'a> {
    type_name: String,
    from: Option<&'a str>,
    link: Option<String>,
    key: &'a str,
    until: String,
}

#[derive(Serialize)]
struct TakenView<'a> {
    type_name: String,
    taken_by: &'a str,
}

#[derive(Serialize)]
struct MessageView<'a> {
    /// The lines of each paragraph.
    paragraphs: Vec<Vec<&'a str>>,
    text: &'a str,
}
