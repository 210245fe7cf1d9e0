//! Every call of the engine, written once: [`Engine`] waits for the result, [`AsyncEngine`] returns an asyncio future.

#![allow(clippy::too_many_arguments, reason = "Python passes them by name")]

use crate::asyncio::{awaitable, running_loop};
use crate::engine::{Core, Settings};
use crate::errors::Failure;
use crate::exports::{Export, Rows};
use crate::from_python::{Days, HeaderValue, In, NewTicketTypes, PromoCodeWants, Read as _, Starts, Terms, unsigned};
use crate::gateways::PythonGateway;
use crate::process::on_behalf;
use crate::to_python::{OfEvent, ToPython};
use jiff::Timestamp;
use jiff::civil::Date;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::sync::Arc;
use ticketing_core::Error;
use ticketing_core::clock::{Random, SystemRandom};
use ticketing_core::domain::access::{Permission, Permissions};
use ticketing_core::domain::account::{Account, AccountFilter, AccountWants, Role};
use ticketing_core::domain::api_key::ApiKey;
use ticketing_core::domain::attendee::{Attendee, AttendeeEntry, AttendeeFilter, AttendeeWants};
use ticketing_core::domain::audit::{Actor, AuditLine};
use ticketing_core::domain::category::{Category, NewCategory};
use ticketing_core::domain::check_in::{CheckIn, Scan};
use ticketing_core::domain::code::{Reference, TicketCode};
use ticketing_core::domain::event::{
    Event, EventFilter, EventPhase, EventSort, EventStatus, EventWants, GENERAL_ADMISSION, NewEvent, NewTicketType,
    SalesRules, Window,
};
use ticketing_core::domain::id::{
    AccountId, ApiKeyId, CategoryId, EventId, MailId, MessageId, OrganisationId, PromoCodeId, ProofId, RefundId,
    SessionId, TicketId, TicketTypeId,
};
use ticketing_core::domain::message::{Audience, Message, Presence};
use ticketing_core::domain::money::Money;
use ticketing_core::domain::order::{IssueLine, IssuePayment, Issued, Order, OrderEntry, OrderSearch, Quote};
use ticketing_core::domain::order_details::{OrderDetails, OrderDetailsWants};
use ticketing_core::domain::organisation::{
    Member, MemberEvents, MemberRole, Membership, Organisation, OrganisationWants,
};
use ticketing_core::domain::outbox::OutboxMail;
use ticketing_core::domain::page::{Cursor, CursorPage, CursorRequest, Page, PageRequest};
use ticketing_core::domain::payment::{Attempt, ManualMethod, Settlement, Verdict};
use ticketing_core::domain::payment_history::Payment;
use ticketing_core::domain::principal::{Buyer, EmailAddress, Principal};
use ticketing_core::domain::proof::{CodeFor, Proof};
use ticketing_core::domain::refund::{Refund, RefundMoney, ReturnQuote};
use ticketing_core::domain::refusal::Refusal;
use ticketing_core::domain::scope::Scope;
use ticketing_core::domain::session::StoredSession;
use ticketing_core::domain::ticket::{PriceDifference, Swapped, Ticket, TicketKey, TicketStatus};
use ticketing_core::domain::time_zone::TimeZoneName;
use ticketing_core::domain::transfer::{FoundTransfer, TakenTransfer, Transfer};
use ticketing_core::domain::webhook::StoredWebhook;
use ticketing_core::gateway::Webhook;
use ticketing_core::token::{ApiKeyToken, GuestKey};
use ticketing_core::{
    AccountData, Authenticated, Caller, CodeChallenge, Decision, Erasure, ExportKind, ImportOptions, Imported,
    IssueRequest, LineRequest, MessageRequest, NewApiKey, NewSecondFactor, OrderRequest, PayOptions, ProofState,
    Reauthentication, ReceivedPayment, RecoveryCodes, RefundOptions, Registration, Repeat, SecondFactorState, Session,
    Started, Ticketing, Upkeep, UpkeepReport,
};

/// The engine for plain code: calls wait, and other Python threads run in the meantime.
#[pyclass(frozen, module = "ticketing_py._native")]
pub(crate) struct Engine {
    core: Arc<Core>,
}

/// The engine for asyncio: calls return a future of the running loop.
#[pyclass(frozen, module = "ticketing_py._native")]
pub(crate) struct AsyncEngine {
    core: Arc<Core>,
}

macro_rules! operations {
    ($(
        fn $name:ident($core:ident $(, $argument:ident: $type:ty)* $(,)?) -> $result:ty
        $(, before |$py:ident| $before:expr => ($($known:ident),*))?
        { $($body:tt)* }
    )*) => {
        #[pymethods]
        impl Engine {
            #[new]
            #[pyo3(signature = (storage, **options))]
            fn new(storage: &Bound<'_, PyAny>, options: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
                let none = PyDict::new(storage.py());
                let settings = Settings::read(storage, options.unwrap_or(&none))?;
                Ok(Self { core: Core::new(settings) })
            }

            fn __repr__(&self) -> String {
                self.core.name()
            }

            $(fn $name<'py>(&self, py: Python<'py> $(, $argument: $type)*) -> PyResult<Bound<'py, PyAny>> {
                let $core = Arc::clone(&self.core);
                let process = $core.process().map_err(|failure| failure.into_exception(py))?;
                $(let ($($known,)*) = { let $py = py; $before };)?
                let work = async move {
                    let done: $result = { $($body)* };
                    Ok(done)
                };
                process.block_on(py, on_behalf(None, work))?.to_python(py)
            })*
        }

        #[pymethods]
        impl AsyncEngine {
            #[new]
            #[pyo3(signature = (storage, **options))]
            fn new(storage: &Bound<'_, PyAny>, options: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
                let none = PyDict::new(storage.py());
                let settings = Settings::read(storage, options.unwrap_or(&none))?;
                Ok(Self { core: Core::new(settings) })
            }

            fn __repr__(&self) -> String {
                self.core.name()
            }

            $(fn $name<'py>(&self, py: Python<'py> $(, $argument: $type)*) -> PyResult<Bound<'py, PyAny>> {
                let loop_ = running_loop(py)?;
                let $core = Arc::clone(&self.core);
                let process = $core.process().map_err(|failure| failure.into_exception(py))?;
                $(let ($($known,)*) = { let $py = py; $before };)?
                let work = async move {
                    let done: $result = { $($body)* };
                    Ok(done)
                };
                awaitable(&loop_, process, work)
            })*
        }
    };
}

