//! Transferring tickets to somebody else, and swapping them for another type.

use super::attendees::{MAX_NAME, trimmed};
use super::authorization::unless_known;
use super::checks::Checks;
use super::{Ticketing, refused};
use crate::domain::access::Permission;
use crate::domain::attendee::FindAttendee;
use crate::domain::code::Reference;
use crate::domain::id::{TicketId, TicketTypeId};
use crate::domain::principal::{EmailAddress, Principal};
use crate::domain::refusal::Refusal;
use crate::domain::ticket::{PriceDifference, SwapTicket, Swapped, TicketKey};
use crate::domain::transfer::{
    FindTransfer, FoundTransfer, ListTransfers, OfferTransfer, TakeTransfer, TakenTransfer, Transfer, WithdrawTransfer,
};
use crate::error::{Error, Result};
use crate::storage::StorageExt as _;

#[cfg(feature = "accounts")]
use crate::token::GuestKey;

impl Ticketing {
    /// Offers a ticket to the reader of an address, who gets a mail with a [key](Self::transfer_key). Until the ticket is
    /// [taken](Self::take_transfer), nothing changes for it: it still lets its holder in, which ends the offer, as a refund does. Only for the
    /// holder: for others there is no such ticket.
    ///
    /// An offer to somebody else replaces the open one. A repeat to the same address finds it, and sends nothing. An offer ends after seven
    /// days, and when the event starts, unless its [terms](crate::domain::event::TransferPolicy) say otherwise.
    ///
    /// Refusals: `transfer_closed` (the event does not allow it, or not any more), `too_many_transfers`, `ticket_not_valid` (it was used),
    /// `ticket_refunded`, `ticket_cancelled`, `ticket_transferred`.
    pub async fn offer_transfer(&self, actor: &Principal, ticket: &TicketKey, to: EmailAddress) -> Result<Transfer> {
        let ticket_id = self.ticket_id(ticket).await?;
        let (ticket, order, attendee) =
            self.inner.storage.find(FindAttendee(ticket_id)).await?.ok_or(Error::NotFound("Ticket"))?;
        let own = attendee.and_then(|attendee| attendee.email);
        let own = own.or_else(|| order.buyer.email.clone().filter(|_| order.is_holder_of(&ticket)));
        if ticket.holder == *actor && own.is_some_and(|own| own.key() == to.key()) {
            return Err(Error::invalid("to", "must be the address of somebody else"));
        }
        let reference = Reference::derived(&self.inner.random.seed(), "transfer");
        let offer = OfferTransfer { ticket_id, actor: actor.clone(), to, reference };
        let offered = self.inner.storage.apply_one(self.now(), offer).await?.map_err(not_theirs)?;
        self.inner.upkeep_wakeup.notify_one();
        Ok(offered)
    }

    /// Takes back the open offer of a ticket, if there is one. Returns whether there was. Only for the holder.
    ///
    /// Refusals: `ticket_transferred`, if the ticket was taken.
    pub async fn withdraw_transfer(&self, actor: &Principal, ticket: &TicketKey) -> Result<bool> {
        let withdraw = WithdrawTransfer { ticket_id: self.ticket_id(ticket).await?, actor: actor.clone() };
        self.inner.storage.apply_one(self.now(), withdraw).await?.map_err(not_theirs)
    }

    /// The offers of a ticket, the oldest first, whatever became of them. Only for the holder, and for who was the holder before.
    pub async fn transfers(&self, actor: &Principal, ticket: &TicketKey) -> Result<Vec<Transfer>> {
        let id = self.ticket_id(ticket).await?;
        self.ticket(actor, id).await?;
        Ok(self.inner.storage.find(ListTransfers(id)).await?)
    }

    /// A transfer, with what it is about, for anyone who has its [key](Self::transfer_key). One that was withdrawn or has expired is not found.
    /// One that was taken is: its new ticket is in it.
    pub async fn transfer(&self, reference: &Reference) -> Result<FoundTransfer> {
        let missing = || Error::NotFound("Transfer");
        let found = self.inner.storage.find(FindTransfer(reference.clone())).await?.ok_or_else(missing)?;
        let is_known = found.new_ticket.is_some() || found.transfer.is_open(self.now());
        if is_known && !found.transfer.to.is_erased() { Ok(found) } else { Err(missing()) }
    }

