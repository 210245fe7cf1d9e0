//! Giving tickets to somebody else, and swapping them.

use super::Tag;
use super::bearer::{Caller, MaybeSession};
use super::dto::body::Body;
use super::dto::holders::{OfferBody, OfferedView, SwapBody, SwappedView, TakeBody, TakenView, TransferView};
use super::dto::path::Name;
use super::problems::{BODY, KEYED, MEMBER, TOKEN, problems};
use super::purchaser::Purchaser;
use super::state::ApiState;
use super::tickets::key_of;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};

problems! {
    OfferProblems: BODY, KEYED, TOKEN, &[
        "not_found", "transfer_closed", "too_many_transfers", "ticket_not_valid", "ticket_refunded", "ticket_cancelled",
        "ticket_transferred",
    ];
    ListProblems: TOKEN, &["not_found"];
    WithdrawProblems: TOKEN, &["not_found", "ticket_transferred"];
    FindProblems: &["not_found"];
    TakeProblems: BODY, KEYED, TOKEN, &[
        "not_found", "transfer_closed", "ticket_not_valid", "ticket_refunded", "ticket_cancelled", "ticket_transferred",
    ];
    SwapProblems: BODY, KEYED, TOKEN, MEMBER, &[
        "not_found", "forbidden", "price_higher", "sold_out", "ticket_type_unknown", "ticket_not_valid", "ticket_refunded",
        "ticket_cancelled", "ticket_transferred", "refund_exceeds_paid", "nothing_to_refund", "event_draft", "event_cancelled",
        "event_over", "currency_unsupported",
    ];
}

#[derive(ApiResponse)]
enum Offered {
    /// The offer. Nothing has changed for the ticket.
    #[oai(status = 201)]
    Created(Json<TransferView>),
}

#[derive(ApiResponse)]
enum Withdrawn {
    /// The ticket is not offered.
    #[oai(status = 204)]
    Done,
}

#[derive(ApiResponse)]
enum Found {
    /// The ticket that is offered, or was taken.
    #[oai(status = 200)]
    Found(Json<OfferedView>, #[oai(header = "Cache-Control")] String),
}

pub(crate) struct Transfers(pub(crate) ApiState);

#[OpenApi(tag = "Tag::Tickets")]
impl Transfers {
    /// Offer a ticket to somebody else
    ///
    /// For its holder. The address gets a mail with a key that takes the ticket; until then, nothing changes. An offer to somebody else
    /// replaces the open one; repeating the request sends nothing. It ends after seven days, and when the event starts.
    #[oai(path = "/tickets/:ticket/transfers", method = "post", operation_id = "offerTransfer")]
    async fn offer(
        &self,
        holder: Purchaser,
        /// The ticket's code or id.
        ticket: Path<Name>,
        body: Body<OfferBody>,
    ) -> Result<Offered, OfferProblems> {
        let (ticket, to) = (key_of(&ticket.0.0)?, body.0.into_address()?);
        let offered = self.0.ticketing.offer_transfer(&holder.who(), &ticket, to).await?;
        Ok(Offered::Created(Json((&offered).into())))
    }

    /// List the offers of a ticket
    ///
    /// For the ticket's holder, and for the person who gave it away. Oldest first.
    #[oai(path = "/tickets/:ticket/transfers", method = "get", operation_id = "listTransfers")]
    async fn list(
        &self,
        holder: Purchaser,
        /// The ticket's code or id.
        ticket: Path<Name>,
    ) -> Result<Json<Vec<TransferView>>, ListProblems> {
        let found = self.0.ticketing.transfers(&holder.who(), &key_of(&ticket.0.0)?).await?;
        Ok(Json(found.iter().map(Into::into).collect()))
    }

    /// Withdraw an offer
    ///
    /// For the holder of the ticket. Repeating the request has no further effect.
    #[oai(path = "/tickets/:ticket/transfers", method = "delete", operation_id = "withdrawTransfer")]
    async fn withdraw(
        &self,
        holder: Purchaser,
        /// The ticket's code or id.
        ticket: Path<Name>,
    ) -> Result<Withdrawn, WithdrawProblems> {
        self.0.ticketing.withdraw_transfer(&holder.who(), &key_of(&ticket.0.0)?).await?;
        Ok(Withdrawn::Done)
    }

    /// Get a ticket that is offered
    ///
    /// For anyone who has the key from the mail. The request does not take the ticket, so programs that follow links do no harm. Once the
    /// ticket was taken, the response has it.
    #[oai(path = "/transfers/:key", method = "get", operation_id = "getTransfer")]
    async fn find(
        &self,
        /// The key from the mail.
        key: Path<Name>,
    ) -> Result<Found, FindProblems> {
        let reference = self.0.ticketing.transfer_of_key(&key.0.0)?;
        let found = self.0.ticketing.transfer(&reference).await?;
        Ok(Found::Found(Json((&found).into()), "no-store".to_owned()))
    }

    /// Take a ticket
    ///
    /// For anyone who has the key from the mail. With the token of an account, the ticket belongs to that account. Without one, it belongs to the
    /// person with the key: send it as `X-Order-Key` from then on. The old code no longer admits anyone. Repeating the request finds the same ticket.
    #[oai(path = "/transfers/:key/take", method = "post", operation_id = "takeTransfer")]
    async fn take(
        &self,
        taker: MaybeSession,
        /// The key from the mail.
        key: Path<Name>,
        body: Body<TakeBody>,
    ) -> Result<Json<TakenView>, TakeProblems> {
        let reference = self.0.ticketing.transfer_of_key(&key.0.0)?;
        let holder = taker.0.map(|session| session.who());
        let taken = self.0.ticketing.take_transfer(&reference, holder, body.0.name.map(|name| name.0)).await?;
        let is_guests = taken.ticket.holder.guest() == Some(&reference);
        Ok(Json(TakenView::new(&taken, Some(key.0.0.trim()).filter(|_| is_guests))))
    }

    /// Swap a ticket for another type
    ///
    /// For the event's organiser, and members with `orders`. Only unused tickets, and only for the same price or less. The old code no
    /// longer admits anyone; the holder gets the new one by mail. Repeating the request finds the same new ticket.
    #[oai(path = "/tickets/:ticket/swap", method = "post", operation_id = "swapTicket")]
    async fn swap(
        &self,
        caller: Caller,
        /// The ticket's code or id.
        ticket: Path<Name>,
        body: Body<SwapBody>,
    ) -> Result<Json<SwappedView>, SwapProblems> {
        let (to, difference) = body.0.into_parts()?;
        let swapped = self.0.ticketing.swap_ticket(&caller.who(), &key_of(&ticket.0.0)?, to, difference).await?;
        Ok(Json((&swapped).into()))
    }
}
