//! What was injected and what was reached, summed up over many histories.

use crate::history::AUDITED;
use crate::world::Outcome;
use std::collections::BTreeMap;
use std::fmt::Write;

/// The calls that every fault must have hit.
const CALLS: &[&str] = &[
    "hold",
    "release",
    "expire_holds",
    "open_attempt",
    "report_checkout",
    "settle",
    "claim_polls",
    "resolve_review",
    "request_refund",
    "claim_refunds",
    "report_refund",
    "retry_refund",
    "undo_cancelled_events",
    "check_in",
    "claim_mails",
    "report_mail",
    "receive_webhook",
    "claim_webhooks",
    "report_webhook",
    "wake_refunds",
    "cancel_event",
    "edit_event",
    "expand_notices",
    "set_member",
    "make_api_key",
    "manage_api_key",
    "erase_buyer",
    "erase_account",
    "offer_transfer",
    "take_transfer",
    "withdraw_transfer",
    "swap_ticket",
];

/// Calls that are made so seldom that only many thousand histories crash in all of them.
const SELDOM: &[&str] = &[
    "release",
    "resolve_review",
    "retry_refund",
    "cancel_event",
    "wake_refunds",
    "set_member",
    "make_api_key",
    "manage_api_key",
    "erase_buyer",
    "erase_account",
    "withdraw_transfer",
    "swap_ticket",
];

const STORAGE_FAULTS: &[&str] = &["crash before", "crash after", "not applied", "commit unknown"];

const GATEWAY_CALLS: &[&str] = &["open_checkout", "fetch", "refund", "find_refund"];

const GATEWAY_FAULTS: &[&str] =
    &["crash before", "crash after", "timeout, applied", "timeout, not applied", "not sent", "breaker open"];

/// What else must have happened.
const SOMETIMES: &[(&str, &str)] = &[
    ("stall", "5 to 60 s"),
    ("crash before", "mail"),
    ("crash after", "mail"),
    ("mail", "taken"),
    ("mail", "not taken"),
    ("mail", "taken, answer lost"),
    ("mail", "refused"),
    ("webhook", "dropped"),
    ("webhook", "repeated"),
    ("webhook", "forged, refused"),
    ("webhook", "sent again"),
    ("webhook", "taken"),
    ("webhook kept", "applied"),
    ("gateway", "says not found of an open checkout"),
    ("refund", "pending"),
    ("refund", "processed"),
    ("refund", "failed"),
    ("refund", "needs_attention"),
    ("refund looked up", "found"),
    ("refund looked up", "not found"),
    ("refund because", "late"),
    ("refund because", "duplicate"),
    ("refund because", "event_cancelled"),
    ("refund because", "requested"),
    ("refund because", "review"),
    ("payer", "never acts"),
    ("payer", "processing"),
    ("payer", "fails first"),
    ("payer", "pays"),
    ("payer", "pays late"),
    ("payer", "pays too little"),
    ("payer", "pays too much"),
    ("payer", "pays another currency"),
    ("payer", "pays test money"),
    ("buyer", "pays again"),
    ("buyer", "gives up"),
    ("guest", "gives an address"),
    ("guest", "never gives an address"),
    ("guest", "orders claimed"),
    ("erasure", "buyer"),
    ("erasure", "nothing to erase"),
    ("erasure", "account"),
    ("refused", "erasure_blocked"),
    ("refused", "buyer_unnamed"),
    ("hoarder", "holds"),
    ("refused", "too_many_holds"),
    ("refused", "buyer_limit"),
    ("refused", "sales_paused"),
    ("refused", "not_on_sale"),
    ("refused", "too_many"),
    ("refused", "ticket_type_unknown"),
    ("refused", "stale"),
    ("refused", "capacity_too_low"),
    ("organiser", "edits the event"),
    ("organiser", "edits the promo code"),
    ("refused", "code_unknown"),
    ("refused", "code_used_up"),
    ("client", "server down"),
    ("client", "no answer"),
    ("client", "left, call dropped"),
    ("client", "left, call runs on"),
    ("client", "storage error"),
    ("client", "gateway error"),
    ("verify", "fulfilled"),
    ("verify", "refund due"),
    ("verify", "review"),
    ("verify", "open"),
    ("verify", "failed"),
    ("gate", "admitted"),
    ("gate", "one ticket at two gates"),
    ("gate", "scan repeated after its answer"),
    ("refused", "sold_out"),
    ("refused", "ticket_used"),
    ("refused", "ticket_refunded"),
    ("refused", "hold_expired"),
    ("refused", "event_cancelled"),
    ("refused", "order_paid"),
    ("refused", "order_cancelled"),
    ("organiser", "calls the event off"),
    ("organiser", "refunds"),
    ("organiser", "accepts a review"),
    ("organiser", "refunds a review"),
    ("organiser", "retries a refund"),
    ("organiser", "makes a ticket void"),
    ("payer", "disputes"),
    ("payer", "disputes a part"),
    ("dispute", "won"),
    ("dispute", "lost"),
    ("gateway", "refunds in the dashboard"),
    ("gateway", "reports a payment that never was"),
    ("gate", "scan undone"),
    ("refused", "wrong_event"),
    ("refused", "ticket_foreign"),
    ("refused", "not_granted"),
    ("refused", "last_owner"),
    ("gate", "admitted with a key"),
    ("team", "member removed"),
    ("team", "member set"),
    ("team", "key made"),
    ("team", "key revoked"),
    ("team", "key taken over"),
    ("refund because", "elsewhere"),
    ("webhook kept", "contradicted"),
    ("attempt", "dropped"),
    ("attempt", "fulfilled"),
    ("attempt", "review"),
    ("attempt", "unknown"),
    ("ticket", "used"),
    ("ticket", "refunded"),
    ("ticket", "active"),
    ("ticket", "transferred"),
    ("holder", "offers a ticket"),
    ("holder", "offers it to somebody else"),
    ("holder", "withdraws an offer"),
    ("friend", "takes a ticket"),
    ("friend", "finds it taken already"),
    ("friend", "without an account"),
    ("friend", "is too late"),
    ("friend", "passes it on"),
    ("gate", "a code that was replaced"),
    ("organiser", "swaps a ticket"),
    ("organiser", "swaps and refunds"),
    ("buyer", "returns a ticket as the event allows"),
    ("refund because", "returned"),
    ("refund because", "swapped"),
    ("refused", "ticket_transferred"),
    ("refused", "transfer_closed"),
    ("refused", "price_higher"),
    ("refused", "return_not_open"),
];

