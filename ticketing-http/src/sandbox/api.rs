//! Paystack's routes: what is asked, checked as Paystack checks it.

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

/// Everything the sandbox answers, to be mounted where [`SandboxConfig::public_base_url`](super::SandboxConfig) points:
///
/// | route | |
/// |---|---|
/// | `POST /transaction/initialize` | with the key, as are all of Paystack's own |
/// | `GET /transaction/verify/:reference` | |
/// | `POST /refund`, `GET /refund?transaction=`, `GET /refund/:id` | |
/// | `GET /checkout/:access_code`, `POST …` | the page for the payer's browser |
/// | `POST /simulate/:reference` | plays the payer, for tests; no key wanted |
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
    let wanted: Map<String, Value> = read_json(body).await?;
    let email = text(&wanted, "email")?.filter(|email| is_email(email)).ok_or(ApiError {
        code: "invalid_email_address",
        next_step: "Ensure that you pass a valid email address",
        ..ApiError::invalid("Invalid Email Address Passed")
    })?;
    let amount = amount(&wanted)?.ok_or(ApiError::invalid("Invalid Amount Sent"))?;
    let currencies = &sandbox.config.currencies;
    let currency = text(&wanted, "currency")?.or_else(|| currencies.first().cloned()).unwrap_or_default();
    if !currencies.contains(&currency) {
        return Err(ApiError::UNSUPPORTED_CURRENCY);
    }
    let reference = text(&wanted, "reference")?;
    if reference.as_deref().is_some_and(|reference| !is_reference(reference)) {
        return Err(ApiError::invalid(
            "Transaction reference can only contain letters, digits, and the characters - . =",
        ));
    }
    let callback_url = text(&wanted, "callback_url")?;
    if callback_url.as_deref().is_some_and(|url| !is_callback(url)) {
        return Err(ApiError::invalid("Callback URL must be a http or https URL"));
    }
    let metadata = metadata(wanted.get("metadata"));
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
    let wanted: Map<String, Value> = read_json(body).await?;
    let transaction = match wanted.get("transaction") {
        Some(Value::String(either)) => either.clone(),
        Some(Value::Number(id)) => id.to_string(),
        _ => return Err(ApiError::invalid("transaction is required")),
    };
    let (refund, of) = sandbox.refund(NewRefund {
        transaction,
        amount: amount(&wanted)?,
        currency: text(&wanted, "currency")?,
        merchant_note: text(&wanted, "merchant_note")?,
        customer_note: text(&wanted, "customer_note")?,
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

/// What `GET /refund` is asked for; Paystack's documents call the transaction both `transaction` and `reference`.
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

/// Checks `Authorization: Bearer <secret key>`, in a time that does not depend on where a wrong key goes wrong.
fn authorize(request: &Request, sandbox: &Sandbox) -> Result<(), ApiError> {
    let header = request.header("authorization").ok_or(ApiError::NO_KEY)?;
    let key = header.strip_prefix("Bearer ").ok_or(ApiError::WRONG_KEY)?.trim();
    let wanted = &sandbox.config.secret_key;
    let differing = key.bytes().zip(wanted.bytes()).fold(0, |differing, (found, wanted)| differing | (found ^ wanted));
    if key.len() == wanted.len() && differing == 0 { Ok(()) } else { Err(ApiError::WRONG_KEY) }
}

/// An optional field of text; empty is as good as absent.
fn text(wanted: &Map<String, Value>, field: &str) -> Result<Option<String>, ApiError> {
    match wanted.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
        Some(_) => Err(ApiError::invalid("Invalid value: text is wanted")),
    }
}

/// An amount in minor units: a whole number, or its digits as text, which Paystack takes too.
fn amount(wanted: &Map<String, Value>) -> Result<Option<u64>, ApiError> {
    let amount = match wanted.get("amount") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(digits)) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok(),
        Some(_) => None,
    };
    amount.filter(|amount| (1..=MAX_AMOUNT).contains(amount)).map(Some).ok_or(ApiError::invalid("Invalid Amount Sent"))
}

/// Metadata comes as an object, or as an object in text; where there is none, Paystack answers with an empty text.
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

/// Browsers are sent there, so it must be a page: a `javascript:` address would run in ours.
fn is_callback(url: &str) -> bool {
    url.len() <= 2048 && Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}