    /// Takes a ticket that is offered, for anyone who has the transfer's [key](Self::transfer_key). The old ticket becomes void at this moment,
    /// and the new one has another code. Both holders are told by mail. The buyer of the order stays who gets its money back.
    ///
    /// `holder` is who takes it; without one, it is somebody without an account, who is a [guest](Principal::Guest) by the transfer's
    /// reference, and whose key that of the transfer remains. A repeat finds the same new ticket.
    ///
    /// Refusals: `transfer_closed`, `ticket_not_valid` (it was used), `ticket_refunded`, `ticket_cancelled`. Not found once it was withdrawn
    /// or has expired.
    pub async fn take_transfer(
        &self,
        reference: &Reference,
        holder: Option<Principal>,
        name: Option<String>,
    ) -> Result<TakenTransfer> {
        let mut checks = Checks::default();
        if let Some(holder) = &holder {
            checks.person("holder", holder);
        }
        checks.optional_text("name", name.as_deref(), MAX_NAME);
        checks.done()?;
        let (name, seed) = (trimmed(name), self.inner.random.seed());
        let take = TakeTransfer { reference: reference.clone(), holder, name, seed };
        let taken = self.inner.storage.apply_one(self.now(), take).await?.map_err(|refusal| match refusal {
            Refusal::TransferUnknown => Error::NotFound("Transfer"),
            refusal => refused(refusal),
        })?;
        self.inner.upkeep_wakeup.notify_one();
        Ok(taken)
    }

    /// The key of a transfer: who has it may take the ticket, and is its holder afterwards. It is derived from the transfer's reference and
    /// the [token key](super::TicketingBuilder::token_key), and stored nowhere.
    #[cfg(feature = "accounts")]
    pub fn transfer_key(&self, transfer: &Transfer) -> Result<GuestKey> {
        Ok(self.accounts()?.transfers.of(&transfer.reference))
    }

    /// The reference of the transfer whose key this is. A wrong key is [`Error::NotFound`].
    #[cfg(feature = "accounts")]
    pub fn transfer_of_key(&self, key: &str) -> Result<Reference> {
        self.accounts()?.transfers.read(key).ok_or(Error::NotFound("Transfer"))
    }

    /// Swaps an unused ticket for one of another type of its event, for the same price or less. The old ticket becomes void and its place
    /// free, the new one takes a place of its type, and its holder gets a mail with the new code. Allowed for those who may refund orders of
    /// the event. A repeat with the old ticket and the same type finds the same new ticket.
    ///
    /// Refusals: `price_higher`, `sold_out`, `ticket_type_unknown`, `ticket_not_valid` (it was used), `ticket_refunded`, `ticket_cancelled`,
    /// `ticket_transferred`, `refund_exceeds_paid`, `nothing_to_refund`, `event_cancelled`, `event_over`.
    pub async fn swap_ticket(
        &self,
        actor: &Principal,
        ticket: &TicketKey,
        to: TicketTypeId,
        difference: PriceDifference,
    ) -> Result<Swapped> {
        let missing = || Error::NotFound("Ticket");
        let found = self.inner.storage.ticket(ticket).await?.ok_or_else(missing)?;
        let event = self.event(found.event_id).await?;
        let no = || {
            if found.holder == *actor {
                Error::Forbidden("Only the event's organiser may swap tickets")
            } else {
                missing()
            }
        };
        let scope = self.scope_over(actor, Permission::Orders, &event).await;
        let scope = scope.map_err(|error| unless_known(error, no()))?;
        let (actor, seed) = (actor.clone(), self.inner.random.seed());
        let swap = SwapTicket { ticket: TicketKey::Id(found.id), to, difference, actor, scope, seed };
        let swapped = self.inner.storage.apply_one(self.now(), swap).await?.map_err(not_theirs)?;
        self.inner.upkeep_wakeup.notify_one();
        Ok(swapped)
    }

    async fn ticket_id(&self, ticket: &TicketKey) -> Result<TicketId> {
        match ticket {
            TicketKey::Id(id) => Ok(*id),
            key @ TicketKey::Code(_) => Ok(self.inner.storage.ticket(key).await?.ok_or(Error::NotFound("Ticket"))?.id),
        }
    }
}

fn not_theirs(refusal: Refusal) -> Error {
    match refusal {
        Refusal::TicketUnknown => Error::NotFound("Ticket"),
        refusal => refused(refusal),
    }
}
