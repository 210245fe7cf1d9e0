//! The texts of the mails.
//!
//! Text of organisers and buyers is data: it is inserted into a template as it is, escaped in HTML, and never parsed as a
//! template itself. Templates see only the few strings listed here.

use super::line::one_line;
use super::{Attachment, Mail};
use crate::domain::event::Event;
use crate::domain::order::Order;
use crate::domain::principal::EmailAddress;
use crate::domain::refund::{Refund, RefundReason};
use crate::domain::ticket::Ticket;
use crate::error::Error;
use jiff::Zoned;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;

mod account;
mod changed;
mod holders;

pub use account::{CodeMail, ErasureMail, FactorMail, FactorNews, PasswordChangedMail, ProofMail};
pub use changed::EventChangedMail;
pub use holders::{MessageMail, TicketMail, TransferOfferedMail, TransferTakenMail};

/// `.html` in a name turns escaping on.
const TEMPLATES: [(&str, &str); 26] = [
    ("layout.html", include_str!("templates/layout.html.j2")),
    ("layout.txt", include_str!("templates/layout.txt.j2")),
    ("tickets.html", include_str!("templates/tickets.html.j2")),
    ("tickets.txt", include_str!("templates/tickets.txt.j2")),
    ("refund.html", include_str!("templates/refund.html.j2")),
    ("refund.txt", include_str!("templates/refund.txt.j2")),
    ("event_changed.html", include_str!("templates/event_changed.html.j2")),
    ("event_changed.txt", include_str!("templates/event_changed.txt.j2")),
    ("event_cancelled.html", include_str!("templates/event_cancelled.html.j2")),
    ("event_cancelled.txt", include_str!("templates/event_cancelled.txt.j2")),
    ("proof.html", include_str!("templates/proof.html.j2")),
    ("proof.txt", include_str!("templates/proof.txt.j2")),
    ("code.html", include_str!("templates/code.html.j2")),
    ("code.txt", include_str!("templates/code.txt.j2")),
    ("erasure.html", include_str!("templates/erasure.html.j2")),
    ("erasure.txt", include_str!("templates/erasure.txt.j2")),
    ("second_factor.html", include_str!("templates/second_factor.html.j2")),
    ("second_factor.txt", include_str!("templates/second_factor.txt.j2")),
    ("message.html", include_str!("templates/message.html.j2")),
    ("message.txt", include_str!("templates/message.txt.j2")),
    ("transfer_offered.html", include_str!("templates/transfer_offered.html.j2")),
    ("transfer_offered.txt", include_str!("templates/transfer_offered.txt.j2")),
    ("transfer_taken.html", include_str!("templates/transfer_taken.html.j2")),
    ("transfer_taken.txt", include_str!("templates/transfer_taken.txt.j2")),
    ("password_changed.html", include_str!("templates/password_changed.html.j2")),
    ("password_changed.txt", include_str!("templates/password_changed.txt.j2")),
];

/// Renders the mails. Create it once: the templates are compiled then.
///
/// The same content always renders to the same mail, Message-ID included, so that a repeated mail can be told from a new
/// one. Rendering fails with [`Error::Invalid`] if the buyer of the order has no address, and with [`Error::Configuration`] only because of a
/// bug in a template.
#[derive(Debug)]
pub struct Renderer {
    templates: Environment<'static>,
    from_domain: String,
}

/// The data of the mail with the tickets.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TicketsMail<'a> {
    /// The paid order.
    pub order: &'a Order,
    /// The event.
    pub event: &'a Event,
    /// Its tickets, in order. Tickets that are no longer valid are left out.
    pub tickets: &'a [Ticket],
    /// The `https` or `http` URL where the buyer finds the order, linked as it is.
    pub public_url: Option<&'a str>,
    /// How often its tickets were made valid again, with new codes, if that is why they are sent.
    pub restored: Option<u32>,
    /// How often they were sent again because somebody asked for it, if that is why they are sent.
    pub resent: Option<u32>,
}

impl<'a> TicketsMail<'a> {
    /// Creates one without a link to the order.
    pub const fn new(order: &'a Order, event: &'a Event, tickets: &'a [Ticket]) -> Self {
        Self { order, event, tickets, public_url: None, restored: None, resent: None }
    }

