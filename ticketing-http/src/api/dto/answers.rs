//! Questions of an event, and answers to them.

use super::body::body;
use super::field::{Faults, ReadField, wrong};
use super::json::Json;
use super::patch::Set;
use super::text::Text;
use poem_openapi::Object;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use std::borrow::Cow;
use std::collections::BTreeMap;
use ticketing_core::domain::event::{AnswerKind, Answers, Per, Question, Required};
use ticketing_core::domain::id::TicketTypeId;

/// Answers by the key of their question. Null, or an empty text, takes an answer away.
#[derive(Clone, Debug, Default)]
pub(crate) struct GivenAnswers(pub(crate) Answers);

impl ReadField for GivenAnswers {
    fn read(json: Option<Json>, at: &str, faults: &mut Faults) -> Option<Self> {
        let Some(Json::Object(members)) = json else {
            return wrong(json, "an object with a text for each question", at, faults);
        };
        let mut answers = BTreeMap::new();
        for (key, value) in members {
            let answer = match value {
                Json::Text(answer) => answer.trim().to_owned(),
                Json::Null => String::new(),
                _ => {
                    let key: String = key.chars().take(40).collect();
                    faults.add(format!("{at}.{key}"), "must be a text or null");
                    continue;
                }
            };
            answers.insert(key, answer);
        }
        Some(Self(Answers(answers)))
    }
}

impl Type for GivenAnswers {
    const IS_REQUIRED: bool = false;

    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "Answers".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        let text = MetaSchema { nullable: true, ..MetaSchema::new("string") };
        let more = Some(Box::new(MetaSchemaRef::Inline(Box::new(text))));
        MetaSchemaRef::Inline(Box::new(MetaSchema { additional_properties: more, ..MetaSchema::new("object") }))
    }

    fn register(_: &mut Registry) {}

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

body! {
    /// A question to attendees, or to buyers.
    struct QuestionBody {
        /// Its name for programs, and that of its column in exports: 1–40 lower-case letters, digits and `_`. Answers are kept under it.
        key: Text<1, 40>,
        /// The question.
        text: Text<1, 300>,
        /// What an answer is: `text`, `yes_no` or `choice`.
        kind: Text<1, 20>,
        /// The answers to choose from: 2–50, for a `choice`.
        options: Set<Vec<Text<1, 100>>>,
        /// When there must be an answer: `never` (default), `before_paying` or `before_entry`.
        required: Set<Text<1, 20>>,
        /// Whether it is asked for every `ticket` (default) or once for an `order`.
        per: Set<Text<1, 20>>,
        /// The ticket types that it is asked for. Default: all.
        ticket_type_ids: Set<Vec<i64>>,
    }
    example {"key": "diet", "text": "What do you eat?", "kind": "choice", "options": ["Everything", "No meat"], "required": "before_paying"}
}

impl QuestionBody {
    pub(crate) fn into_question(self, at: &str, faults: &mut Faults) -> Question {
        let field = |name: &str| format!("{at}.{name}");
        let kind = AnswerKind::from_name(&self.kind.0).ok_or("must be text, yes_no or choice");
        let kind = faults.parsed(&field("kind"), kind).unwrap_or(AnswerKind::Text);
        let required = self.required.0.map_or(Ok(Required::Never), |name| {
            Required::from_name(&name.0).ok_or("must be never, before_paying or before_entry")
        });
        let per = self.per.0.map_or(Ok(Per::Ticket), |name| Per::from_name(&name.0).ok_or("must be ticket or order"));
        let (required, per) = (faults.parsed(&field("required"), required), faults.parsed(&field("per"), per));
        let options = self.options.0.unwrap_or_default().into_iter().map(|option| option.0.trim().to_owned());
        let types = self.ticket_type_ids.0.unwrap_or_default().into_iter().map(TicketTypeId);
        Question::new(self.key.0, self.text.0.trim(), kind)
            .with_options(options.collect())
            .with_required(required.unwrap_or(Required::Never))
            .with_per(per.unwrap_or(Per::Ticket))
            .with_ticket_types(types.collect())
    }
}

/// A question to attendees, or to buyers.
#[derive(Object)]
#[oai(rename = "Question")]
pub(crate) struct QuestionView {
    /// Its name for programs. Answers are kept under it.
    key: String,
    /// The question.
    text: String,
    /// What an answer is: `text`, `yes_no` or `choice`.
    kind: String,
    /// The answers to choose from.
    options: Vec<String>,
    /// When there must be an answer: `never`, `before_paying` or `before_entry`.
    required: String,
    /// Whether it is asked for every `ticket` or once for an `order`.
    per: String,
    /// The ticket types that it is asked for; none for all.
    ticket_type_ids: Vec<i64>,
}

impl From<&Question> for QuestionView {
    fn from(question: &Question) -> Self {
        Self {
            key: question.key.clone(),
            text: question.text.clone(),
            kind: question.kind.name().to_owned(),
            options: question.options.clone(),
            required: question.required.name().to_owned(),
            per: question.per.name().to_owned(),
            ticket_type_ids: question.ticket_types.iter().map(|id| id.0).collect(),
        }
    }
}
