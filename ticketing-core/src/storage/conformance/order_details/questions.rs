//! What must be answered before somebody pays, and before somebody comes in.

use super::super::attendees::named;
use super::super::box_office::cash;
use super::super::shop::{Shop, granted, only};
use super::{answered, answers};
use crate::domain::attendee::{AttendeeWants, NewAttendee};
use crate::domain::event::{AnswerKind, Event, Per, Question, Required};
use crate::domain::order::{IssuePayment, Order};
use crate::domain::order_details::OrderDetailsWants;
use crate::domain::payment::{BeginSale, Mode, OpenAttempt, SaleBegun};
use crate::domain::refusal::Refusal;
use crate::storage::{Storage, StorageExt as _};
use std::sync::Arc;

fn question(key: &str, required: Required) -> Question {
    Question::new(key, format!("What is your {key}?"), AnswerKind::Text).with_required(required)
}

fn missing(questions: &str) -> Refusal {
    Refusal::AnswersRequired { questions: questions.to_owned() }
}

impl Shop {
    /// An event with two types. Diet and shirt are asked for every ticket, but shirts for the second type only; the song once.
    async fn asking(&self, required: Required) -> Event {
        let types = [("A", 100, None), ("B", 250, None)];
        let song = question("song", required).with_per(Per::Order);
        let optional = question("phone", Required::Never);
        let questions = vec![question("diet", required), question("shirt", required), song, optional];
        let event = self.event().types(&types).with(|new| new.terms.questions = questions.clone()).create().await;
        let mut questions = questions;
        questions[1].ticket_types = vec![event.ticket_types[1].id];
        let mut edit = super::super::notices::wants();
        edit.terms.questions = Some(questions);
        self.change(&event, edit).await
    }

    async fn is_payable(&self, order: &Order) -> Result<(), Refusal> {
        self.try_attempt(&self.attempt_of(order)).await.map(drop)
    }

    async fn sale_of_lines(&self, event: &Event, lines: &[(usize, u32)]) -> Result<(), Refusal> {
        let hold = self.wish_of(event, lines);
        let attempt = OpenAttempt {
            reference: self.reference(),
            order: hold.reference.clone(),
            gateway: "paystack".to_owned(),
            mode: Mode::Test,
            pays_within: None,
        };
        let begun: Result<SaleBegun, Refusal> =
            only(self.storage.apply(self.now(), &[BeginSale::new(hold, attempt)]).await);
        begun.map(drop)
    }
}

fn who(diet: &str, shirt: &str) -> NewAttendee {
    let all: Vec<_> = [("diet", diet), ("shirt", shirt)].into_iter().filter(|(_, answer)| !answer.is_empty()).collect();
    NewAttendee::default().with_answers(answers(&all))
}

pub async fn what_must_be_answered_is_answered_before_paying(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.asking(Required::BeforePaying).await;
    let order = granted(shop.try_hold(&shop.wish_of(&event, &[(0, 2), (1, 1)])).await);
    assert_eq!(shop.is_payable(&order).await, Err(missing("diet, shirt, song")), "each is named once");
    shop.says(&order, answered(&[("song", "Lady"), ("diet", "of the order"), ("shirt", "L")])).await;
    assert_eq!(shop.is_payable(&order).await, Err(missing("diet, shirt")), "these are asked for every ticket");
    let come = |all: &[NewAttendee]| OrderDetailsWants::default().with_attendees(all.to_vec());
    let two = [who("none", "M"), who("none", "L")];
    shop.says(&order, come(&two)).await;
    assert_eq!(shop.is_payable(&order).await, Err(missing("diet, shirt")), "the third is missing");
    shop.says(&order, come(&[who("none", ""), who("", ""), who("none", "L")])).await;
    assert_eq!(shop.is_payable(&order).await, Err(missing("diet")));
    shop.says(&order, come(&[who("none", ""), who("vegan", ""), who("none", "L")])).await;
    shop.settle_order(&order).await;

    // A shirt is for those of the second type only.
    let order = granted(shop.try_hold(&shop.wish_of(&event, &[(0, 1)])).await);
    assert_eq!(shop.is_payable(&order).await, Err(missing("diet, song")));
    shop.says(&order, answered(&[("song", "Lady")]).with_attendees(vec![who("none", "")])).await;
    shop.settle_order(&order).await;
}

