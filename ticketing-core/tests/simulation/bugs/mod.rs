//! Bugs that real ticket shops have had, one at a time. A simulation that does not find them proves nothing.

mod counter;
mod door;
mod erasures;
mod events;
mod gateway;
mod guests;
mod holders;
mod mails;
mod payments;
mod people;
mod refunds;
mod sales;

pub(crate) use gateway::GatewayBugs;

use crate::storage::latency;
use crate::world::World;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use ticketing_core::domain::account::{Account, EraseAccount};
use ticketing_core::domain::api_key::{MakeApiKey, ManageApiKey};
use ticketing_core::domain::check_in::{AnnulScan, Scan};
use ticketing_core::domain::code::{Reference, Seed};
use ticketing_core::domain::command::Work;
use ticketing_core::domain::event::{EditEvent, Event, SalesRules, Stock};
use ticketing_core::domain::id::{AccountId, EventId};
use ticketing_core::domain::notice::ExpandNotices;
use ticketing_core::domain::order::{
    ClaimOrders, EraseBuyer, ExpireHolds, Hold, IssueOrder, NameBuyer, Order, Release,
};
use ticketing_core::domain::organisation::SetMember;
use ticketing_core::domain::outbox::{ClaimMails, MailReport};
use ticketing_core::domain::payment::{
    Attempt, BeginSale, CheckoutReport, ClaimPolls, OpenAttempt, RecordDispute, RecordPayment, Settle,
};
use ticketing_core::domain::promo_code::PromoCode;
use ticketing_core::domain::refund::{
    ClaimRefunds, RecordListedRefunds, RecordRefund, RefundReport, RefundRequest, RetryRefund, ReturnTickets,
    UndoCancelledEvents, WakeRefunds,
};
use ticketing_core::domain::ticket::SwapTicket;
use ticketing_core::domain::transfer::TakeTransfer;
use ticketing_core::domain::webhook::{NewWebhook, WebhookReport};
use ticketing_core::domain::working_set::WorkingSet;
use ticketing_core::storage::{Storage as _, StorageError};

type Result<T> = std::result::Result<T, StorageError>;

macro_rules! bugs {
    ($($bug:ident $budget:literal;)*) => {
        /// A planted bug.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Bug { $($bug),* }

        /// Every bug, and after how many histories it must have been found.
        pub(crate) const BUGS: &[(Bug, u64)] = &[$((Bug::$bug, $budget)),*];
    };
}

