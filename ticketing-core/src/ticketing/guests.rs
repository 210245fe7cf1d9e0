//! Orders of guests, who have no account: the order's key stands for its buyer.

use super::{Ticketing, granted, orders::OrderRequest};
use crate::domain::code::Reference;
use crate::domain::order::{NameBuyer, Order};
use crate::domain::principal::{Buyer, EmailAddress, Principal};
use crate::error::Result;
use crate::storage::StorageExt as _;

#[cfg(feature = "accounts")]
use super::refused;
#[cfg(feature = "accounts")]
use crate::domain::account::AccountKey;
#[cfg(feature = "accounts")]
use crate::domain::id::AccountId;
#[cfg(feature = "accounts")]
use crate::domain::order::ClaimOrders;
#[cfg(feature = "accounts")]
use crate::error::Error;
#[cfg(feature = "accounts")]
use crate::token::GuestKey;

impl Ticketing {
    /// Holds places for a guest, like [`hold`](Self::hold). Without an address the places are held for a shorter time
    /// ([`naming_for`](super::TicketingBuilder::naming_for)), until [`name_buyer`](Self::name_buyer) gives one.
    ///
    /// The buyer of the order is [`Principal::Guest`], which acts on it like any other buyer. Give the guest the order's
    /// [key](Self::guest_key). Limits for buyers count guests by their address.
    pub async fn hold_as_guest(&self, email: Option<EmailAddress>, request: OrderRequest) -> Result<Order> {
        let reference = request.reference.clone().unwrap_or_else(|| Reference::of_order(&self.inner.random.seed()));
        let buyer = Buyer::guest(reference.clone(), email);
        self.hold(&buyer, request.with_reference(reference)).await
    }

    /// Sets the address to which the tickets of a guest's order are mailed. The first one extends the hold, once, to the time that other
    /// buyers have. A repeat with the same address changes nothing; another one replaces it, until a checkout is opened.
    ///
    /// Refusals: `hold_expired`, `order_paid`, `order_cancelled`, `payment_in_progress`; `buyer_limit`, `too_many_holds` and `code_limit`
    /// if somebody with this address has too much already. Not found unless the order is `actor`'s, and a guest's.
    pub async fn name_buyer(&self, actor: &Principal, reference: &Reference, email: EmailAddress) -> Result<Order> {
        let order = self.order(actor, reference).await?;
        let name = NameBuyer {
            reference: order.reference,
            email,
            hold_until: self.now() + self.inner.hold_for,
            limits: self.inner.buyer_limits,
        };
        granted(self.inner.storage.apply(self.now(), &[name]).await?)
    }

    /// The key of a guest's order: who has it is its buyer. It is derived from the order's reference and the
    /// [token key](super::TicketingBuilder::token_key), and stored nowhere. `None` if the buyer is no guest.
    #[cfg(feature = "accounts")]
    pub fn guest_key(&self, order: &Order) -> Result<Option<GuestKey>> {
        let keys = &self.accounts()?.guests;
        Ok(order.buyer.who.guest().map(|reference| keys.of(reference)))
    }

    /// The guest whose key this is: of an order, or of a ticket that was [transferred](Self::transfer_key) to somebody without an account. A
    /// wrong key is [`Error::NotFound`]: it is an order that does not exist.
    #[cfg(feature = "accounts")]
    pub fn guest(&self, key: &str) -> Result<Principal> {
        let accounts = self.accounts()?;
        let reference = accounts.guests.read(key).or_else(|| accounts.transfers.read(key));
        reference.map(Principal::Guest).ok_or(Error::NotFound("Order"))
    }

    /// Makes an account the buyer of all orders that guests made with its address and that are held or paid. Returns these orders. Their
    /// keys go on working, and the codes of tickets stay. A repeat takes over what was ordered since.
    ///
    /// Refusals: `email_unverified`, unless the account's address is verified.
    #[cfg(feature = "accounts")]
    pub async fn claim_orders(&self, id: AccountId) -> Result<Vec<Order>> {
        let account = self.inner.storage.account(&AccountKey::Id(id)).await?.ok_or(Error::NotFound("Account"))?;
        let claim = ClaimOrders { account: id, address: account.email };
        self.inner.storage.apply_one(self.now(), claim).await?.map_err(refused)
    }
}