operations! {
    fn open(core) -> () {
        core.get().await?;
    }

    fn close(core) -> () {
        core.close().await?;
    }

    fn start_upkeep(core) -> () {
        core.start_upkeep().await?;
    }

    fn stop_upkeep(core) -> () {
        core.stop_upkeep().await?;
    }

    fn run_upkeep(core, limit: i64, at_once: usize) -> UpkeepReport {
        let mut upkeep = Upkeep::default();
        (upkeep.limit, upkeep.at_once) = (unsigned("limit", limit)?, at_once);
        core.get().await?.run_upkeep(upkeep).await?
    }

    fn register(
        core, email: String, name: String, password: String, username: Option<String>, phone: Option<String>,
    ) -> Account {
        let registration = Registration::new(email, name, password).with_username(username).with_phone(phone);
        core.get().await?.register(registration).await?
    }

    fn login(core, name: String, password: String, client: Option<String>) -> Session {
        core.get().await?.login_from(&name, &password, client.as_deref()).await?
    }

    fn login_with_code(core, ticket: String, code: String, client: Option<String>) -> Session {
        core.get().await?.login_with_code(&ticket, &code, client.as_deref()).await?
    }

    fn authenticate(core, token: String) -> Account {
        core.get().await?.authenticate(&token).await?
    }

    fn authenticate_session(core, token: String) -> Authenticated {
        core.get().await?.authenticate_session(&token).await?
    }

    fn sessions(core, account_id: i64, skip: i64, limit: i64, count: bool) -> Page<StoredSession> {
        core.get().await?.sessions(AccountId(account_id), page(skip, limit, count)?).await?
    }

    fn end_session(core, account_id: i64, session_id: i64) -> () {
        core.get().await?.end_session(AccountId(account_id), SessionId(session_id)).await?
    }

    fn end_other_sessions(core, account_id: i64, keep: Option<i64>) -> usize {
        core.get().await?.end_other_sessions(AccountId(account_id), keep.map(SessionId)).await?
    }

    fn second_factor(core, account_id: i64) -> SecondFactorState {
        core.get().await?.second_factor(AccountId(account_id)).await?
    }

    fn begin_second_factor(core, account_id: i64, password: String, issuer: String) -> NewSecondFactor {
        core.get().await?.begin_second_factor(AccountId(account_id), &password, &issuer).await?
    }

    fn confirm_second_factor(core, account_id: i64, code: String) -> RecoveryCodes {
        core.get().await?.confirm_second_factor(AccountId(account_id), &code).await?
    }

    fn renew_recovery_codes(core, account_id: i64, password: String, code: String) -> RecoveryCodes {
        core.get().await?.renew_recovery_codes(AccountId(account_id), &password, &code).await?
    }

    fn remove_second_factor(core, account_id: i64, password: String, code: String) -> Account {
        core.get().await?.remove_second_factor(AccountId(account_id), &password, &code).await?
    }

    fn check_second_factor(core, account_id: i64, code: String) -> () {
        core.get().await?.check_second_factor(AccountId(account_id), &code).await?
    }

    fn reset_second_factor(core, account_id: i64) -> Account {
        let wants = AccountWants::default().with_removes_second_factor(true);
        core.get().await?.administer_account(&Actor::Operator, AccountId(account_id), wants).await?
    }

    fn end_sessions(core, account_id: i64) -> Account {
        core.get().await?.end_sessions(AccountId(account_id)).await?
    }

    fn set_active(core, account_id: i64, active: bool) -> Account {
        core.get().await?.set_active(AccountId(account_id), active).await?
    }

    fn set_password(core, account_id: i64, password: String) -> Account {
        core.get().await?.set_password(AccountId(account_id), &password).await?
    }

    fn set_role(core, account_id: i64, role: In<Role>) -> Account {
        core.get().await?.set_role(AccountId(account_id), role.0).await?
    }

    fn mark_verified(core, account_id: i64) -> Account {
        core.get().await?.mark_verified(AccountId(account_id)).await?
    }

    fn send_verification(core, account_id: i64) -> () {
        core.get().await?.send_verification(AccountId(account_id)).await?
    }

    fn verify_email(core, token: String) -> Account {
        core.get().await?.verify_email(&token).await?
    }

    fn send_code(core, account_id: i64) -> Option<CodeChallenge> {
        core.get().await?.send_code(CodeFor::VerifyEmail(AccountId(account_id))).await?
    }

    fn verify_email_by_code(core, challenge: String, code: String) -> Account {
        core.get().await?.verify_email_by_code(&challenge, &code).await?
    }

    fn forgot_password(core, email: String) -> () {
        core.get().await?.forgot_password(&email).await?
    }

    fn reset_password(core, token: String, password: String) -> Account {
        core.get().await?.reset_password(&token, &password).await?
    }

    fn change_password(
        core, account_id: i64, current: String, new: String, code: Option<String>, client: Option<String>,
    ) -> Session {
        let by = Reauthentication::new(&current, code.as_deref());
        core.get().await?.change_password_from(AccountId(account_id), by, &new, client.as_deref()).await?
    }

    fn change_email(core, account_id: i64, password: String, email: String, code: Option<String>) -> () {
        let by = Reauthentication::new(&password, code.as_deref());
        core.get().await?.change_email(AccountId(account_id), by, &email).await?
    }

    fn confirm_email(core, token: String) -> Account {
        core.get().await?.confirm_email(&token).await?
    }

    fn undo_email_change(core, token: String) -> Account {
        core.get().await?.undo_email_change(&token).await?
    }

    fn proof(core, token: String) -> Option<ProofState> {
        core.get().await?.proof(&token).await?
    }

    fn accounts(
        core, actor: In<Option<Principal>>, text: Option<String>, role: In<Option<Role>>, is_active: Option<bool>,
        skip: i64, limit: i64, count: bool,
    ) -> Page<Account> {
        let filter = AccountFilter::default().with_text(text).with_role(role.0).with_is_active(is_active);
        core.get().await?.search_accounts(&administrator(actor), &filter, page(skip, limit, count)?).await?
    }

    fn account(core, actor: In<Option<Principal>>, account_id: i64) -> Account {
        core.get().await?.administered_account(&administrator(actor), AccountId(account_id)).await?
    }

    fn administer_account(
        core, actor: In<Option<Principal>>, account_id: i64, role: In<Option<Role>>, is_active: Option<bool>,
        sets_reason: bool, reason: Option<String>, ends_sessions: bool, removes_second_factor: bool,
    ) -> Account {
        let wants = AccountWants::default()
            .with_role(role.0)
            .with_is_active(is_active)
            .with_reason(sets_reason.then_some(reason))
            .with_ends_sessions(ends_sessions)
            .with_removes_second_factor(removes_second_factor);
        core.get().await?.administer_account(&administrator(actor), AccountId(account_id), wants).await?
    }

    fn audit_of_account(
        core, actor: In<Option<Principal>>, account_id: i64, skip: i64, limit: i64, count: bool,
    ) -> Page<AuditLine> {
        let (actor, id) = (administrator(actor), AccountId(account_id));
        core.get().await?.account_audit(&actor, id, page(skip, limit, count)?).await?
    }

    fn found_organisation(core, founder_id: i64, name: String, key: In<Option<Reference>>) -> Organisation {
        core.get().await?.found_organisation(AccountId(founder_id), &name, key.0).await?
    }

    fn organisations(core, account_id: i64) -> Vec<(Organisation, Membership)> {
        core.get().await?.organisations(AccountId(account_id)).await?
    }

    fn organisation(core, actor: In<Principal>, organisation_id: i64) -> Organisation {
        core.get().await?.organisation(&Actor::Person(actor.0), OrganisationId(organisation_id)).await?
    }

    fn edit_organisation(
        core, actor: In<Principal>, organisation_id: i64, name: Option<String>, requires_second_factor: Option<bool>,
    ) -> Organisation {
        let (actor, id) = (Actor::Person(actor.0), OrganisationId(organisation_id));
        let wants = OrganisationWants::default().with_name(name).with_requires_second_factor(requires_second_factor);
        core.get().await?.edit_organisation(&actor, id, wants).await?
    }

    fn members(core, actor: In<Principal>, organisation_id: i64) -> Vec<(Member, Account)> {
        core.get().await?.members(&Actor::Person(actor.0), OrganisationId(organisation_id)).await?
    }

    fn add_member(
        core, actor: In<Principal>, organisation_id: i64, email: In<EmailAddress>, role: In<MemberRole>,
        event_ids: Option<Vec<i64>>,
    ) -> (Member, Account) {
        let (actor, id) = (Actor::Person(actor.0), OrganisationId(organisation_id));
        core.get().await?.add_member(&actor, id, &email.0, role.0, member_events(event_ids)).await?
    }

    fn change_member(
        core, actor: In<Principal>, organisation_id: i64, account_id: i64, role: In<Option<MemberRole>>,
        sets_events: bool, event_ids: Option<Vec<i64>>,
    ) -> (Member, Account) {
        let (actor, id) = (Actor::Person(actor.0), OrganisationId(organisation_id));
        let events = sets_events.then(|| member_events(event_ids));
        core.get().await?.change_member(&actor, id, AccountId(account_id), role.0, events).await?
    }

    fn remove_member(core, actor: In<Principal>, organisation_id: i64, account_id: i64) -> () {
        let (actor, id) = (Actor::Person(actor.0), OrganisationId(organisation_id));
        core.get().await?.remove_member(&actor, id, AccountId(account_id)).await?
    }

    fn invite_member(
        core, actor: In<Principal>, organisation_id: i64, email: In<EmailAddress>, role: In<MemberRole>,
        event_ids: Option<Vec<i64>>,
    ) -> Proof {
        let (actor, id) = (Actor::Person(actor.0), OrganisationId(organisation_id));
        core.get().await?.invite_member(&actor, id, &email.0, role.0, member_events(event_ids)).await?
    }

    fn invitations(core, actor: In<Principal>, organisation_id: i64) -> Vec<Proof> {
        core.get().await?.invitations(&Actor::Person(actor.0), OrganisationId(organisation_id)).await?
    }

    fn withdraw_invitation(core, actor: In<Principal>, organisation_id: i64, invitation_id: i64) -> () {
        let (actor, id) = (Actor::Person(actor.0), OrganisationId(organisation_id));
        core.get().await?.withdraw_invitation(&actor, id, ProofId(invitation_id)).await?
    }

    fn join_organisation(core, account_id: i64, token: String) -> (Organisation, Membership) {
        core.get().await?.join_organisation(AccountId(account_id), &token).await?
    }

    fn organisation_audit(
        core, actor: In<Principal>, organisation_id: i64, skip: i64, limit: i64, count: bool,
    ) -> Page<AuditLine> {
        let (actor, id) = (Actor::Person(actor.0), OrganisationId(organisation_id));
        core.get().await?.organisation_audit(&actor, id, page(skip, limit, count)?).await?
    }

    fn event_audit(
        core, actor: In<Principal>, event_id: i64, skip: i64, limit: i64, count: bool,
    ) -> Page<AuditLine> {
        core.get().await?.event_audit(&actor.0, EventId(event_id), page(skip, limit, count)?).await?
    }

    fn request_erasure(core, account_id: i64, password: String, code: Option<String>) -> Erasure {
        let by = Reauthentication::new(&password, code.as_deref());
        core.get().await?.request_erasure(AccountId(account_id), by).await?
    }

    fn cancel_erasure(core, account_id: i64) -> () {
        core.get().await?.cancel_erasure(AccountId(account_id)).await?
    }

    fn erasure(core, account_id: i64) -> Erasure {
        core.get().await?.erasure(AccountId(account_id)).await?
    }

    fn erase_account(core, actor: In<Option<Principal>>, account_id: i64) -> () {
        core.get().await?.erase_account(&administrator(actor), AccountId(account_id)).await?
    }

    fn erase_buyer(core, who: In<Principal>) -> usize {
        core.get().await?.erase_buyer(&who.0).await?
    }

    fn account_data(core, account_id: i64) -> AccountData {
        core.get().await?.account_data(AccountId(account_id)).await?
    }

    fn authenticate_caller(core, token: String) -> Caller {
        core.get().await?.authenticate_caller(&token).await?
    }

    fn make_api_key(
        core, maker_id: i64, password: String, name: String, permissions: In<Vec<Permission>>, organisation_id: Option<i64>,
        event_ids: Option<Vec<i64>>, expires_at: In<Option<Timestamp>>, code: Option<String>,
    ) -> (ApiKey, ApiKeyToken) {
        let new = NewApiKey::new(name, Permissions::of(&permissions.0))
            .with_organisation(organisation_id.map(OrganisationId))
            .with_events(member_events(event_ids))
            .with_expires_at(expires_at.0);
        let by = Reauthentication::new(&password, code.as_deref());
        core.get().await?.make_api_key(AccountId(maker_id), by, new).await?
    }

    fn api_keys(core, account_id: i64, skip: i64, limit: i64, count: bool) -> Page<(ApiKey, Account)> {
        core.get().await?.api_keys(AccountId(account_id), page(skip, limit, count)?).await?
    }

    fn api_keys_of(
        core, actor: In<Principal>, organisation_id: i64, skip: i64, limit: i64, count: bool,
    ) -> Page<(ApiKey, Account)> {
        let (actor, id) = (Actor::Person(actor.0), OrganisationId(organisation_id));
        core.get().await?.api_keys_of(&actor, id, page(skip, limit, count)?).await?
    }

    fn revoke_api_key(core, actor: In<Principal>, key_id: i64) -> ApiKey {
        core.get().await?.revoke_api_key(&Actor::Person(actor.0), ApiKeyId(key_id)).await?
    }

    fn take_over_api_key(core, account_id: i64, password: String, key_id: i64, code: Option<String>) -> ApiKey {
        let by = Reauthentication::new(&password, code.as_deref());
        core.get().await?.take_over_api_key(AccountId(account_id), by, ApiKeyId(key_id)).await?
    }

    fn create_event(
        core, organizer: In<Principal>, title: String, starts_at: In<Timestamp>, location: String,
        price: In<Option<Money>>, capacity: Option<i64>, ticket_types: In<NewTicketTypes>,
        ends_at: In<Option<Timestamp>>, description: Option<String>, address: Option<String>,
        image_url: Option<String>, category: Option<String>, category_id: Option<i64>, time_zone: In<TimeZoneName>,
        draft: bool, rules: In<SalesRules>, terms: In<Terms>, key: In<Option<Reference>>,
        organisation_id: Option<i64>,
    ) -> Event {
        let ticket_types = ticket_types_of(price.0, ticket_types.0.0)?;
        let currency = ticket_types[0].price.currency();
        let event = NewEvent::new(title, starts_at.0, location, currency, ticket_types)
            .with_key(key.0)
            .with_description(description)
            .with_ends_at(ends_at.0)
            .with_address(address)
            .with_image_url(image_url)
            .with_category_id(category_id.map(CategoryId))
            .with_capacity(capacity)
            .with_time_zone(time_zone.0)
            .with_is_draft(draft)
            .with_rules(rules.0)
            .with_terms(terms.0.0);
        let ticketing = core.get().await?;
        match (organisation_id, category) {
            (_, Some(_)) if category_id.is_some() => {
                return Err(Error::invalid("category", "must not be given together with category_id").into());
            }
            (Some(id), category) => {
                ticketing.create_event_for(&organizer.0, OrganisationId(id), event, category.as_deref()).await?
            }
            (None, None) => ticketing.create_event(&organizer.0, event).await?,
            (None, Some(name)) => ticketing.create_event_in(&organizer.0, event, &name).await?,
        }
    }

    fn create_category(core, name: String, description: Option<String>) -> Category {
        core.get().await?.create_category(NewCategory::new(name).with_description(description)).await?
    }

    fn categories(core, skip: i64, limit: i64, count: bool) -> Page<Category> {
        core.get().await?.categories(page(skip, limit, count)?).await?
    }

    fn event(core, event_id: i64) -> Event {
        core.get().await?.event(EventId(event_id)).await?
    }

    fn events(
        core, category: Option<String>, text: Option<String>, starts_from: In<Option<Timestamp>>,
        starts_before: In<Option<Timestamp>>, organizer: In<Option<Principal>>, with_cancelled: bool,
        with_drafts: bool, phase: In<Option<EventPhase>>, series: Option<i64>, sort: In<EventSort>, skip: i64,
        limit: i64, count: bool,
    ) -> Page<Event> {
        let ticketing = core.get().await?;
        // The application is the operator: it says to whom it shows what is not public.
        let scope = match &organizer.0 {
            Some(who) => Scope::own(who),
            None => ticketing.authorize(&Actor::Operator, Permission::View).await?,
        };
        let filter = EventFilter::default()
            .with_category(category)
            .with_text(text)
            .with_from(starts_from.0)
            .with_to(starts_before.0)
            .with_scope(scope)
            .with_organizer(organizer.0)
            .with_cancelled(with_cancelled)
            .with_drafts(with_drafts)
            .with_phase(phase.0.map(|phase| (phase, core.now())))
            .with_series(series.map(EventId))
            .with_sort(sort.0);
        ticketing.events(&filter, page(skip, limit, count)?).await?
    }

    fn edit_event(
        core, actor: In<Principal>, event_id: i64, seen: Option<i64>, wants: Py<PyAny>,
    ) -> Event, before |py| (EventWants::read(wants.bind(py))?,) => (wants)
    {
        core.get().await?.edit_event(&actor.0, EventId(event_id), seen, wants).await?
    }

    fn managed_event(core, actor: In<Principal>, event_id: i64) -> Event {
        core.get().await?.managed_event(&actor.0, EventId(event_id)).await?
    }

    fn publish_event(core, actor: In<Principal>, event_id: i64) -> Event {
        core.get().await?.publish_event(&actor.0, EventId(event_id)).await?
    }

    fn unpublish_event(core, actor: In<Principal>, event_id: i64) -> Event {
        core.get().await?.unpublish_event(&actor.0, EventId(event_id)).await?
    }

    fn pause_sales(core, actor: In<Principal>, event_id: i64) -> Event {
        core.get().await?.pause_sales(&actor.0, EventId(event_id)).await?
    }

    fn resume_sales(core, actor: In<Principal>, event_id: i64) -> Event {
        core.get().await?.resume_sales(&actor.0, EventId(event_id)).await?
    }

    fn dates_of(core, event: i64, until: In<Date>, on: In<Days>) -> Vec<Timestamp> {
        let event = core.get().await?.event(EventId(event)).await?;
        Ticketing::dates_of(&event, &Repeat::until(until.0).with_on(on.0.0))?
    }

    fn copy_event(
        core, actor: In<Principal>, event_id: i64, starts_at: In<Starts>, status: In<EventStatus>,
    ) -> Vec<Event> {
        core.get().await?.copy_event(&actor.0, EventId(event_id), &starts_at.0.0, status.0).await?
    }

    fn cancel_event(core, actor: In<Principal>, event_id: i64) -> Event {
        core.get().await?.cancel_event(&actor.0, EventId(event_id)).await?
    }

    fn create_promo_code(
        core, actor: In<Principal>, event_id: i64, wants: Py<PyAny>,
    ) -> OfEvent, before |py| (PromoCodeWants::read(wants.bind(py))?,) => (wants)
    {
        let ticketing = core.get().await?;
        let event = ticketing.event_for(&actor.0, EventId(event_id), Permission::Edit).await?;
        let code = ticketing.create_promo_code(&actor.0, event.id, wants.settings(&event)?).await?;
        OfEvent { code, currency: event.currency }
    }

    fn create_promo_codes(
        core, actor: In<Principal>, event_id: i64, wants: Py<PyAny>, count: i64, key: In<Option<Reference>>,
    ) -> Vec<OfEvent>, before |py| (PromoCodeWants::read(wants.bind(py))?,) => (wants)
    {
        let ticketing = core.get().await?;
        let event = ticketing.event_for(&actor.0, EventId(event_id), Permission::Edit).await?;
        let count: u32 = unsigned("count", count)?;
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let codes = ticketing.create_promo_codes(&actor.0, event.id, wants.settings(&event)?, count, key.0).await?;
        codes.into_iter().map(|code| OfEvent { code, currency: event.currency }).collect()
    }

    fn edit_promo_code(
        core, actor: In<Principal>, code_id: i64, seen: Option<i64>, wants: Py<PyAny>,
    ) -> OfEvent, before |py| (PromoCodeWants::read(wants.bind(py))?,) => (wants)
    {
        let ticketing = core.get().await?;
        let mut tries = 0;
        loop {
            tries += 1;
            let known = ticketing.promo_code(&actor.0, PromoCodeId(code_id)).await?;
            let event = ticketing.event(known.event_id).await?;
            let settings = wants.onto(known.settings(), &event)?;
            // What is not given was read at this version, so no other may be changed.
            let version = seen.unwrap_or(known.version);
            match ticketing.edit_promo_code(&actor.0, known.id, Some(version), settings).await {
                Err(Error::Refused(Refusal::Stale { .. })) if seen.is_none() && tries < MAX_TRIES => {}
                edited => break OfEvent { code: edited?, currency: event.currency },
            }
        }
    }

    fn promo_code(core, actor: In<Principal>, code_id: i64) -> OfEvent {
        let ticketing = core.get().await?;
        let code = ticketing.promo_code(&actor.0, PromoCodeId(code_id)).await?;
        let event = ticketing.event(code.event_id).await?;
        OfEvent { code, currency: event.currency }
    }

    fn promo_codes(
        core, actor: In<Principal>, event_id: i64, skip: i64, limit: i64, count: bool,
    ) -> Page<OfEvent> {
        let ticketing = core.get().await?;
        let event = ticketing.event_for(&actor.0, EventId(event_id), Permission::Edit).await?;
        let found = ticketing.promo_codes(&actor.0, event.id, page(skip, limit, count)?).await?;
        found.map(|code| OfEvent { code, currency: event.currency })
    }

    fn quote(
        core, buyer: In<Buyer>, event_id: i64, quantity: Option<i64>, lines: In<Option<Vec<LineRequest>>>,
        promo_code: Option<String>,
    ) -> Quote {
        let request = order_request(event_id, quantity, lines.0, None)?.with_promo_code(promo_code);
        core.get().await?.quote(&buyer.0, request).await?
    }

    fn hold(
        core, buyer: In<Buyer>, event_id: i64, quantity: Option<i64>, lines: In<Option<Vec<LineRequest>>>,
        reference: In<Option<Reference>>, promo_code: Option<String>, expect_total: In<Option<Money>>,
    ) -> Order {
        let request = order_request(event_id, quantity, lines.0, reference.0)?;
        let request = request.with_promo_code(promo_code).with_expect_total(expect_total.0);
        core.get().await?.hold(&buyer.0, request).await?
    }

    fn quote_as_guest(
        core, event_id: i64, quantity: Option<i64>, lines: In<Option<Vec<LineRequest>>>, promo_code: Option<String>,
    ) -> Quote {
        let request = order_request(event_id, quantity, lines.0, None)?.with_promo_code(promo_code);
        core.get().await?.quote_as_guest(request).await?
    }

    fn hold_as_guest(
        core, email: In<Option<EmailAddress>>, event_id: i64, quantity: Option<i64>, lines: In<Option<Vec<LineRequest>>>,
        reference: In<Option<Reference>>, promo_code: Option<String>, expect_total: In<Option<Money>>,
    ) -> Order {
        let request = order_request(event_id, quantity, lines.0, reference.0)?;
        let request = request.with_promo_code(promo_code).with_expect_total(expect_total.0);
        core.get().await?.hold_as_guest(email.0, request).await?
    }

    fn name_buyer(core, actor: In<Principal>, reference: In<Reference>, email: In<EmailAddress>) -> Order {
        core.get().await?.name_buyer(&actor.0, &reference.0, email.0).await?
    }

    fn guest_key(core, reference: In<Reference>) -> Option<GuestKey> {
        let engine = core.get().await?;
        let order = engine.order(&Principal::Guest(reference.0.clone()), &reference.0).await?;
        engine.guest_key(&order)?
    }

    fn guest(core, key: String) -> Principal {
        core.get().await?.guest(&key)?
    }

    fn claim_orders(core, account_id: i64) -> Vec<Order> {
        core.get().await?.claim_orders(AccountId(account_id)).await?
    }

    fn order(core, actor: In<Principal>, reference: In<Reference>) -> Order {
        core.get().await?.order(&actor.0, &reference.0).await?
    }

    fn orders(core, actor: In<Principal>, skip: i64, limit: i64, count: bool) -> Page<Order> {
        core.get().await?.orders(&actor.0, page(skip, limit, count)?).await?
    }

    fn cancel_order(core, actor: In<Principal>, reference: In<Reference>) -> Order {
        core.get().await?.cancel_order(&actor.0, &reference.0).await?
    }

    fn buy(
        core, buyer: In<Buyer>, event_id: i64, quantity: Option<i64>, lines: In<Option<Vec<LineRequest>>>,
        reference: In<Option<Reference>>, return_url: Option<String>, email: In<Option<EmailAddress>>,
        attempt_reference: In<Option<Reference>>, promo_code: Option<String>, expect_total: In<Option<Money>>,
    ) -> Started {
        let request = order_request(event_id, quantity, lines.0, reference.0)?;
        let request = request.with_promo_code(promo_code).with_expect_total(expect_total.0);
        let options =
            PayOptions::default().with_return_url(return_url).with_email(email.0).with_reference(attempt_reference.0);
        core.get().await?.buy(&buyer.0, request, options).await?
    }

    fn pay(
        core, actor: In<Principal>, order: In<Reference>, return_url: Option<String>, email: In<Option<EmailAddress>>,
        reference: In<Option<Reference>>,
    ) -> Started {
        let options = PayOptions::default().with_return_url(return_url).with_email(email.0).with_reference(reference.0);
        core.get().await?.pay(&actor.0, &order.0, options).await?
    }

    fn verify(core, actor: In<Principal>, reference: In<Reference>) -> Settlement {
        core.get().await?.verify(&actor.0, &reference.0).await?
    }

    fn payment(core, actor: In<Principal>, reference: In<Reference>) -> Payment {
        core.get().await?.payment(&actor.0, &reference.0).await?
    }

    fn receive_webhook(
        core, gateway: String, headers: In<Vec<(String, HeaderValue)>>, body: Vec<u8>,
    ) -> StoredWebhook, before |py| core.read_webhook(py, &gateway, &headers.0, &body)? => (event, received_at)
    {
        let headers: Vec<(&str, &[u8])> =
            headers.0.iter().map(|(name, value)| (name.as_str(), value.0.as_slice())).collect();
        let webhook = Webhook::new(&headers, &body, received_at);
        let ticketing = core.get().await?;
        PythonGateway::with_read(event, ticketing.receive_webhook(&gateway, &webhook)).await?
    }

    fn refund(
        core, actor: In<Principal>, reference: In<Reference>, tickets: Option<Vec<i64>>, amount: In<Option<Money>>,
        note: Option<String>, key: In<Option<Reference>>,
    ) -> Refund {
        let tickets = tickets.map(|ids| ids.into_iter().map(TicketId).collect::<Vec<_>>());
        let money = match amount.0 {
            None => RefundMoney::Prices,
            Some(amount) if amount.is_zero() => RefundMoney::Nothing,
            Some(amount) => RefundMoney::Exactly(amount),
        };
        let options = RefundOptions::default().with_tickets(tickets).with_money(money).with_note(note).with_key(key.0);
        core.get().await?.refund(&actor.0, &reference.0, options).await?
    }

    fn return_tickets(
        core, actor: In<Principal>, reference: In<Reference>, tickets: Option<Vec<i64>>, key: In<Option<Reference>>,
    ) -> Refund {
        let tickets = tickets.map(|ids| ids.into_iter().map(TicketId).collect());
        core.get().await?.return_tickets(&actor.0, &reference.0, tickets, key.0).await?
    }

    fn return_quote(core, actor: In<Principal>, reference: In<Reference>) -> ReturnQuote {
        core.get().await?.return_quote(&actor.0, &reference.0).await?
    }

    fn retry_refund(core, actor: In<Principal>, payment: In<Reference>, refund_id: i64) -> Refund {
        core.get().await?.retry_refund(&actor.0, &payment.0, RefundId(refund_id)).await?
    }

    fn reviews(core, actor: In<Principal>, skip: i64, limit: i64, count: bool) -> Page<Attempt> {
        core.get().await?.reviews(&actor.0, page(skip, limit, count)?).await?
    }

    fn resolve_review(
        core, actor: In<Principal>, reference: In<Reference>, verdict: In<Verdict>, note: String, tickets: Vec<i64>,
    ) -> Attempt {
        let tickets = tickets.into_iter().map(TicketId).collect();
        let decision = Decision::new(verdict.0, note).with_tickets(tickets);
        core.get().await?.resolve_review(&actor.0, &reference.0, decision).await?
    }

    fn webhooks_for_review(core, actor: In<Principal>, skip: i64, limit: i64, count: bool) -> Page<StoredWebhook> {
        core.get().await?.webhooks_for_review(&actor.0, page(skip, limit, count)?).await?
    }

    fn ticket_by_code(core, code: In<TicketCode>) -> Ticket {
        core.get().await?.ticket_by_code(&code.0).await?
    }

    fn ticket(core, actor: In<Principal>, ticket_id: i64) -> Ticket {
        core.get().await?.ticket(&actor.0, TicketId(ticket_id)).await?
    }

    fn tickets(core, actor: In<Principal>, skip: i64, limit: i64, count: bool) -> Page<Ticket> {
        core.get().await?.tickets(&actor.0, page(skip, limit, count)?).await?
    }

    fn tickets_mailed(core, actor: In<Principal>, reference: In<Reference>) -> bool {
        let ticketing = core.get().await?;
        let order = ticketing.order(&actor.0, &reference.0).await?;
        ticketing.tickets_mailed(&order).await?
    }

    fn check_in(
        core, by: In<Principal>, code: In<TicketCode>, nonce: Option<String>, gate: Option<String>,
        event_id: Option<i64>,
    ) -> CheckIn {
        let nonce = nonce.unwrap_or_else(|| Reference::derived(&SystemRandom.seed(), "scan").as_str().to_owned());
        let scan = Scan::new(code.0, nonce, by.0).with_gate(gate).with_event_id(event_id.map(EventId));
        core.get().await?.check_in(scan).await?
    }

    fn annul_scan(core, actor: In<Principal>, nonce: String) -> CheckIn {
        core.get().await?.annul_scan(&actor.0, &nonce).await?
    }

    fn dead_mails(core, actor: In<Principal>, skip: i64, limit: i64, count: bool) -> Page<OutboxMail> {
        core.get().await?.dead_mails(&actor.0, page(skip, limit, count)?).await?
    }

    fn attendees(
        core, actor: In<Principal>, event_id: i64, text: Option<String>, ticket_type_id: Option<i64>,
        status: In<Option<TicketStatus>>, paid_with: Option<String>, promo_code_id: Option<i64>,
        ordered_from: In<Option<Timestamp>>, ordered_until: In<Option<Timestamp>>, after: In<Option<Cursor>>,
        limit: i64,
    ) -> CursorPage<AttendeeEntry> {
        let filter = AttendeeFilter::default()
            .with_text(text)
            .with_ticket_type_id(ticket_type_id.map(TicketTypeId))
            .with_status(status.0)
            .with_paid_with(paid_with)
            .with_promo_code_id(promo_code_id.map(PromoCodeId))
            .with_ordered(Window::new(ordered_from.0, ordered_until.0));
        let page = cursor_page(after.0, limit)?;
        core.get().await?.attendees(&actor.0, EventId(event_id), filter, page).await?
    }

    fn orders_of_event(
        core, actor: In<Principal>, event_id: i64, text: Option<String>, status: Option<String>,
        paid_with: Option<String>, promo_code_id: Option<i64>, ordered_from: In<Option<Timestamp>>,
        ordered_until: In<Option<Timestamp>>, after: In<Option<Cursor>>, limit: i64,
    ) -> CursorPage<OrderEntry> {
        let filter = OrderSearch::default()
            .with_text(text)
            .with_status(status)
            .with_paid_with(paid_with)
            .with_promo_code_id(promo_code_id.map(PromoCodeId))
            .with_ordered(Window::new(ordered_from.0, ordered_until.0));
        let page = cursor_page(after.0, limit)?;
        core.get().await?.orders_of_event(&actor.0, EventId(event_id), filter, page).await?
    }

    fn attendee(core, actor: In<Principal>, ticket_id: i64) -> Attendee {
        core.get().await?.attendee(&actor.0, TicketId(ticket_id)).await?
    }

    fn edit_attendee(
        core, actor: In<Principal>, ticket_id: i64, seen: Option<i64>, wants: Py<PyAny>,
    ) -> Attendee, before |py| (AttendeeWants::read(wants.bind(py))?,) => (wants)
    {
        core.get().await?.edit_attendee(&actor.0, TicketId(ticket_id), seen, wants).await?
    }

    fn issue_order(
        core, actor: In<Principal>, event_id: i64, lines: In<Vec<IssueLine>>, payment: String,
        pay_until: In<Option<Timestamp>>, buyer: In<Option<Principal>>, email: In<Option<EmailAddress>>,
        note: Option<String>, reference: In<Option<Reference>>,
    ) -> Issued {
        let payment = issue_payment(&payment, pay_until.0)?;
        let request = IssueRequest::new(EventId(event_id), lines.0, payment)
            .with_buyer(buyer.0)
            .with_email(email.0)
            .with_note(note)
            .with_reference(reference.0);
        core.get().await?.issue_order(&actor.0, request).await?
    }

    fn import_orders(
        core, actor: In<Principal>, event_id: i64, file: Vec<u8>, paid: In<Option<ManualMethod>>, note: Option<String>,
        mail: bool, dry_run: bool,
    ) -> Imported {
        let options = match paid.0 {
            Some(method) => ImportOptions::paid(method).with_note(note),
            None => ImportOptions::free(note.unwrap_or_default()),
        };
        let options = options.with_is_mailed(mail).with_is_dry(dry_run);
        core.get().await?.import_orders(&actor.0, EventId(event_id), &file, options).await?
    }

    fn begin_export(
        core, actor: In<Option<Principal>>, event_id: i64, kind: In<ExportKind>,
    ) -> Export {
        Export::new(core.get().await?.export(&administrator(actor), EventId(event_id), kind.0).await?)
    }

    fn next_rows(core, export: In<Export>) -> Option<Rows> {
        core.get().await?;
        export.0.next().await?
    }

    fn order_details(core, actor: In<Principal>, reference: In<Reference>) -> OrderDetails {
        core.get().await?.order_details(&actor.0, &reference.0).await?
    }

    fn edit_order_details(
        core, actor: In<Principal>, reference: In<Reference>, seen: Option<i64>, wants: Py<PyAny>,
    ) -> OrderDetails, before |py| (OrderDetailsWants::read(wants.bind(py))?,) => (wants)
    {
        core.get().await?.edit_order_details(&actor.0, &reference.0, seen, wants).await?
    }

    fn send_message(
        core, actor: In<Principal>, event_id: i64, subject: String, text: String, ticket_type_id: Option<i64>,
        who: In<Presence>, key: In<Option<Reference>>,
    ) -> Message {
        let request = MessageRequest::new(subject, text).with_audience(audience(ticket_type_id, who.0)).with_key(key.0);
        core.get().await?.send_message(&actor.0, EventId(event_id), request).await?
    }

    fn count_recipients(
        core, actor: In<Principal>, event_id: i64, ticket_type_id: Option<i64>, who: In<Presence>,
    ) -> usize {
        core.get().await?.count_recipients(&actor.0, EventId(event_id), audience(ticket_type_id, who.0)).await?
    }

    fn messages(core, actor: In<Principal>, event_id: i64) -> Vec<Message> {
        core.get().await?.messages(&actor.0, EventId(event_id)).await?
    }

    fn stop_message(core, actor: In<Principal>, event_id: i64, message_id: i64) -> Message {
        core.get().await?.stop_message(&actor.0, EventId(event_id), MessageId(message_id)).await?
    }

    fn offer_transfer(core, actor: In<Principal>, ticket_id: i64, to: In<EmailAddress>) -> Transfer {
        core.get().await?.offer_transfer(&actor.0, &by_id(ticket_id), to.0).await?
    }

    fn withdraw_transfer(core, actor: In<Principal>, ticket_id: i64) -> bool {
        core.get().await?.withdraw_transfer(&actor.0, &by_id(ticket_id)).await?
    }

    fn transfers(core, actor: In<Principal>, ticket_id: i64) -> Vec<Transfer> {
        core.get().await?.transfers(&actor.0, &by_id(ticket_id)).await?
    }

    fn transfer(core, reference: In<Reference>) -> FoundTransfer {
        core.get().await?.transfer(&reference.0).await?
    }

    fn take_transfer(
        core, reference: In<Reference>, holder: In<Option<Principal>>, name: Option<String>,
    ) -> TakenTransfer {
        core.get().await?.take_transfer(&reference.0, holder.0, name).await?
    }

    fn transfer_key(core, reference: In<Reference>) -> GuestKey {
        let engine = core.get().await?;
        let found = engine.transfer(&reference.0).await?;
        engine.transfer_key(&found.transfer)?
    }

    fn transfer_of_key(core, key: String) -> Reference {
        core.get().await?.transfer_of_key(&key)?
    }

    fn swap_ticket(
        core, actor: In<Principal>, ticket_id: i64, ticket_type_id: i64, difference: In<PriceDifference>,
    ) -> Swapped {
        let to = TicketTypeId(ticket_type_id);
        core.get().await?.swap_ticket(&actor.0, &by_id(ticket_id), to, difference.0).await?
    }

    fn record_payment(
        core, actor: In<Principal>, order: In<Reference>, method: In<ManualMethod>, amount: In<Money>,
        note: Option<String>, reference: In<Option<Reference>>,
    ) -> Settlement {
        let received = ReceivedPayment::new(method.0, amount.0).with_note(note).with_reference(reference.0);
        core.get().await?.record_payment(&actor.0, &order.0, received).await?
    }

    fn record_refund(core, actor: In<Principal>, payment: In<Reference>, refund_id: i64) -> Refund {
        core.get().await?.record_refund(&actor.0, &payment.0, RefundId(refund_id)).await?
    }

    fn resend_tickets(
        core, actor: In<Principal>, order: In<Reference>, to: In<Option<EmailAddress>>,
    ) -> OutboxMail {
        core.get().await?.resend_tickets(&actor.0, &order.0, to.0).await?
    }

    fn resend_mail(core, actor: In<Principal>, mail_id: i64) -> OutboxMail {
        core.get().await?.resend_mail(&actor.0, MailId(mail_id)).await?
    }
}