    /// Sets [`public_url`](Self::public_url).
    #[must_use]
    pub fn with_public_url(mut self, public_url: impl Into<Option<&'a str>>) -> Self {
        self.public_url = public_url.into();
        self
    }

    /// Sets [`restored`](Self::restored).
    #[must_use]
    pub fn with_restored(mut self, restored: impl Into<Option<u32>>) -> Self {
        self.restored = restored.into();
        self
    }

    /// Sets [`resent`](Self::resent).
    #[must_use]
    pub fn with_resent(mut self, resent: impl Into<Option<u32>>) -> Self {
        self.resent = resent.into();
        self
    }
}

/// The data of the mail about a refund.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RefundMail<'a> {
    /// The order.
    pub order: &'a Order,
    /// The event.
    pub event: &'a Event,
    /// The refund. Its note is internal and not part of the mail.
    pub refund: &'a Refund,
    /// Whether the organiser pays it back by hand, because it was not paid at a gateway.
    pub by_hand: bool,
}

impl<'a> RefundMail<'a> {
    /// Creates one from all its fields.
    pub const fn new(order: &'a Order, event: &'a Event, refund: &'a Refund) -> Self {
        Self { order, event, refund, by_hand: false }
    }

    /// Sets [`by_hand`](Self::by_hand).
    #[must_use]
    pub const fn with_by_hand(mut self, by_hand: bool) -> Self {
        self.by_hand = by_hand;
        self
    }
}

/// The data of the mail about a cancelled event.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct EventCancelledMail<'a> {
    /// The paid order.
    pub order: &'a Order,
    /// The event.
    pub event: &'a Event,
}

impl<'a> EventCancelledMail<'a> {
    /// Creates one from all its fields.
    pub const fn new(order: &'a Order, event: &'a Event) -> Self {
        Self { order, event }
    }
}

