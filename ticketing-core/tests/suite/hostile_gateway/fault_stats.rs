//! Which faults hit which order, and its outcome: the table that is printed at the end.

use crate::support::fake_paystack::{Call, Fault};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

/// What the gateway's calls do not show: what people, webhooks and processes did.
pub(crate) const BEYOND_CALLS: &[&str] = &[
    "payer: at the deadline",
    "payer: after the deadline",
    "payer: declined first",
    "payer: bears the fees",
    "payer: too little",
    "payer: too much",
    "payer: another currency",
    "payer: pays two attempts",
    "payer: pays unseen checkout",
    "payer: charges back",
    "webhook: lost",
    "webhook: duplicated",
    "webhook: delayed",
    "webhook: forged",
    "refund: failed",
    "refund: needs attention",
    "refund: retried by hand",
    "refund: by the organiser",
    "caller: went away",
    "caller: called twice",
    "event: cancelled",
    "breaker: open",
    "gateway: outage",
    "upkeep: cut off",
];

/// How an order ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum End {
    Tickets,
    TicketsAndRefund,
    Refunded,
    Review,
    RefundStuck,
    Reversed,
    Unpaid,
}

impl End {
    const ALL: [Self; 7] = [
        Self::Tickets,
        Self::TicketsAndRefund,
        Self::Refunded,
        Self::Review,
        Self::RefundStuck,
        Self::Reversed,
        Self::Unpaid,
    ];
}

#[derive(Default)]
pub(crate) struct FaultStats {
    /// By order; what befell none in particular is under the empty one.
    met: Mutex<BTreeMap<String, BTreeSet<String>>>,
    counts: Mutex<BTreeMap<String, u64>>,
}

/// A fault of a call in words.
pub(crate) fn of_call(call: Call, fault: Fault) -> String {
    format!(
        "{}: {fault:?}",
        match call {
            Call::Initialize => "initialize",
            Call::Verify => "verify",
            Call::Refund => "refund",
            Call::FindRefund => "find refund",
        }
    )
}

/// Every fault that must have happened.
pub(crate) fn all() -> Vec<String> {
    let writes =
        [Call::Initialize, Call::Refund].into_iter().flat_map(|call| Fault::OF_WRITES.map(|it| of_call(call, it)));
    let verifies = Fault::OF_VERIFIES.map(|fault| of_call(Call::Verify, fault));
    let finds = Fault::OF_FINDS.map(|fault| of_call(Call::FindRefund, fault));
    let beyond = BEYOND_CALLS.iter().map(|&text| text.to_owned());
    writes.chain(verifies).chain(finds).chain(beyond).collect()
}

impl FaultStats {
    pub(crate) fn met(&self, order: &str, what: &str) {
        self.met.lock().unwrap().entry(order.to_owned()).or_default().insert(what.to_owned());
        *self.counts.lock().unwrap().entry(what.to_owned()).or_default() += 1;
    }

    /// Prints what happened how often, and with what end. Gives what never did.
    pub(crate) fn table(&self, ends: &BTreeMap<String, End>) -> Vec<String> {
        let (met, counts) = (self.met.lock().unwrap(), self.counts.lock().unwrap());
        let mut rows: BTreeMap<&str, [u64; 7]> = BTreeMap::new();
        let mut in_all = [0_u64; 7];
        for end in ends.values() {
            in_all[End::ALL.iter().position(|it| it == end).unwrap()] += 1;
        }
        for (order, all) in met.iter() {
            let Some(end) = ends.get(order) else { continue };
            let column = End::ALL.iter().position(|it| it == end).unwrap();
            for what in all {
                rows.entry(what).or_default()[column] += 1;
            }
        }
        let heads = ["tickets", "+refund", "refunded", "review", "stuck", "reversed", "unpaid"];
        let head: String = heads.iter().map(|head| format!("{head:>9}")).collect();
        let mut table =
            format!("{:<34}{:>9} | orders that met it, by their end\n{:<43} |{head}\n", "what happened", "times", "");
        let mut wanted = all();
        for what in &wanted {
            let row = rows.get(what.as_str()).copied().unwrap_or_default();
            let cells: String = row.iter().map(|count| format!("{count:>9}")).collect();
            table += &format!("{what:<34}{:>9} |{cells}\n", counts.get(what).copied().unwrap_or(0));
        }
        let cells: String = in_all.iter().map(|count| format!("{count:>9}")).collect();
        eprintln!("{table}{:<34}{:>9} |{cells}", "all orders", ends.len());
        wanted.retain(|what| !counts.contains_key(what));
        wanted
    }
}
