//! What the attendees of an event are asked, and whether an answer is one.

use crate::domain::id::TicketTypeId;
use crate::domain::refusal::Refusal;
use crate::domain::row::json_fields;
use crate::domain::text::is_blank;
use crate::domain::wire_names::wire_names;
use crate::setters::setters;
use std::collections::BTreeMap;

/// The most questions of an event.
pub const MAX_QUESTIONS: usize = 20;
/// The longest answer, in characters.
pub const MAX_ANSWER: usize = 1000;

/// A question to attendees, or to buyers.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Question {
    /// Its name for programs, and of its column in exports: 1–40 lower-case letters, digits and `_`. Answers are kept under it.
    pub key: String,
    /// The question: 1–300 characters.
    pub text: String,
    /// What an answer is.
    pub kind: AnswerKind,
    /// The answers to choose from, for [`AnswerKind::Choice`].
    #[serde(default)]
    pub options: Vec<String>,
    /// When there must be an answer.
    pub required: Required,
    /// Whether it is asked for every ticket, or once for an order.
    pub per: Per,
    /// The ticket types that it is asked for. None: all of them. For questions that are asked for every ticket.
    #[serde(default)]
    pub ticket_types: Vec<TicketTypeId>,
}

impl Question {
    /// A question for every ticket, which need not be answered.
    pub fn new(key: impl Into<String>, text: impl Into<String>, kind: AnswerKind) -> Self {
        let (required, per) = (Required::Never, Per::Ticket);
        Self { key: key.into(), text: text.into(), kind, options: vec![], required, per, ticket_types: vec![] }
    }

    /// Whether it is asked for a ticket of this type.
    pub fn is_for(&self, ticket_type: TicketTypeId) -> bool {
        self.per == Per::Ticket && (self.ticket_types.is_empty() || self.ticket_types.contains(&ticket_type))
    }

    /// What is wrong with an answer, if something is.
    pub(crate) fn fault(&self, answer: &str) -> Option<String> {
        match self.kind {
            AnswerKind::Text => {
                let length = answer.chars().count();
                let fits = !is_blank(answer) && length <= MAX_ANSWER;
                (!fits).then(|| format!("must have 1–{MAX_ANSWER} characters (got {length})"))
            }
            AnswerKind::YesNo => {
                (!matches!(answer, "yes" | "no")).then(|| format!("must be yes or no (got {answer:.100})"))
            }
            AnswerKind::Choice => (!self.options.iter().any(|option| option == answer))
                .then(|| format!("must be one of {} (got {answer:.100})", self.options.join(", "))),
        }
    }
}

setters!(Question {
    with_options => options: Vec<String>,
    with_required => required: Required,
    with_per => per: Per,
    with_ticket_types => ticket_types: Vec<TicketTypeId>,
});

/// What an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AnswerKind {
    /// A text.
    Text,
    /// `yes` or `no`.
    YesNo,
    /// One of the options.
    Choice,
}

wire_names!(AnswerKind { Text => "text", YesNo => "yes_no", Choice => "choice" });

/// When there must be an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Required {
    /// Never.
    Never,
    /// Before the order is paid. Does not bind those who issue orders without a checkout.
    BeforePaying,
    /// Before the ticket lets somebody in.
    BeforeEntry,
}

wire_names!(Required { Never => "never", BeforePaying => "before_paying", BeforeEntry => "before_entry" });

/// How often a question is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Per {
    /// For every ticket.
    Ticket,
    /// Once for an order.
    Order,
}

wire_names!(Per { Ticket => "ticket", Order => "order" });

/// Answers by the key of their question.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Answers(pub BTreeMap<String, String>);

impl Answers {
    /// Whether there is no answer.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The answer to a question.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// These answers in place of those to the same questions. An empty one takes the answer away.
    #[must_use]
    pub(crate) fn with(&self, others: &Self) -> Self {
        let mut all = self.0.clone();
        for (key, answer) in &others.0 {
            match answer.as_str() {
                "" => all.remove(key),
                answer => all.insert(key.clone(), answer.to_owned()),
            };
        }
        Self(all)
    }

    /// The keys of those of these questions that have no answer.
    pub(crate) fn missing<'q>(&self, questions: impl Iterator<Item = &'q Question>) -> Vec<&'q str> {
        questions.map(|question| question.key.as_str()).filter(|key| self.get(key).is_none()).collect()
    }
}

/// Refuses what needs answers to these questions. Each is named once, however many tickets lack it.
pub(crate) fn refuse_without(mut missing: Vec<&str>) -> Result<(), Refusal> {
    missing.sort_unstable();
    missing.dedup();
    if missing.is_empty() { Ok(()) } else { Err(Refusal::AnswersRequired { questions: missing.join(", ") }) }
}

json_fields!(Answers);
