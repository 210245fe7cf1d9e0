//! What the model test does and reads about holders of tickets, and about those who write to them.

use super::super::commands::{Holders, OrElse, references, who};
use super::Pair;
use crate::domain::code::Reference;
use crate::domain::id::{AccountId, EventId, TicketTypeId};
use crate::domain::message::{Audience, ListMessages, ListRecipients, Presence};
use crate::domain::order::{Erasable, ListErasable};
use crate::domain::order_details::{FindOrderDetails, ListDetailsOfAccount};
use crate::domain::page::{CursorRequest, PageRequest};
use crate::domain::principal::Principal;
use crate::domain::refund::QuoteReturn;
use crate::domain::ticket::{Ticket, TicketFilter, TicketKey};
use crate::domain::transfer::{FindTransfer, ListTransfers};
use crate::storage::StorageExt as _;

impl Pair {
    pub(super) async fn holders(&self, command: &Holders) -> Result<(), String> {
        let now = self.now;
        let tickets = self.tickets().await;
        // Some indexes are of no ticket.
        let ticket = |index: usize| tickets.get(index % (tickets.len() + 1));
        let acting = |ticket: &Ticket, who: &OrElse| who.clone().unwrap_or_else(|| ticket.holder.clone());
        match command {
            Holders::Terms(edit) => {
                let edit = (**edit).clone();
                self.both_unrecorded("edit_event", async |of| of.apply_one(now, edit.clone()).await).await
            }
            Holders::Offer(offers) => {
                let mut all = vec![];
                for (index, who, offer) in offers {
                    let mut offer = offer.clone();
                    if let Some(ticket) = ticket(*index) {
                        (offer.ticket_id, offer.actor) = (ticket.id, acting(ticket, who));
                    }
                    all.push(offer);
                }
                self.both_unrecorded("offer_transfer", async |of| of.apply(now, &all).await).await
            }
            Holders::Withdraw(withdrawals) => {
                let mut all = vec![];
                for (index, who, withdraw) in withdrawals {
                    let mut withdraw = withdraw.clone();
                    if let Some(ticket) = ticket(*index) {
                        (withdraw.ticket_id, withdraw.actor) = (ticket.id, acting(ticket, who));
                    }
                    all.push(withdraw);
                }
                self.both_unrecorded("withdraw_transfer", async |of| of.apply(now, &all).await).await
            }
            Holders::Take(take) => self.both_unrecorded("take_transfer", async |of| of.apply(now, take).await).await,
            Holders::Swap(swaps) => {
                let mut all = vec![];
                for (index, swap) in swaps {
                    let mut swap = swap.clone();
                    if let Some(ticket) = ticket(*index) {
                        let by_code = *index % 3 == 0;
                        let code = TicketKey::Code(ticket.code.clone());
                        swap.ticket = if by_code { code } else { TicketKey::Id(ticket.id) };
                    }
                    all.push(swap);
                }
                self.both_unrecorded("swap_ticket", async |of| of.apply(now, &all).await).await
            }
            Holders::EditDetails(edits) => {
                self.both_unrecorded("edit_order_details", async |of| of.apply(now, edits).await).await
            }
            Holders::Answer(edits) => {
                let mut all = vec![];
                for (index, edit) in edits {
                    let mut edit = edit.clone();
                    if let Some(ticket) = ticket(*index) {
                        edit.ticket_id = ticket.id;
                    }
                    all.push(edit);
                }
                self.both_unrecorded("edit_attendee", async |of| of.apply(now, &all).await).await
            }
            Holders::Send(send) => self.both_unrecorded("send_message", async |of| of.apply(now, send).await).await,
            Holders::Stop(stop) => {
                self.both_unrecorded("stop_message", async |of| of.apply_one(now, stop.clone()).await).await
            }
            Holders::Expand(expand) => {
                self.both_unrecorded("expand_messages", async |of| of.apply_one(now, *expand).await).await
            }
            Holders::IssueMany(issue) => {
                self.both_unrecorded("issue_orders", async |of| of.apply_one(now, issue.clone()).await).await
            }
            Holders::EraseBuyers(erase) => {
                self.both_unrecorded("erase_buyer", async |of| of.apply(now, erase).await).await
            }
        }
    }

    /// The newest first.
    async fn tickets(&self) -> Vec<Ticket> {
        let all = PageRequest { limit: 1000, ..PageRequest::default() };
        self.model.tickets(&TicketFilter::default(), all).await.unwrap().items
    }

    pub(super) async fn reads_of_holders(&self) -> Result<(), String> {
        let mut guests: Vec<Reference> = references().into_iter().take(6).collect();
        for ticket in self.tickets().await.iter().take(16) {
            let list = ListTransfers(ticket.id);
            self.both_unrecorded("transfers", async |of| of.find(list).await).await?;
            let known = self.model.find(list).await.map_err(|error| error.to_string())?;
            guests.extend(known.into_iter().map(|transfer| transfer.reference));
        }
        let page = PageRequest { count: true, ..PageRequest::default() };
        for reference in guests {
            let find = FindTransfer(reference.clone());
            self.both_unrecorded("transfer", async |of| of.find(find.clone()).await).await?;
            let filter = TicketFilter::default().with_holder(Principal::Guest(reference));
            self.both_unrecorded("tickets of a guest", async |of| of.tickets(&filter, page).await).await?;
        }
        for reference in references().into_iter().take(16) {
            let find = FindOrderDetails(reference.clone());
            self.both_unrecorded("order details", async |of| of.find(find.clone()).await).await?;
            let quote = QuoteReturn { order: reference, now: self.now };
            self.both_unrecorded("quote of a return", async |of| of.find(quote.clone()).await).await?;
        }
        let list = ListDetailsOfAccount { id: AccountId(1), page };
        self.both_unrecorded("details of an account's orders", async |of| of.find(list).await).await?;
        let audiences = [Audience::default(), Audience { ticket_type_id: Some(TicketTypeId(2)), who: Presence::NotIn }];
        for event_id in [1, 2, 3].map(EventId) {
            self.both_unrecorded("messages", async |of| of.find(ListMessages(event_id)).await).await?;
            for audience in audiences {
                let page = CursorRequest::default().with_limit(3);
                let list = ListRecipients { event_id, audience, page };
                self.both_unrecorded("recipients", async |of| of.find(list).await).await?;
            }
        }
        for which in [Erasable::OrdersOf(who(1)), Erasable::OrdersForEventsBefore(self.now)] {
            let list = ListErasable { which, from: 0, limit: 5 };
            self.both_unrecorded("erasable", async |of| of.find(list.clone()).await).await?;
        }
        Ok(())
    }
}
