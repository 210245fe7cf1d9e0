//! Typed reads and writes, for every storage.

use super::gauges::{self, Gauges};
use super::{Storage, StorageError, look_alikes};
use crate::domain::account::{Account, AccountKey, FindAccount};
use crate::domain::category::{Category, ListCategories};
use crate::domain::check_in::{CheckIn, FindCheckIn};
use crate::domain::code::Reference;
use crate::domain::command::{Batch, Command, Queries, Query};
use crate::domain::event::{Event, EventFilter, FindEvent, FindEvents, ListEventIds, ListEvents};
use crate::domain::id::{AccountId, EventId, MailId, OrderId, TicketId};
use crate::domain::order::{FindOrder, FindPurchase, ListOrders, Order, OrderFilter, OrderKey};
use crate::domain::outbox::{FindMail, FindMailsOfOrder, ListDeadMails, OutboxMail};
use crate::domain::page::{Page, PageRequest};
use crate::domain::payment::{Attempt, FindAttempt, ListReviews};
use crate::domain::payment_history::{FindPayment, Payment};
use crate::domain::scope::Scope;
use crate::domain::ticket::{FindTicket, ListTickets, Ticket, TicketFilter, TicketKey};
use async_trait::async_trait;
use jiff::Timestamp;
use std::sync::Arc;

type Result<T> = std::result::Result<T, StorageError>;

/// Typed reads and writes. Every [`Storage`] has them; nobody implements them.
#[async_trait]
pub trait StorageExt: Storage {
    /// Applies commands in one transaction, one after the other, and returns the outcome of each, in their order. Does nothing if
    /// there are none.
    async fn apply<C: Command>(&self, now: Timestamp, commands: &[C]) -> Result<Vec<C::Outcome>> {
        self.apply_all(now, commands.to_vec()).await
    }

    /// The same for commands that need not be copied.
    async fn apply_all<C: Command>(&self, now: Timestamp, commands: Vec<C>) -> Result<Vec<C::Outcome>> {
        let count = commands.len();
        if count == 0 {
            return Ok(vec![]);
        }
        let batch = Arc::new(Batch::new(commands));
        self.transact(now, Arc::<Batch<C>>::clone(&batch)).await?;
        let outcomes = batch.outcomes().filter(|outcomes| outcomes.len() == count);
        outcomes.ok_or_else(|| StorageError::Broken(format!("the storage has not decided {}", C::NAME).into()))
    }

    /// Applies one command.
    async fn apply_one<C: Command>(&self, now: Timestamp, command: C) -> Result<C::Outcome> {
        let outcome = self.apply_all(now, vec![command]).await?.pop();
        outcome.ok_or_else(|| StorageError::Broken(format!("the storage has not decided {}", C::NAME).into()))
    }

    /// Answers queries together. One answer for each, in their order.
    async fn find_all<Q: Query>(&self, queries: &[Q]) -> Result<Vec<Q::Found>> {
        if queries.is_empty() {
            return Ok(vec![]);
        }
        let rows = self.load(&Queries(queries)).await?;
        Ok(queries.iter().map(|query| query.find(&rows)).collect())
    }

    /// Answers a query.
    async fn find<Q: Query>(&self, query: Q) -> Result<Q::Found> {
        let rows = self.load(&Queries(std::slice::from_ref(&query))).await?;
        Ok(query.find(&rows))
    }

    /// How much is in progress, as of one moment.
    async fn gauges(&self) -> Result<Gauges> {
        gauges::of_tallies(&self.tally(&gauges::tallies()).await?, self.connections())
    }

    /// Finds an account.
    async fn account(&self, key: &AccountKey) -> Result<Option<Account>> {
        self.find(FindAccount(key.clone())).await
    }

    /// Groups of accounts whose addresses or user names are spellings of one. They were made before all spellings were one account,
    /// and keep working. Reads every account.
    async fn look_alikes(&self) -> Result<Vec<Vec<AccountId>>> {
        look_alikes::of(self).await
    }

    /// Lists categories, by name.
    async fn categories(&self, page: PageRequest) -> Result<Page<Category>> {
        self.find(ListCategories(page)).await
    }

    /// Finds an event.
    async fn event(&self, id: EventId) -> Result<Option<Event>> {
        self.find(FindEvent(id)).await
    }

    /// Lists events.
    async fn events(&self, filter: &EventFilter, page: PageRequest) -> Result<Page<Event>> {
        self.find(ListEvents { filter: filter.clone(), page }).await
    }

    /// Lists the ids of events.
    async fn event_ids(&self, filter: &EventFilter, page: PageRequest) -> Result<Page<EventId>> {
        self.find(ListEventIds(ListEvents { filter: filter.clone(), page })).await
    }

    /// Finds events, in the order of these ids. Leaves out those that do not exist.
    async fn events_of(&self, ids: &[EventId]) -> Result<Vec<Event>> {
        self.find(FindEvents(ids.to_vec())).await
    }

    /// Finds an order.
    async fn order(&self, key: &OrderKey) -> Result<Option<Order>> {
        self.find(FindOrder(key.clone())).await
    }

    /// Lists orders, the newest first.
    async fn orders(&self, filter: &OrderFilter, page: PageRequest) -> Result<Page<Order>> {
        self.find(ListOrders { filter: filter.clone(), page }).await
    }

    /// Finds an order with its tickets by id, as of one moment.
    async fn purchase(&self, order: OrderId) -> Result<Option<(Order, Vec<Ticket>)>> {
        self.find(FindPurchase(order)).await
    }

    /// Finds an attempt.
    async fn attempt(&self, reference: &Reference) -> Result<Option<Attempt>> {
        Ok(self.find(FindAttempt(reference.clone())).await?.map(|(attempt, _)| attempt))
    }

    /// The whole story of an order's money, found by the order's reference or by one of its attempts'.
    async fn payment(&self, reference: &Reference) -> Result<Option<Payment>> {
        self.find(FindPayment(reference.clone())).await
    }

    /// Lists what a person should look at, of these events, the oldest first.
    async fn reviews(&self, scope: &Scope, page: PageRequest) -> Result<Page<Attempt>> {
        self.find(ListReviews { scope: scope.clone(), page }).await
    }

    /// Finds a ticket.
    async fn ticket(&self, key: &TicketKey) -> Result<Option<Ticket>> {
        self.find(FindTicket(key.clone())).await
    }

    /// Lists tickets, the newest first.
    async fn tickets(&self, filter: &TicketFilter, page: PageRequest) -> Result<Page<Ticket>> {
        self.find(ListTickets { filter: filter.clone(), page }).await
    }

    /// The check-in of a ticket, if it was used.
    async fn check_in_of(&self, ticket: TicketId) -> Result<Option<CheckIn>> {
        self.find(FindCheckIn(ticket)).await
    }

    /// Finds a mail.
    async fn mail(&self, id: MailId) -> Result<Option<OutboxMail>> {
        self.find(FindMail(id)).await
    }

    /// The mails of an order, oldest first.
    async fn mails(&self, order: &OrderKey) -> Result<Vec<OutboxMail>> {
        self.find(FindMailsOfOrder(order.clone())).await
    }

    /// Lists mails that were given up, about these events, oldest first.
    async fn dead_mails(&self, scope: &Scope, page: PageRequest) -> Result<Page<OutboxMail>> {
        self.find(ListDeadMails { scope: scope.clone(), page }).await
    }
}

impl<S: Storage + ?Sized> StorageExt for S {}