/// How often an edit of any version is made anew because somebody else's came first.
const MAX_TRIES: u32 = 10;

fn by_id(ticket_id: i64) -> TicketKey {
    TicketKey::Id(TicketId(ticket_id))
}

fn audience(ticket_type_id: Option<i64>, who: Presence) -> Audience {
    Audience::default().with_ticket_type_id(ticket_type_id.map(TicketTypeId)).with_who(who)
}

fn cursor_page(after: Option<Cursor>, limit: i64) -> Result<CursorRequest, Failure> {
    Ok(CursorRequest::default().with_after(after).with_limit(unsigned("limit", limit)?))
}

fn issue_payment(payment: &str, until: Option<Timestamp>) -> Result<IssuePayment, Failure> {
    let wrong = |field: &str, message: String| Err(Error::invalid(field, message).into());
    match (payment, until) {
        ("later", Some(until)) => Ok(IssuePayment::Later { until }),
        ("later", None) => wrong("pay_until", "is required: until when the places are kept".to_owned()),
        (_, Some(_)) => wrong("pay_until", "must be left out unless payment is later".to_owned()),
        ("free", None) => Ok(IssuePayment::Free),
        (other, None) => match ManualMethod::from_name(other) {
            Some(method) => Ok(IssuePayment::Received(method)),
            None => wrong("payment", format!("must be free, cash, transfer or later (got {other:?})")),
        },
    }
}

