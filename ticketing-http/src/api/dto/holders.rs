//! Transfers, swaps, details of orders, returns and messages.

use super::answers::{GivenAnswers, QuestionView};
use super::attendee::address;
use super::body::body;
use super::box_office::NewAttendeeBody;
use super::field::Faults;
use super::patch::{Set, SetOrEmpty};
use super::payment::RefundView;
use super::price::Price;
use super::text::Text;
use super::ticket::TicketView;
use super::time::Time;
use crate::problem::Problem;
use poem_openapi::Object;
use std::collections::BTreeMap;
use ticketing_core::MessageRequest;
use ticketing_core::domain::attendee::NewAttendee;
use ticketing_core::domain::event::Event;
use ticketing_core::domain::id::TicketTypeId;
use ticketing_core::domain::message::{Audience, Message, Presence};
use ticketing_core::domain::order_details::{OrderDetails, OrderDetailsWants};
use ticketing_core::domain::principal::EmailAddress;
use ticketing_core::domain::refund::ReturnQuote;
use ticketing_core::domain::ticket::{PriceDifference, Swapped};
use ticketing_core::domain::transfer::{FoundTransfer, TakenTransfer, Transfer};

body! {
    /// Whom to offer a ticket.
    struct OfferBody {
        /// The e-mail address.
        to: Text<1, 254>,
    }
    example {"to": "friend@example.com"}

    /// Who comes with a ticket that is taken.
    struct TakeBody {
        /// The name.
        name: Option<Text<0, 200>>,
    }
    example {"name": "Grace Hopper"}

    /// What to swap a ticket for.
    struct SwapBody {
        /// The ticket type's id.
        ticket_type_id: i64,
        /// What happens to the money if that is cheaper: `refund` (default) or `keep`.
        difference: Option<Text<1, 20>>,
    }
    example {"ticket_type_id": 1, "difference": "refund"}

    /// Changes of what is known about an order: a merge patch (RFC 7396). A field that is left out stays as it is.
    struct OrderDetailsPatch {
        /// Answers to the questions that are asked once for an order, by their keys. Null takes an answer away.
        answers: Set<GivenAnswers>,
        /// Who will come with its tickets, in the order of its lines. Until it is paid.
        attendees: Set<Vec<NewAttendeeBody>>,
        /// A note. For the event's organiser only.
        note: SetOrEmpty<Text<0, 2000>>,
    }
    example {"attendees": [{"name": "Ada Lovelace", "answers": {"diet": "No meat"}}]}

    /// A message to attendees.
    struct MessageBody {
        /// The subject line. The title of the event follows it.
        subject: Text<1, 150>,
        /// The text: plain, with line breaks.
        text: Text<1, 10000>,
        /// Only to those with a ticket of this type.
        ticket_type_id: Option<i64>,
        /// `everybody` (default), `in`: those who were let in, or `not_in`.
        who: Option<Text<1, 20>>,
    }
    example {"subject": "Doors open at 18:00", "text": "See you tonight.\n\nThe band"}
}

impl OfferBody {
    pub(crate) fn into_address(self) -> Result<EmailAddress, Problem> {
        let mut faults = Faults::default();
        let to = faults.parsed("to", self.to.0.trim().parse());
        faults.or(to)
    }
}

impl SwapBody {
    pub(crate) fn into_parts(self) -> Result<(TicketTypeId, PriceDifference), Problem> {
        let difference = match self.difference.as_ref().map(|word| word.0.as_str()) {
            None | Some("refund") => PriceDifference::Refund,
            Some("keep") => PriceDifference::Keep,
            Some(_) => return Err(Problem::invalid_field("difference", "must be refund or keep".to_owned())),
        };
        Ok((TicketTypeId(self.ticket_type_id), difference))
    }
}

/// Attendees as a body names them.
pub(crate) fn attendees(bodies: Vec<NewAttendeeBody>, faults: &mut Faults) -> Vec<NewAttendee> {
    bodies.into_iter().map(|body| body.into_attendee(faults)).collect()
}

impl OrderDetailsPatch {
    pub(crate) fn into_wants(self) -> Result<OrderDetailsWants, Problem> {
        let mut faults = Faults::default();
        let named = self.attendees.0.map(|bodies| attendees(bodies, &mut faults));
        let wants = OrderDetailsWants::default()
            .with_answers(self.answers.0.unwrap_or_default().0)
            .with_attendees(named)
            .with_note(self.note.0.map(|note| note.map(|note| note.0)));
        faults.or(Some(wants))
    }
}

/// Whom a message goes to.
pub(crate) fn audience(ticket_type_id: Option<i64>, who: Option<&str>) -> Result<Audience, Problem> {
    let who = match who {
        None => Presence::Everybody,
        Some(name) => Presence::from_name(name)
            .ok_or_else(|| Problem::invalid_field("who", "must be everybody, in or not_in".to_owned()))?,
    };
    Ok(Audience::default().with_ticket_type_id(ticket_type_id.map(TicketTypeId)).with_who(who))
}

