//! Mails in words. Placeholder until the templates land.
use super::Mail;
use crate::domain::{event::Event, order::Order, principal::EmailAddress, refund::Refund, ticket::Ticket};
use crate::error::Result;

/// Renders.
#[derive(Debug)]
pub struct Renderer {}

#[allow(unused, missing_docs)]
impl Renderer {
    pub fn new(mail_domain: String, public_url: Option<String>) -> Result<Self> {
        Ok(Self {})
    }
    fn none(&self, to: &EmailAddress) -> Result<Mail> {
        Ok(Mail {
            message_id: String::new(),
            to: to.clone(),
            subject: String::new(),
            text: String::new(),
            html: String::new(),
            attachments: vec![],
        })
    }
    pub fn tickets(&self, to: &EmailAddress, order: &Order, event: &Event, tickets: &[Ticket]) -> Result<Mail> {
        self.none(to)
    }
    pub fn refund(&self, to: &EmailAddress, order: &Order, event: &Event, refund: &Refund) -> Result<Mail> {
        self.none(to)
    }
    pub fn event_cancelled(&self, to: &EmailAddress, order: &Order, event: &Event) -> Result<Mail> {
        self.none(to)
    }
}