fn page(skip: i64, limit: i64, count: bool) -> Result<PageRequest, Failure> {
    let (skip, limit) = (unsigned("skip", skip)?, unsigned("limit", limit)?);
    Ok(PageRequest::default().with_skip(skip).with_limit(limit).with_count(count))
}

/// One ticket type at a price, or the given ones. At least one: its currency is the event's.
fn ticket_types_of(price: Option<Money>, types: Vec<NewTicketType>) -> Result<Vec<NewTicketType>, Failure> {
    match price {
        Some(price) if types.is_empty() => Ok(vec![NewTicketType::new(GENERAL_ADMISSION, price)]),
        None if !types.is_empty() => Ok(types),
        _ => Err(Error::invalid("price", "must be given, or ticket_types, but not both").into()),
    }
}

fn order_request(
    event_id: i64,
    quantity: Option<i64>,
    lines: Option<Vec<LineRequest>>,
    reference: Option<Reference>,
) -> Result<OrderRequest, Failure> {
    let lines = match (quantity, lines) {
        (Some(_), Some(_)) => return Err(Error::invalid("lines", "must not be given together with quantity").into()),
        (_, Some(lines)) => lines,
        (quantity, None) => vec![LineRequest::new(unsigned("quantity", quantity.unwrap_or(1))?)],
    };
    Ok(OrderRequest::new(EventId(event_id), lines).with_reference(reference))
}

/// Who administers accounts: an administrator, or without one the operator, which the application is.
fn administrator(actor: In<Option<Principal>>) -> Actor {
    actor.0.map_or(Actor::Operator, Actor::Person)
}

/// For which events a role is: for all without a list.
fn member_events(ids: Option<Vec<i64>>) -> MemberEvents {
    ids.map_or(MemberEvents::All, |ids| MemberEvents::Only(ids.into_iter().map(EventId).collect()))
}
