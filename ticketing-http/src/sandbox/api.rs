//! Paystack's routes. Requests are checked as Paystack checks them.

use super::gateway::{NewRefund, NewTransaction, Sandbox};
use super::request::{MAX_AMOUNT, read_json};
use super::response::{ApiError, ok, ok_page, respond};
use super::{checkout, simulate};
use poem::web::{Data, Query};
use poem::{Body, EndpointExt, Request, Response, Route, get, handler, post};
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// The routes of the sandbox, to be mounted where [`SandboxConfig::public_base_url`](super::SandboxConfig) points:
///
/// | route | |
/// |---|---|
/// | `POST /transaction/initialize` | needs the key, as do all of Paystack's own routes |
/// | `GET /transaction/verify/:reference` | |
/// | `POST /refund`, `GET /refund?transaction=`, `GET /refund/:id` | |
/// | `GET /checkout/:access_code`, `POST …` | the page for the payer's browser |
/// | `POST /simulate/:reference` | acts as the payer, for tests; needs no key |
pub fn routes(sandbox: Arc<Sandbox>) -> Route {
    let with = || Arc::clone(&sandbox);
    Route::new()
        .at("/transaction/initialize", post(initialize).data(with()))
        .at("/transaction/verify/:reference", get(verify).data(with()))
        .at("/refund", get(list_refunds).post(create_refund).data(with()))
        .at("/refund/:id", get(fetch_refund).data(with()))
        .at("/checkout/:access_code", get(checkout::show).post(checkout::act).data(with()))
        .at("/simulate/:reference", post(simulate::simulate).data(with()))
}

#[handler]
async fn initialize(request: &Request, body: Body, sandbox: Data<&Arc<Sandbox>>) -> Response {
    respond(try_initialize(request, body, &sandbox).await)
}

async fn try_initialize(request: &Request, body: Body, sandbox: &Sandbox) -> Result<Response, ApiError> {
    authorize(request, sandbox)?;
    let body: Map<String, Value> = read_json(body).await?;
    let email = text(&body, "email")?.filter(|email| is_email(email)).ok_or(ApiError {
        code: "invalid_email_address",
        next_step: "Ensure that you pass a valid email address",
        ..ApiError::invalid("Invalid Email Address Passed")
    })?;
    let amount = amount(&body)?.ok_or(ApiError::invalid("Invalid Amount Sent"))?;
    let currencies = &sandbox.config.currencies;
    let currency = text(&body, "currency")?.or_else(|| currencies.first().cloned()).unwrap_or_default();
    if !currencies.contains(&currency) {
        return Err(ApiError::UNSUPPORTED_CURRENCY);
    }
    let reference = text(&body, "reference")?;
    if reference.as_deref().is_some_and(|reference| !is_reference(reference)) {
        return Err(ApiError::invalid(
            "Transaction reference can only contain letters, digits, and the characters - . =",
        ));
    }
    let callback_url = text(&body, "callback_url")?;
    if callback_url.as_deref().is_some_and(|url| !is_callback(url)) {
        return Err(ApiError::invalid("Callback URL must be a http or https URL"));
    }
    let metadata = metadata(body.get("metadata"));
    let opened = sandbox.initialize(NewTransaction { reference, email, amount, currency, callback_url, metadata })?;
    let data = json!({
        "authorization_url": sandbox.checkout_url(&opened.access_code),
        "access_code": opened.access_code,
        "reference": opened.reference,
    });
    Ok(ok("Authorization URL created", data))
}

#[handler]
fn verify(request: &Request, sandbox: Data<&Arc<Sandbox>>) -> Response {
    respond(authorize(request, &sandbox).and_then(|()| {
        let reference: String = request.path_params().map_err(|_| ApiError::REFERENCE_NOT_FOUND)?;
        let transaction = sandbox.transaction(&reference).ok_or(ApiError::REFERENCE_NOT_FOUND)?;
        Ok(ok("Verification successful", transaction.to_wire()))
    }))
}

#[handler]
async fn create_refund(request: &Request, body: Body, sandbox: Data<&Arc<Sandbox>>) -> Response {
    respond(try_create_refund(request, body, &sandbox).await)
}

async fn try_create_refund(request: &Request, body: Body, sandbox: &Sandbox) -> Result<Response, ApiError> {
    authorize(request, sandbox)?;
    let body: Map<String, Value> = read_json(body).await?;
    let transaction = match body.get("transaction") {
        Some(Value::String(either)) => either.clone(),
        Some(Value::Number(id)) => id.to_string(),
        _ => return Err(ApiError::invalid("transaction is required")),
    };
    let (refund, of) = sandbox.refund(NewRefund {
        transaction,
        amount: amount(&body)?,
        currency: text(&body, "currency")?,
        merchant_note: text(&body, "merchant_note")?,
        customer_note: text(&body, "customer_note")?,
    })?;
    Ok(ok("Refund has been queued for processing", refund.to_wire_created(&of)))
}