bugs! {
    HoldChecksThenInserts 100;
    HoldNotIdempotent 200;
    BuyerLimitsIgnored 100;
    BuyerLimitsCheckedTooEarly 1000;
    HoldExpiresInTwoSteps 100;
    HoldNeverExpires 50;
    HoldExtendedWithoutBound 500;
    HoldDroppedOnUnknownCheckout 100;
    ReleasedTwice 200;
    SoldAfterEventCalledOff 500;
    SettledInTwoSteps 300;
    AmountNotChecked 300;
    CurrencyNotChecked 300;
    ModeNotChecked 300;
    DuplicateSuccessIgnored 100;
    LateSuccessNotRechecked 300;
    TicketsMissing 20;
    TicketsWithoutMail 20;
    AuditLineMissing 20;
    StaleAnswerApplied 100;
    FailedIsFinal 300;
    NotFoundIsFailed 100;
    NoPolling 100;
    PollingStopsEarly 100;
    CheckoutTimeoutIsFailure 300;
    WebhookTrusted 100;
    SignatureNotChecked 100;
    WebhookNotDeduplicated 100;
    RefundSumUnchecked 200;
    PlacesNotReturned 100;
    PlacesReturnedTwice 200;
    RefundResentBlindly 500;
    RefundNotMarkedBeforeSent 2000;
    RefundClaimedWithoutLease 500;
    RefundNotKeyed 200;
    RefundTimeoutIsFailure 300;
    CancelledEventNotRefunded 500;
    ScanWithoutCompareAndSet 200;
    NonceIgnored 200;
    RefundedTicketAdmitted 200;
    MailMarkedBeforeSent 100;
    MailClaimedWithoutLease 100;
    NewMessageIdPerTry 100;
    MailErrorIsSuccess 100;
    DisputeWonIgnored 400;
    DisputeRestoresWithoutPlaces 800;
    LateDisputeReopens 400;
    PartialDisputeVoidsAll 400;
    DashboardRefundIgnored 400;
    UnconfirmedPaymentApplied 800;
    UndoneScanAdmits 400;
    ScanOfAnotherEventAdmitted 400;
    UsedPlaceSoldAgain 400;
    EditVersionIgnored 1000;
    EditVersionNotCounted 200;
    CapacityClamped 400;
    PriceReadAtPayment 400;
    OrdersRepricedByEdit 400;
    RemovedTypeSold 1000;
    SalesRulesIgnored 400;
    LateMoneyNeedsSalesRules 1000;
    CodeUseNotTakenByHold 100;
    CodeUsesUnlimited 400;
    CodeUseNotReturnedAtExpiry 400;
    CodeUseReturnedTwice 400;
    LateMoneyNeedsGoodCode 1500;
    NoticeCursorMovedFirst 1000;
    NoticeForgotten 400;
    ReturnsNeverEnd 1500;
    UsedTicketReturned 1500;
    AddressRevivesHold 400;
    AddressNotLimited 1000;
    PaidWithoutAddress 400;
    ClaimForgetsTickets 1000;
    RevokedKeyScans 100;
    KeysOfRemovedMemberWork 100;
    KeyOfAnotherEventScans 100;
    LastOwnerLeaves 100;
    MemberGrantsWhatTheyLack 100;
    ErasureForgetsMails 400;
    ErasedWhileMoneyMoves 400;
    ErasedAccountKeepsName 400;
    IssueForgetsItsKey 400;
    IssueOversells 400;
    RecordedAmountNotChecked 1000;
    RecordedRefundIsForgotten 400;
    TransferKeepsOldTicket 400;
    TransferKeepsCode 400;
    TransferTakesPlace 400;
    TransferTakenAgain 400;
    WithdrawnOfferTaken 400;
    NewTicketMailedToOldHolder 400;
    ReplacedTicketAdmitted 400;
    TransferredTicketReturned 1000;
    SwapReturnsPlaceTwice 400;
    SwapKeepsOldTicket 400;
    SwapRefundsWhatIsKept 400;
    SwapRefundsTwice 400;
}

/// The storage in memory, as somebody might have written it who had not thought of everything.
#[derive(Debug)]
pub(crate) struct BuggyStorage {
    world: Arc<World>,
    /// Accounts as they were, for a bug.
    remembered: Mutex<BTreeMap<AccountId, Account>>,
}

fn change_order(rows: &mut WorkingSet, order: &Order, change: impl FnOnce(&mut Order)) {
    let mut order = order.clone();
    change(&mut order);
    rows.orders.load_record(order);
}

fn change_attempt(rows: &mut WorkingSet, reference: &Reference, change: impl FnOnce(&mut Attempt)) {
    if let Some(mut attempt) = rows.attempts.get(reference).cloned() {
        change(&mut attempt);
        rows.attempts.load_record(attempt);
    }
}

fn change_events(rows: &mut WorkingSet, mut change: impl FnMut(&mut Event)) {
    let all: Vec<Event> = rows.events.iter().map(|(_, event)| event.clone()).collect();
    for mut event in all {
        change(&mut event);
        rows.events.load_record(event);
    }
}

fn change_codes(rows: &mut WorkingSet, mut change: impl FnMut(&mut PromoCode)) {
    let all: Vec<PromoCode> = rows.promo_codes.iter().map(|(_, code)| code.clone()).collect();
    for mut code in all {
        change(&mut code);
        rows.promo_codes.load_record(code);
    }
}

fn each_stock(event: &mut Event, mut change: impl FnMut(&mut Stock)) {
    change(&mut event.stock);
    event.ticket_types.iter_mut().for_each(|ticket_type| change(&mut ticket_type.stock));
}

