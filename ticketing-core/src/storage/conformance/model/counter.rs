//! What the model test does and reads about sales without a checkout and about attendees.

use super::super::commands::Counter;
use super::Pair;
use crate::domain::attendee::{AttendeeFilter, FindAttendee, ListAttendees};
use crate::domain::event::Window;
use crate::domain::id::{EventId, TicketId, TicketTypeId};
use crate::domain::order::{Erasable, IssueOrder, IssuePayment, ListErasable, OrderSearch, SearchOrders};
use crate::domain::page::CursorRequest;
use crate::domain::scope::Scope;
use crate::domain::ticket::TicketStatus;
use crate::storage::StorageExt as _;

impl Pair {
    pub(super) async fn counter(&self, command: &Counter) -> Result<(), String> {
        let now = self.now;
        match command {
            Counter::Issue(issue, keep_for) => {
                let until = now + *keep_for;
                let of = |issue: &IssueOrder| match issue.payment {
                    IssuePayment::Later { .. } => {
                        IssueOrder { payment: IssuePayment::Later { until }, ..issue.clone() }
                    }
                    _ => issue.clone(),
                };
                let issue: Vec<IssueOrder> = issue.iter().map(of).collect();
                self.both_unrecorded("issue_order", async |of| of.apply(now, &issue).await).await
            }
            Counter::Record(record) => {
                self.both_unrecorded("record_payment", async |of| of.apply(now, record).await).await
            }
            Counter::Refund(requests) => {
                self.both_unrecorded("request_refund", async |of| of.apply(now, requests).await).await
            }
            Counter::RecordRefund(record) => {
                self.both_unrecorded("record_refund", async |of| of.apply(now, record).await).await
            }
            Counter::EditAttendees(edits) => {
                self.both_unrecorded("edit_attendee", async |of| of.apply(now, edits).await).await
            }
            Counter::EraseAttendees(erase) => {
                self.both_unrecorded("erase_attendee", async |of| of.apply(now, erase).await).await
            }
            Counter::Resend(resend) => {
                self.both_unrecorded("resend_tickets", async |of| of.apply(now, resend).await).await
            }
        }
    }

    pub(super) async fn reads_of_the_counter(&self) -> Result<(), String> {
        let text = |text: &str| AttendeeFilter::default().with_text(text.to_owned());
        let hour = self.now - jiff::SignedDuration::from_hours(1);
        let filters = [
            AttendeeFilter::default(),
            text("ADA"),
            text("ộ"),
            text("o3"),
            AttendeeFilter::default().with_status(TicketStatus::Active).with_paid_with("cash".to_owned()),
            AttendeeFilter::default().with_ticket_type_id(TicketTypeId(2)),
            AttendeeFilter::default().with_ordered(Window { from: Some(hour), until: None }),
        ];
        let orders = [
            OrderSearch::default(),
            OrderSearch::default().with_text("ADA@".to_owned()),
            OrderSearch::default().with_status("held".to_owned()),
            OrderSearch::default().with_paid_with("transfer".to_owned()),
        ];
        let event_id = EventId(1);
        for (at, filter) in filters.iter().enumerate() {
            // In pages, and in one that has everything.
            let mut page = CursorRequest::default().with_limit(if at == 0 { 3 } else { 50 });
            loop {
                let list = ListAttendees { scope: Scope::all(), event_id, filter: filter.clone(), page };
                self.both_unrecorded("attendees", async |of| of.find(list.clone()).await).await?;
                let found = self.model.find(list).await.map_err(|error| error.to_string())?;
                let Some(next) = found.next else { break };
                page = page.with_after(next);
            }
        }
        for filter in &orders {
            let page = CursorRequest::default().with_limit(5);
            let search = SearchOrders { scope: Scope::all(), event_id, filter: filter.clone(), page };
            self.both_unrecorded("orders of an event", async |of| of.find(search.clone()).await).await?;
        }
        for id in 1..=4 {
            self.both_unrecorded("attendee", async |of| of.find(FindAttendee(TicketId(id))).await).await?;
        }
        for which in [
            Erasable::AttendeesTo(vec!["bob@example.com".to_owned()]),
            Erasable::AttendeesForEventsBefore(self.now + jiff::SignedDuration::from_hours(24 * 365)),
        ] {
            let list = ListErasable { which, from: 0, limit: 5 };
            self.both_unrecorded("erasable", async |of| of.find(list.clone()).await).await?;
        }
        Ok(())
    }
}