impl MessageBody {
    pub(crate) fn into_request(self) -> Result<MessageRequest, Problem> {
        let audience = audience(self.ticket_type_id, self.who.as_ref().map(|who| who.0.as_str()))?;
        Ok(MessageRequest::new(self.subject.0, self.text.0).with_audience(audience))
    }
}

/// An offer of a ticket to somebody else.
#[derive(Object)]
#[oai(rename = "Transfer")]
pub(crate) struct TransferView {
    /// The transfer's id.
    id: i64,
    /// The address that the ticket is offered to. Null if it was erased.
    #[oai(nullable)]
    to: Option<String>,
    /// `offered`, `taken` or `withdrawn`. An offer can be taken until `expires_at`.
    status: String,
    /// Until when it can be taken.
    expires_at: Time,
    /// When it was offered.
    created_at: Time,
}

impl From<&Transfer> for TransferView {
    fn from(transfer: &Transfer) -> Self {
        Self {
            id: transfer.id.0,
            to: address(Some(&transfer.to)),
            status: transfer.status.name().to_owned(),
            expires_at: transfer.expires_at.into(),
            created_at: transfer.created_at.into(),
        }
    }
}

/// A ticket that is offered, for whom it is offered. Once it was taken, `ticket` is the new one, with its code.
#[derive(Object)]
#[oai(rename = "OfferedTicket")]
pub(crate) struct OfferedView {
    /// The event's id.
    event_id: i64,
    /// The event's title.
    event: String,
    /// When the event starts.
    event_date: Time,
    /// Where it takes place.
    location: String,
    /// The name of the ticket's type.
    ticket_type: String,
    /// The address of who offers it. Null if there is none.
    #[oai(nullable)]
    from: Option<String>,
    /// `offered` or `taken`
    status: String,
    /// Until when it can be taken.
    expires_at: Time,
    #[oai(skip_serializing_if_is_none)]
    ticket: Option<TicketView>,
}

impl From<&FoundTransfer> for OfferedView {
    fn from(found: &FoundTransfer) -> Self {
        let FoundTransfer { transfer, ticket, event, new_ticket, .. } = found;
        let of_type = event.ticket_type(ticket.ticket_type_id);
        Self {
            event_id: event.id.0,
            event: event.title.clone(),
            event_date: event.starts_at.into(),
            location: event.location.clone(),
            ticket_type: of_type.map_or_else(String::new, |of| of.name.clone()),
            from: address(transfer.from.as_ref()),
            status: transfer.status.name().to_owned(),
            expires_at: transfer.expires_at.into(),
            ticket: new_ticket.as_ref().map(Into::into),
        }
    }
}

/// A ticket that was taken: the new one, with its code.
#[derive(Object)]
#[oai(rename = "TakenTicket")]
pub(crate) struct TakenView {
    ticket: TicketView,
    /// The key that stands for its holder in `X-Order-Key`, if it was taken without an account: that of the transfer.
    #[oai(nullable)]
    key: Option<String>,
}

impl TakenView {
    pub(crate) fn new(taken: &TakenTransfer, key: Option<&str>) -> Self {
        Self { ticket: (&taken.ticket).into(), key: key.map(str::to_owned) }
    }
}

/// A ticket that was swapped for one of another type, with the refund of the difference, if there is one.
#[derive(Object)]
#[oai(rename = "SwappedTicket")]
pub(crate) struct SwappedView {
    /// The id of the new ticket. Its holder gets the code by mail.
    ticket_id: i64,
    /// The id of its type.
    ticket_type_id: i64,
    /// What was paid for it.
    amount_paid: Price,
    /// The currency of `amount_paid`.
    currency: String,
    #[oai(skip_serializing_if_is_none)]
    refund: Option<RefundView>,
}

impl From<&Swapped> for SwappedView {
    fn from(swapped: &Swapped) -> Self {
        let ticket = &swapped.ticket;
        Self {
            ticket_id: ticket.id.0,
            ticket_type_id: ticket.ticket_type_id.0,
            amount_paid: ticket.price.into(),
            currency: ticket.price.currency().code().to_owned(),
            refund: swapped.refund.as_ref().map(Into::into),
        }
    }
}

/// Who will come with a ticket of an order.
#[derive(Object)]
pub(crate) struct NewAttendeeView {
    /// The name.
    #[oai(nullable)]
    name: Option<String>,
    /// The e-mail address, if it is another one than the buyer's.
    #[oai(nullable)]
    email: Option<String>,
    /// Answers by the key of their question.
    answers: BTreeMap<String, String>,
}

/// What is known about an order.
#[derive(Object)]
#[oai(rename = "OrderDetails")]
pub(crate) struct OrderDetailsView {
    /// Answers to the questions that are asked once for an order.
    answers: BTreeMap<String, String>,
    /// Who will come with its tickets, in the order of its lines. Once it is paid, see each attendee.
    attendees: Vec<NewAttendeeView>,
    /// The note, for the event's organiser.
    #[oai(nullable)]
    note: Option<String>,
    /// The version, which changes with every edit; 0 if nothing was ever set. `If-Match: "v1"` edits version 1.
    version: i64,
    /// Time of the last edit.
    updated_at: Time,
}