/// Does something without a look at how many places there are.
fn without_limits<T>(rows: &mut WorkingSet, work: impl FnOnce(&mut WorkingSet) -> T) -> T {
    let limits: BTreeMap<EventId, Event> = rows.events.iter().map(|(id, event)| (*id, event.clone())).collect();
    change_events(rows, |event| each_stock(event, |stock| stock.capacity = None));
    let result = work(rows);
    change_events(rows, |event| {
        if let Some(before) = limits.get(&event.id) {
            event.stock.capacity = before.stock.capacity;
            for (own, before) in event.ticket_types.iter_mut().zip(&before.ticket_types) {
                own.stock.capacity = before.stock.capacity;
            }
        }
    });
    result
}

/// Does something as if tickets were sold to everybody at any time.
fn without_rules<T>(rows: &mut WorkingSet, work: impl FnOnce(&mut WorkingSet) -> T) -> T {
    let before = rows.events.clone();
    change_events(rows, |event| {
        event.rules = SalesRules::default();
        event.ticket_types.iter_mut().for_each(|of| of.rules = SalesRules::default());
    });
    let result = work(rows);
    change_events(rows, |event| {
        let Some(known) = before.get(&event.id) else { return };
        event.rules = known.rules;
        event.ticket_types.iter_mut().zip(&known.ticket_types).for_each(|(of, known)| of.rules = known.rules);
    });
    result
}

/// Work that is one batch of one of these kinds of command is done by a method, which may have a bug. `each` method takes the
/// commands one by one.
macro_rules! by_kind {
    ($self:ident, $now:ident, $work:ident: $($command:ty => $method:ident $($each:ident)?;)*) => {
        $(if let Some(batch) = $work.batch::<$command>() {
            let outcomes = by_kind!(@$($each)? $self.$method($now, batch.commands()));
            batch.answer(outcomes);
            return Ok(());
        })*
    };
    (@$self:ident.$method:ident($now:ident, $commands:expr)) => {
        $self.$method($now, $commands).await?
    };
    (@each $self:ident.$method:ident($now:ident, $commands:expr)) => {{
        let mut outcomes = vec![];
        for command in $commands {
            outcomes.push($self.$method($now, command).await?);
        }
        outcomes
    }};
}

impl BuggyStorage {
    pub(crate) fn new(world: Arc<World>) -> Self {
        Self { world, remembered: Mutex::default() }
    }

    pub(crate) async fn transact(&self, now: Timestamp, work: Arc<dyn Work>) -> Result<()> {
        // The judge listens to these.
        by_kind!(self, now, work:
            ClaimRefunds => claim_refunds each;
            RefundReport => report_refunds;
            AnnulScan => annul_scan each;
            EditEvent => edit_event each;
            RetryRefund => retry_refund each;
            WakeRefunds => wake_refunds each;
            Scan => check_in;
            ClaimMails => claim_mails each;
            MailReport => report_mails;
            SetMember => set_member each;
            MakeApiKey => make_key each;
            ManageApiKey => manage_key each;
            EraseBuyer => erase_buyer each;
            TakeTransfer => take_transfer each;
            SwapTicket => swap_ticket each;
        );
        if self.world.bug.is_some() {
            by_kind!(self, now, work:
                Hold => hold;
                BeginSale => begin_sales each;
                Release => release;
                ExpireHolds => expire_holds each;
                CheckoutReport => report_checkouts;
                NameBuyer => name_buyer each;
                OpenAttempt => open_attempt each;
                ClaimOrders => claim_orders each;
                Settle => settle;
                ClaimPolls => claim_polls each;
                RefundRequest => request_refunds;
                UndoCancelledEvents => undo_cancelled_events each;
                ExpandNotices => expand_notices each;
                ReturnTickets => return_tickets each;
                NewWebhook => receive_webhooks;
                RecordDispute => record_dispute each;
                RecordListedRefunds => record_listed_refunds each;
                WebhookReport => report_webhooks;
                EraseAccount => erase_account each;
                IssueOrder => issue_order each;
                RecordPayment => record_payment each;
                RecordRefund => record_refund each;
            );
        }
        self.world.memory.transact(now, work).await
    }

    fn is(&self, bug: Bug) -> bool {
        self.world.bug == Some(bug)
    }

    /// Between two steps that should have been one.
    async fn between_steps(&self) {
        latency(&self.world).await;
        self.world.crash_point("crash between", "two steps").await;
    }

    fn fresh(&self) -> Reference {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.world.draw().to_le_bytes());
        Reference::derived(&Seed(seed), "planted")
    }
}