#[handler]
fn fetch_refund(request: &Request, sandbox: Data<&Arc<Sandbox>>) -> Response {
    respond(authorize(request, &sandbox).and_then(|()| {
        let id: u64 = request.path_params().map_err(|_| ApiError::REFUND_NOT_FOUND)?;
        sandbox.refund_wire(id).map(|refund| ok("Refund retrieved", refund)).ok_or(ApiError::REFUND_NOT_FOUND)
    }))
}

/// The query of `GET /refund`. Paystack's documentation calls the transaction both `transaction` and `reference`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct RefundsQuery {
    transaction: Option<String>,
    reference: Option<String>,
    currency: Option<String>,
    #[serde(rename = "perPage")]
    per_page: Option<usize>,
    page: Option<usize>,
}

#[handler]
fn list_refunds(request: &Request, query: poem::Result<Query<RefundsQuery>>, sandbox: Data<&Arc<Sandbox>>) -> Response {
    respond(authorize(request, &sandbox).and_then(|()| {
        let Query(query) = query.map_err(|_| ApiError::invalid("Invalid query"))?;
        let mut refunds = sandbox.refunds_wire(query.transaction.or(query.reference).as_deref());
        refunds.retain(|refund| query.currency.as_ref().is_none_or(|currency| refund["currency"] == **currency));
        let per_page = query.per_page.unwrap_or(50).clamp(1, 100);
        let page = query.page.unwrap_or(1).max(1);
        let (total, skipped) = (refunds.len(), (page - 1).saturating_mul(per_page));
        let data: Vec<Value> = refunds.into_iter().skip(skipped).take(per_page).collect();
        let meta = json!({
            "total": total, "skipped": skipped, "perPage": per_page, "page": page, "pageCount": total.div_ceil(per_page),
        });
        Ok(ok_page("Refunds retrieved", Value::Array(data), meta))
    }))
}

/// Checks `Authorization: Bearer <secret key>` in constant time.
fn authorize(request: &Request, sandbox: &Sandbox) -> Result<(), ApiError> {
    let header = request.header("authorization").ok_or(ApiError::NO_KEY)?;
    let key = header.strip_prefix("Bearer ").ok_or(ApiError::WRONG_KEY)?.trim();
    let secret = &sandbox.config.secret_key;
    let differing = key.bytes().zip(secret.bytes()).fold(0, |differing, (found, secret)| differing | (found ^ secret));
    if key.len() == secret.len() && differing == 0 { Ok(()) } else { Err(ApiError::WRONG_KEY) }
}

/// An optional string; empty counts as absent.
fn text(body: &Map<String, Value>, field: &str) -> Result<Option<String>, ApiError> {
    match body.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
        Some(_) => Err(ApiError::invalid("Invalid value: must be a string")),
    }
}

/// An amount in minor units: a whole number, or its digits as a string, which Paystack accepts too.
fn amount(body: &Map<String, Value>) -> Result<Option<u64>, ApiError> {
    let amount = match body.get("amount") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(digits)) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok(),
        Some(_) => None,
    };
    amount.filter(|amount| (1..=MAX_AMOUNT).contains(amount)).map(Some).ok_or(ApiError::invalid("Invalid Amount Sent"))
}

/// Metadata is an object, or an object in a string; without metadata, Paystack returns an empty string.
fn metadata(sent: Option<&Value>) -> Value {
    match sent {
        None | Some(Value::Null) => json!(""),
        Some(Value::String(text)) => {
            serde_json::from_str(text).ok().filter(Value::is_object).unwrap_or_else(|| json!(text))
        }
        Some(other) => other.clone(),
    }
}

fn is_email(email: &str) -> bool {
    let plain = email.len() <= 254 && !email.contains(|c: char| c.is_whitespace() || c.is_control());
    email.rsplit_once('@').is_some_and(|(name, domain)| {
        let dotted = domain.contains('.') && domain.split('.').all(|label| !label.is_empty());
        plain && !name.is_empty() && !name.contains('@') && dotted
    })
}

fn is_reference(reference: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'=');
    reference.len() <= 100 && reference.bytes().all(legal)
}

/// Browsers are redirected there, so it must be a page: a `javascript:` URL would run on our origin.
fn is_callback(url: &str) -> bool {
    url.len() <= 2048 && Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}
