//! Tickets and their QR codes.
//!
//! The code is the secret that proves a ticket: a lookup by code needs no token, and tells nothing of the holder. An id is no
//! secret: a lookup by id is for the holder only.

use super::dto::list::{List, page};
use super::dto::path::Name;
use super::dto::ticket::{PublicTicketView, TicketView};
use super::problems::{PARAMETERS, TOKEN, problems};
use super::purchaser::{MaybePurchaser, Purchaser};
use super::state::ApiState;
use super::{Tag, etag};
use crate::problem::Problem;
use poem::http::Uri;
use poem::web::Accept;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::{Binary, Json};
use poem_openapi::{ApiResponse, OpenApi, ResponseContent};
use ticketing_core::domain::code::TicketCode;
use ticketing_core::domain::id::TicketId;
use ticketing_core::domain::ticket::{Ticket, TicketKey};
use ticketing_core::{Error, qr};

problems! {
    ListProblems: PARAMETERS, TOKEN;
    FindProblems: TOKEN, &["not_found", "not_acceptable"];
    QrProblems: &["not_found"];
}

/// Tells ids from codes, which have 26 symbols.
const MAX_ID_DIGITS: usize = 16;
/// The image of a code never changes, but is private: browsers may keep it, shared caches may not.
const FOREVER: &str = "private, max-age=31536000, immutable";

#[derive(ResponseContent)]
enum Face {
    Json(Json<PublicTicketView>),
    #[oai(content_type = "image/png")]
    Png(Binary<Vec<u8>>),
}