impl From<&OrderDetails> for OrderDetailsView {
    fn from(details: &OrderDetails) -> Self {
        let attendee = |of: &NewAttendee| NewAttendeeView {
            name: of.name.clone(),
            email: address(of.email.as_ref()),
            answers: of.answers.0.clone(),
        };
        Self {
            answers: details.answers.0.clone(),
            attendees: details.attendees.iter().map(attendee).collect(),
            note: details.note.clone(),
            version: details.version,
            updated_at: details.updated_at.into(),
        }
    }
}

/// What returning a ticket would refund.
#[derive(Object)]
pub(crate) struct ReturnableView {
    /// The ticket's id.
    ticket_id: i64,
    /// The amount that is refunded.
    amount: Price,
}

/// Whether tickets of an order can be returned.
#[derive(Object)]
#[oai(rename = "ReturnQuote")]
pub(crate) struct ReturnQuoteView {
    /// Whether they can be returned now.
    is_open: bool,
    /// Why: `event_changed`, or `returned` as the event allows.
    #[oai(nullable)]
    reason: Option<String>,
    /// Until when they can be returned, or could be.
    #[oai(nullable)]
    until: Option<Time>,
    /// How much of their price is kept, in percent.
    keep_percent: u32,
    /// The tickets that can be returned.
    tickets: Vec<ReturnableView>,
    /// The currency of the amounts.
    currency: String,
}

impl From<&ReturnQuote> for ReturnQuoteView {
    fn from(quote: &ReturnQuote) -> Self {
        let returns = &quote.returns;
        let ticket = |(id, amount): &(ticketing_core::domain::id::TicketId, ticketing_core::domain::money::Money)| {
            ReturnableView { ticket_id: id.0, amount: (*amount).into() }
        };
        Self {
            is_open: returns.reason.is_some(),
            reason: returns.reason.map(|reason| reason.name().to_owned()),
            until: returns.until.map(Into::into),
            keep_percent: returns.keep_percent,
            tickets: quote.tickets.iter().map(ticket).collect(),
            currency: quote.order.total.currency().code().to_owned(),
        }
    }
}

/// The terms of an event, for everybody.
#[derive(Object)]
#[oai(rename = "EventTerms")]
pub(crate) struct TermsView {
    /// How often a ticket can be transferred: `free` (as often as its holders like), `once` or `never`.
    transfers: String,
    /// Until when tickets can be transferred; absent if until the event starts.
    #[oai(nullable)]
    transfers_until: Option<Time>,
    /// Until when buyers can return unused tickets; absent if never.
    #[oai(nullable)]
    returns_until: Option<Time>,
    /// How much of the price of a returned ticket is kept, in percent.
    returns_keep_percent: u32,
    /// What attendees and buyers are asked.
    questions: Vec<QuestionView>,
}

impl From<&Event> for TermsView {
    fn from(event: &Event) -> Self {
        let terms = &event.terms;
        Self {
            transfers: terms.transfers.rule.name().to_owned(),
            transfers_until: terms.transfers.until.map(Into::into),
            returns_until: terms.returns.until.map(Into::into),
            returns_keep_percent: terms.returns.keep_percent,
            questions: terms.questions.iter().map(Into::into).collect(),
        }
    }
}

/// A message to attendees.
#[derive(Object)]
#[oai(rename = "Message")]
pub(crate) struct MessageView {
    /// The message's id.
    id: i64,
    /// The subject line.
    subject: String,
    /// The text.
    text: String,
    /// Only to those with a ticket of this type.
    #[oai(nullable)]
    ticket_type_id: Option<i64>,
    /// `everybody`, `in` or `not_in`
    who: String,
    /// `sending`, `sent` or `stopped`
    status: String,
    /// How many mails were enqueued so far.
    mails: i64,
    /// When it was sent.
    created_at: Time,
}

impl From<&Message> for MessageView {
    fn from(message: &Message) -> Self {
        Self {
            id: message.id.0,
            subject: message.subject.clone(),
            text: message.text.clone(),
            ticket_type_id: message.audience.ticket_type_id.map(|id| id.0),
            who: message.audience.who.name().to_owned(),
            status: message.status.name().to_owned(),
            mails: message.mails,
            created_at: message.created_at.into(),
        }
    }
}

/// To how many addresses a message would go.
#[derive(Object)]
pub(crate) struct RecipientsView {
    /// How many.
    pub(crate) addresses: u64,
}

/// The outcome of an import.
#[derive(Object)]
#[oai(rename = "Imported")]
pub(crate) struct ImportedView {
    /// How many rows it has.
    pub(crate) rows: u64,
    /// How many tickets these are.
    pub(crate) tickets: u64,
    /// The references of the orders, in the order of the rows. None in a dry run.
    pub(crate) orders: Vec<String>,
    /// Whether anything was issued. False for a dry run.
    pub(crate) is_issued: bool,
}