pub async fn a_sale_at_once_has_answered_nothing(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.asking(Required::BeforePaying).await;
    assert_eq!(shop.sale_of_lines(&event, &[(0, 1), (1, 1)]).await, Err(missing("diet, shirt, song")));
    assert_eq!(shop.sale_of_lines(&event, &[(0, 1)]).await, Err(missing("diet, song")));
    assert_eq!(shop.stock(&event).await, (0, 0), "what is refused takes nothing");
    // What is asked for other types only is not in the way.
    let shirts = |new: &mut crate::domain::event::NewEvent| new.terms.questions = vec![];
    let event = shop.event().types(&[("A", 100, None), ("B", 250, None)]).with(shirts).create().await;
    let shirt = question("shirt", Required::BeforePaying).with_ticket_types(vec![event.ticket_types[1].id]);
    let mut edit = super::super::notices::wants();
    edit.terms.questions = Some(vec![shirt]);
    shop.change(&event, edit).await;
    assert_eq!(shop.sale_of_lines(&event, &[(0, 1)]).await, Ok(()));
    assert_eq!(shop.sale_of_lines(&event, &[(1, 1)]).await, Err(missing("shirt")));
    // Nor is what may be answered later.
    let later = shop.asking(Required::BeforeEntry).await;
    assert_eq!(shop.sale_of_lines(&later, &[(0, 1)]).await, Ok(()));
}

pub async fn what_must_be_answered_is_answered_before_entry(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.asking(Required::BeforeEntry).await;
    let order = granted(shop.try_hold(&shop.wish_of(&event, &[(0, 1), (1, 1)])).await);
    let bought = shop.settle_order(&order).await;
    let [a, b] = &bought.tickets[..] else { panic!("two tickets") };
    let scan = async |ticket, nonce| shop.scan(&shop.scan_of(ticket, nonce)).await.map(drop);
    assert_eq!(scan(a, "a").await, Err(missing("diet, song")));
    assert_eq!(scan(b, "b").await, Err(missing("diet, shirt, song")));
    shop.says(&bought.order, answered(&[("song", "Lady")])).await;
    assert_eq!(scan(a, "a").await, Err(missing("diet")));
    granted(shop.edit_attendee(&shop.edit_of(a, named("Ada"))).await);
    assert_eq!(scan(a, "a").await, Err(missing("diet")));
    let of = |all: &[(&str, &str)]| AttendeeWants::default().with_answers(answers(all));
    granted(shop.edit_attendee(&shop.edit_of(a, of(&[("diet", "none")]))).await);
    assert_eq!(scan(a, "a").await, Ok(()), "the same scan, repeated");
    granted(shop.edit_attendee(&shop.edit_of(b, of(&[("diet", "none"), ("shirt", "L")]))).await);
    assert_eq!(scan(b, "b").await, Ok(()));

    // Who takes a ticket over answers for himself or herself.
    let order = granted(shop.try_hold(&shop.wish_of(&event, &[(0, 1)])).await);
    shop.says(&order, answered(&[("song", "Lady")]).with_attendees(vec![who("none", "")])).await;
    let bought = shop.settle_order(&order).await;
    let taken = shop.transferred(&bought.tickets[0], "bob@example.com").await.ticket;
    assert_eq!(scan(&taken, "c").await, Err(missing("diet")));
}

pub async fn those_who_issue_tickets_are_not_bound_by_questions(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.asking(Required::BeforePaying).await;
    for payment in [IssuePayment::Free, cash()] {
        let issued = granted(shop.issue(&shop.issue_of(&event, 1, payment)).await);
        assert_eq!(issued.tickets.len(), 1);
        granted(shop.scan(&shop.scan_of(&issued.tickets[0], issued.order.reference.as_str())).await);
    }
    // Somebody who pays for it at a checkout is.
    let until = shop.now() + super::super::notices::DAY;
    let issued = granted(shop.issue(&shop.issue_of(&event, 1, IssuePayment::Later { until })).await);
    assert_eq!(shop.is_payable(&issued.order).await, Err(missing("diet, song")));
}