#[derive(ApiResponse)]
enum Found {
    /// The ticket, or its QR code.
    #[oai(status = 200)]
    Found(Face, #[oai(header = "Cache-Control")] String, #[oai(header = "Vary")] String),
}

#[derive(ApiResponse)]
enum Png {
    /// The image.
    #[oai(status = 200, content_type = "image/png")]
    Image(Binary<Vec<u8>>, #[oai(header = "ETag")] String, #[oai(header = "Cache-Control")] String),
    /// The client's copy is up to date.
    #[oai(status = 304)]
    NotModified(#[oai(header = "ETag")] String, #[oai(header = "Cache-Control")] String),
}

#[derive(ApiResponse)]
enum Svg {
    /// The image.
    #[oai(status = 200, content_type = "image/svg+xml")]
    Image(Binary<Vec<u8>>, #[oai(header = "ETag")] String, #[oai(header = "Cache-Control")] String),
    /// The client's copy is up to date.
    #[oai(status = 304)]
    NotModified(#[oai(header = "ETag")] String, #[oai(header = "Cache-Control")] String),
}

pub(crate) struct Tickets(pub(crate) ApiState);

#[OpenApi(tag = "Tag::Tickets")]
impl Tickets {
    /// List my tickets
    ///
    /// Newest first. With the key of an order, the tickets of that order.
    #[oai(path = "/tickets/my-tickets", method = "get", operation_id = "listMyTickets")]
    async fn list(
        &self,
        buyer: Purchaser,
        uri: &Uri,
        /// Number of items to skip.
        skip: Query<Option<u64>>,
        /// Page size, 1–1000 (default 100).
        limit: Query<Option<u32>>,
        /// Return the total count in `X-Total-Count`.
        count: Query<Option<bool>>,
    ) -> Result<List<TicketView>, ListProblems> {
        let request = page(skip.0, limit.0, count.0);
        let found = self.0.ticketing.tickets(&buyer.who(), request).await?;
        Ok(List::new(found, request, uri, &self.0.settings, |ticket| (&ticket).into()))
    }

    /// Get a ticket
    ///
    /// By code: public, without a token. By id (digits only), for the holder: the QR code as an image, or as JSON if `Accept`
    /// prefers it.
    #[oai(path = "/tickets/:ticket", method = "get", operation_id = "getTicket")]
    async fn find(
        &self,
        holder: MaybePurchaser,
        accept: Accept,
        /// The ticket's code or id.
        ticket: Path<Name>,
    ) -> Result<Found, FindProblems> {
        let answer =
            |face| Found::Found(face, "private, no-store".to_owned(), "Accept, Authorization, X-Order-Key".to_owned());
        let Some(id) = id_of(&ticket.0.0) else {
            let ticket = self.0.ticketing.ticket_by_code(&code_of(&ticket.0.0)?).await?;
            return Ok(answer(Face::Json(Json(PublicTicketView::new(&ticket, None)))));
        };
        let ticket = self.0.ticketing.ticket(&holder.required()?.who(), id).await?;
        let png = qr::png(&ticket.code);
        match prefers_json(&accept) {
            Some(false) => Ok(answer(Face::Png(Binary(png)))),
            Some(true) => Ok(answer(Face::Json(Json(PublicTicketView::new(&ticket, Some(png)))))),
            None => Err(Problem::new("not_acceptable", "Available media types: image/png, application/json.").into()),
        }
    }

    /// Get a ticket's QR code as PNG
    #[oai(path = "/tickets/:ticket_code/qr.png", method = "get", operation_id = "getTicketPng")]
    async fn png(
        &self,
        /// The ticket's code.
        ticket_code: Path<Name>,
        /// The `ETag` of the client's copy.
        #[oai(name = "If-None-Match")]
        if_none_match: Header<Option<String>>,
    ) -> Result<Png, QrProblems> {
        let ticket = self.by_code(&ticket_code.0.0).await?;
        let tag = etag::of("png", ticket.code.as_str().as_bytes());
        if etag::is_known(&tag, if_none_match.0.as_deref()) {
            return Ok(Png::NotModified(tag, FOREVER.to_owned()));
        }
        Ok(Png::Image(Binary(qr::png(&ticket.code)), tag, FOREVER.to_owned()))
    }

    /// Get a ticket's QR code as SVG
    #[oai(path = "/tickets/:ticket_code/qr.svg", method = "get", operation_id = "getTicketSvg")]
    async fn svg(
        &self,
        /// The ticket's code.
        ticket_code: Path<Name>,
        /// The `ETag` of the client's copy.
        #[oai(name = "If-None-Match")]
        if_none_match: Header<Option<String>>,
    ) -> Result<Svg, QrProblems> {
        let ticket = self.by_code(&ticket_code.0.0).await?;
        let tag = etag::of("svg", ticket.code.as_str().as_bytes());
        if etag::is_known(&tag, if_none_match.0.as_deref()) {
            return Ok(Svg::NotModified(tag, FOREVER.to_owned()));
        }
        Ok(Svg::Image(Binary(qr::svg(&ticket.code).into_bytes()), tag, FOREVER.to_owned()))
    }

    async fn by_code(&self, text: &str) -> Result<Ticket, Problem> {
        Ok(self.0.ticketing.ticket_by_code(&code_of(text)?).await?)
    }
}

/// The ticket that a text names, by its code or its id. Any other text belongs to no ticket: 404.
pub(super) fn key_of(text: &str) -> Result<TicketKey, Problem> {
    match id_of(text) {
        Some(id) => Ok(TicketKey::Id(id)),
        None => code_of(text).map(TicketKey::Code),
    }
}

fn id_of(text: &str) -> Option<TicketId> {
    let is_id = !text.is_empty() && text.len() <= MAX_ID_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_id { text.parse().ok().map(TicketId) } else { None }
}

/// A text that cannot be a code belongs to no ticket: 404.
fn code_of(text: &str) -> Result<TicketCode, Problem> {
    text.parse().map_err(|_| Error::NotFound("Ticket").into())
}

/// Whether the client prefers JSON to the image; `None` if it accepts neither. Older clients accept anything, and get the image.
fn prefers_json(accept: &Accept) -> Option<bool> {
    if accept.0.is_empty() {
        return Some(false);
    }
    let is_positive = |q: &str| !q.trim_end_matches(['0', '.']).is_empty();
    let accepted = accept.0.iter().filter(|mime| mime.get_param("q").is_none_or(|q| is_positive(q.as_str())));
    accepted.into_iter().find_map(|mime| match mime.essence_str() {
        "image/png" | "image/*" | "*/*" => Some(false),
        "application/json" | "application/*" => Some(true),
        _ => None,
    })
}