impl Renderer {
    /// Creates a renderer. Times are those of the event's time zone, with their offset from UTC. `from_domain` is the domain that mails are sent from, in ASCII; Message-IDs end in it.
    /// Fails with [`Error::Configuration`] if it is not a domain.
    pub fn new(from_domain: &str) -> crate::error::Result<Self> {
        let legal = |label: &str| {
            !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        if from_domain.len() > 150 || !from_domain.split('.').all(legal) {
            return Err(Error::Configuration("the mail domain must be a domain such as example.com".to_owned()));
        }
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        // A line with nothing but a block tag leaves no line behind.
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        templates.set_syntax(syntax.map_err(|error| fault(&error))?);
        for (name, source) in TEMPLATES {
            templates.add_template(name, source).map_err(|error| fault(&error))?;
        }
        Ok(Self { templates, from_domain: from_domain.to_ascii_lowercase() })
    }

    /// The mail with the tickets: each with its type, its code and (feature `qr`) its QR image, once
    /// inline in the HTML and once attached as `ticket-<n>.png`.
    pub fn tickets_mail(&self, mail: &TicketsMail<'_>) -> crate::error::Result<Mail> {
        let valid: Vec<&Ticket> = mail.tickets.iter().filter(|ticket| ticket.status.is_valid()).collect();
        let key = mail.order.reference.as_str();
        let (tickets, attachments) = self.tickets(mail.event, &valid, key);
        let what = if tickets.len() == 1 { "Your ticket" } else { "Your tickets" };
        let view = TicketsView {
            has_images: !attachments.is_empty(),
            tickets,
            link: link(mail.public_url),
            is_restored: mail.restored.is_some(),
        };
        let restored = mail.restored.map(|time| format!("restored-{time}"));
        let time = restored.or_else(|| mail.resent.map(|time| format!("again-{time}")));
        let letter =
            Letter { again: time.as_deref(), ..Letter::to_buyer("tickets", key, what, mail.order, mail.event) };
        self.mail(&letter, attachments, view)
    }

    /// The mail about a refund: how much, and why.
    pub fn refund_mail(&self, mail: &RefundMail<'_>) -> crate::error::Result<Mail> {
        let (amount, is_nothing) = (mail.refund.amount.to_string(), mail.refund.amount.is_zero());
        let why = match mail.refund.reason {
            RefundReason::Requested if is_nothing => "The organiser has cancelled tickets of your order.",
            reason => why(reason),
        };
        let amount = (!is_nothing).then_some(amount.as_str());
        let voided = match mail.refund.tickets.len() {
            0 => None,
            _ if mail.refund.reason == RefundReason::Swapped => {
                Some("The new ticket comes in a mail of its own. The old one is no longer valid.".to_owned())
            }
            1 if is_nothing => Some("One ticket is no longer valid.".to_owned()),
            many if is_nothing => Some(format!("{many} tickets are no longer valid.")),
            1 => Some("One ticket is no longer valid because of this refund.".to_owned()),
            many => Some(format!("{many} tickets are no longer valid because of this refund.")),
        };
        let what = amount.map_or("Tickets cancelled".to_owned(), |amount| format!("Refund of {amount}"));
        let letter = Letter::to_buyer("refund", mail.refund.key.as_str(), &what, mail.order, mail.event);
        self.mail(&letter, Vec::new(), RefundView { amount, why, voided, by_hand: mail.by_hand })
    }

    /// The mail about a cancelled event, and whether a refund follows.
    pub fn event_cancelled_mail(&self, mail: &EventCancelledMail<'_>) -> crate::error::Result<Mail> {
        let money = if mail.order.total.is_zero() {
            "The tickets were free, so there is nothing to pay back."
        } else {
            "What you paid and have not had back yet will be refunded. We write to you again when it is on its way."
        };
        let (order, event) = (mail.order, mail.event);
        let letter = Letter::to_buyer("event_cancelled", order.reference.as_str(), "Cancelled", order, event);
        self.mail(&letter, Vec::new(), EventCancelledView { money })
    }

    fn mail<V: Serialize>(
        &self,
        letter: &Letter<'_>,
        attachments: Vec<Attachment>,
        own: V,
    ) -> crate::error::Result<Mail> {
        let Letter { name, key, again, what, to, facts, event } = letter;
        let title = one_line(&event.title);
        let subject = one_line(&format!("{what}: {title}"));
        let view = View { subject: &subject, facts: facts.clone(), event: EventView { title: &title }, own };
        let written = |kind: &str| -> crate::error::Result<String> {
            let template = self.templates.get_template(&format!("{name}.{kind}")).map_err(|error| fault(&error))?;
            template.render(Serde(&view)).map_err(|error| fault(&error))
        };
        let (text, html) = (written("txt")?, written("html")?);
        let name = name.replace('_', "-");
        let message_id = match again {
            Some(again) => self.id(&format!("{name}-{again}"), key),
            None => self.id(&name, key),
        };
        let to = to.cloned().ok_or_else(|| Error::invalid("buyer.email", "is required: nobody to write to"))?;
        Ok(Mail { message_id, to, subject, text, html, attachments })
    }

    /// Tickets as a mail shows them, with their images.
    fn tickets(&self, event: &Event, tickets: &[&Ticket], key: &str) -> (Vec<TicketView>, Vec<Attachment>) {
        let mut attachments = Vec::new();
        let tickets = tickets.iter().enumerate().map(|(at, ticket)| {
            let number = at + 1;
            TicketView {
                number,
                type_name: type_name(event, ticket),
                code: ticket.code.grouped(),
                image: self.attach_image(&mut attachments, key, ticket, number),
            }
        });
        (tickets.collect(), attachments)
    }

    /// `name.key@domain`. A reference may have dots where a Message-ID may not (RFC 5322, 3.2.3); it never has `_`.
    fn id(&self, name: &str, key: &str) -> String {
        format!("{name}.{}@{}", key.replace('.', "_"), self.from_domain)
    }

    /// Adds the image to the mail twice, and returns its content id.
    #[cfg(feature = "qr")]
    fn attach_image(&self, to: &mut Vec<Attachment>, key: &str, ticket: &Ticket, number: usize) -> Option<String> {
        let content_id = self.id(&format!("ticket-{number}"), key);
        let content = crate::qr::png(&ticket.code);
        let image = |content_id: Option<String>| Attachment {
            file_name: format!("ticket-{number}.png"),
            content_type: "image/png".to_owned(),
            content: content.clone(),
            content_id,
        };
        to.extend([image(Some(content_id.clone())), image(None)]);
        Some(content_id)
    }

    #[cfg(not(feature = "qr"))]
    fn attach_image(&self, _: &mut Vec<Attachment>, _: &str, _: &Ticket, _: usize) -> Option<String> {
        None
    }
}

/// The name of a ticket's type.
fn type_name(event: &Event, ticket: &Ticket) -> String {
    event.ticket_type(ticket.ticket_type_id).map_or("Ticket".to_owned(), |own| one_line(&own.name))
}

/// When and where, which everybody may know.
fn facts(event: &Event) -> Vec<(&'static str, String)> {
    let (when, place) = (written(&event.starts_at_local()), place(&event.location, event.address.as_deref()));
    vec![("When", when), ("Where", place)]
}

/// A time in full, with its offset.
fn written(at: &Zoned) -> String {
    at.strftime("%A, %-d %B %Y, %H:%M (UTC%:z)").to_string()
}

fn place(location: &str, address: Option<&str>) -> String {
    let address = address.map(|address| format!(", {}", one_line(address)));
    one_line(location) + &address.unwrap_or_default()
}

/// Only what is sure to be one is a link.
fn link(url: Option<&str>) -> Option<&str> {
    url.filter(|url| url.starts_with("https://") || url.starts_with("http://"))
}

fn why(reason: RefundReason) -> &'static str {
    match reason {
        RefundReason::Late => {
            "Your payment reached us after the time to pay had run out, and by then the places had gone to others. \
             No tickets were issued for it."
        }
        RefundReason::Duplicate => {
            "This order had already been paid, so we are returning the second payment. \
             The first one stands, and your tickets with it."
        }
        RefundReason::EventCancelled => "The event was cancelled by its organiser.",
        RefundReason::EventChanged => "You have returned tickets because the event has changed.",
        RefundReason::Returned => "You have returned tickets.",
        RefundReason::Swapped => "One of your tickets was swapped for a cheaper one, and this is the difference.",
        RefundReason::Requested => "The organiser has asked us to give you your money back.",
        RefundReason::Review => "We have looked into your payment and decided to return it.",
        RefundReason::Elsewhere => "The organiser has sent the money back.",
    }
}