/// What happened in many histories together.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) histories: u64,
    pub(crate) steps: u64,
    seen: BTreeMap<(&'static str, &'static str), u64>,
}

impl Report {
    pub(crate) fn add(&mut self, outcome: &Outcome) {
        self.histories += 1;
        self.steps += outcome.steps;
        for (what, count) in &outcome.seen {
            *self.seen.entry(*what).or_default() += count;
        }
    }

    fn count(&self, what: &'static str, place: &'static str) -> u64 {
        self.seen.get(&(what, place)).copied().unwrap_or(0)
    }

    /// How many crashes, lost answers and other faults there were.
    pub(crate) fn faults(&self) -> u64 {
        let is_fault = |what: &str| STORAGE_FAULTS.contains(&what) || GATEWAY_FAULTS.contains(&what) || what == "stall";
        self.seen.iter().filter(|((what, _), _)| is_fault(what)).map(|(_, count)| count).sum()
    }

    /// What never happened, though it must.
    pub(crate) fn missing(&self) -> Vec<String> {
        let pairs = |faults: &'static [&'static str], calls: &'static [&'static str]| {
            faults.iter().flat_map(move |fault| calls.iter().map(move |call| (*fault, *call)))
        };
        let wanted = pairs(STORAGE_FAULTS, CALLS).chain(pairs(GATEWAY_FAULTS, GATEWAY_CALLS));
        let wanted = wanted.chain(SOMETIMES.iter().copied()).chain(AUDITED.iter().copied());
        let is_enough = self.histories >= 10_000;
        wanted
            .filter(|(what, place)| self.count(what, place) == 0 && (is_enough || !SELDOM.contains(place)))
            .map(|(what, place)| format!("{what}: {place}"))
            .collect()
    }

    /// All of it, in tables.
    pub(crate) fn tables(&self) -> String {
        let mut text = format!("{} histories, {} steps\n", self.histories, self.steps);
        for (faults, calls) in [(STORAGE_FAULTS, CALLS), (GATEWAY_FAULTS, GATEWAY_CALLS)] {
            let _ = write!(text, "\n{:<24}", "");
            for fault in faults {
                let _ = write!(text, "{fault:>22}");
            }
            text.push('\n');
            for call in calls {
                let _ = write!(text, "{call:<24}");
                for fault in faults {
                    let _ = write!(text, "{:>22}", self.count(fault, call));
                }
                text.push('\n');
            }
        }
        text.push('\n');
        for (what, place) in SOMETIMES.iter().chain(AUDITED) {
            let _ = writeln!(text, "{:>10}  {what}: {place}", self.count(what, place));
        }
        text
    }
}