/// The templates are part of the crate, so this is a bug in it. minijinja reports the place, not the content.
fn fault(error: &minijinja::Error) -> Error {
    Error::Configuration(format!("a mail template is invalid: {error}"))
}

/// What differs between mails.
struct Letter<'a> {
    /// The name of its templates, and in its Message-ID.
    name: &'a str,
    /// What the mail is about: there is one such mail for each key.
    key: &'a str,
    /// What tells it from an earlier mail of this name about the same.
    again: Option<&'a str>,
    /// The beginning of the subject.
    what: &'a str,
    to: Option<&'a EmailAddress>,
    /// What stands above the text, in the order of interest.
    facts: Vec<(&'static str, String)>,
    event: &'a Event,
}

impl<'a> Letter<'a> {
    /// To the buyer of an order, with what the order is and costs.
    fn to_buyer(name: &'a str, key: &'a str, what: &'a str, order: &'a Order, event: &'a Event) -> Self {
        let paid = if order.total.is_zero() { "nothing, it is free".to_owned() } else { order.total.to_string() };
        let mut facts = facts(event);
        facts.extend([("Order", order.reference.to_string()), ("Paid", paid)]);
        Self { name, key, again: None, what, to: order.buyer.email.as_ref(), facts, event }
    }

    /// To somebody else, who knows nothing of the order.
    fn to_holder(name: &'a str, key: &'a str, what: &'a str, to: &'a EmailAddress, event: &'a Event) -> Self {
        Self { name, key, again: None, what, to: Some(to), facts: facts(event), event }
    }
}

#[derive(Serialize)]
struct View<'a, V> {
    subject: &'a str,
    event: EventView<'a>,
    facts: Vec<(&'static str, String)>,
    #[serde(flatten)]
    own: V,
}

#[derive(Serialize)]
struct EventView<'a> {
    title: &'a str,
}

#[derive(Serialize)]
struct TicketsView<'a> {
    tickets: Vec<TicketView>,
    has_images: bool,
    link: Option<&'a str>,
    is_restored: bool,
}

#[derive(Serialize)]
struct TicketView {
    number: usize,
    type_name: String,
    code: String,
    /// The content id.
    image: Option<String>,
}

#[derive(Serialize)]
struct RefundView<'a> {
    /// `None`: nothing goes back.
    amount: Option<&'a str>,
    why: &'a str,
    voided: Option<String>,
    by_hand: bool,
}

#[derive(Serialize)]
struct EventCancelledView<'a> {
    money: &'a str,
}
