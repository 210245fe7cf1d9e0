use crate::domain::audit::Actor;
use crate::domain::book::{Book, Change};
use crate::domain::code::Reference;
use crate::domain::id::{RefundId, WebhookId};
use crate::domain::refund::{REFUND_LEASE, RefundStatus};
use crate::domain::webhook::{NewWebhook, StoredWebhook, WebhookAction, WebhookReport, WebhookStatus};
use jiff::{SignedDuration, Timestamp};

/// A webhook that could not be applied is tried for as long as its attempt is asked about.
const TRY_FOR: SignedDuration = crate::domain::payment::POLL_FOR;

/// Keeps a webhook. A second delivery of the same event finds the first; the flag says whether this was the first.
pub fn receive_webhook(book: &mut Book, now: Timestamp, new: &NewWebhook) -> (StoredWebhook, bool) {
    if let Some(known) = book.webhook_by_key(&new.gateway, &new.dedupe_key) {
        return (known.clone(), false);
    }
    let idle = new.action == WebhookAction::None;
    let webhook = StoredWebhook {
        id: book.next_webhook(),
        event: new.clone(),
        status: if idle { WebhookStatus::Ignored } else { WebhookStatus::Waiting },
        tries: 0,
        next_at: (!idle).then_some(now),
        note: None,
        received_at: now,
        updated_at: now,
    };
    book.add_webhook(webhook.clone());
    (webhook, true)
}

/// Takes a webhook to apply it: nobody else takes it until the lease ends.
pub fn claim_webhook(book: &mut Book, now: Timestamp, id: WebhookId, lease: SignedDuration) -> Option<StoredWebhook> {
    let webhook = book.webhooks.get(&id)?;
    webhook.next_at.filter(|next_at| *next_at <= now)?;
    book.webhooks.update(&id, |webhook| {
        webhook.tries += 1;
        webhook.next_at = Some(now + lease);
        webhook.updated_at = now;
    });
    book.webhooks.get(&id).cloned()
}

/// Writes down what came of applying a webhook.
pub fn report_webhook(book: &mut Book, now: Timestamp, report: &WebhookReport) -> Option<StoredWebhook> {
    let webhook = book.webhooks.get(&report.id)?;
    let is_open = matches!(webhook.status, WebhookStatus::Waiting | WebhookStatus::Unconfirmed);
    if !is_open || (webhook.status == WebhookStatus::Unconfirmed && report.status == WebhookStatus::Waiting) {
        return Some(webhook.clone());
    }
    book.webhooks.update(&report.id, |webhook| {
        let again = matches!(report.status, WebhookStatus::Waiting | WebhookStatus::Unconfirmed);
        let in_time = now.duration_since(webhook.received_at) < TRY_FOR;
        webhook.status = match report.status {
            WebhookStatus::Waiting if !in_time => WebhookStatus::Quarantined,
            // Believed, and never confirmed: there are tickets for it.
            WebhookStatus::Unconfirmed if !in_time => WebhookStatus::Contradicted,
            status => status,
        };
        webhook.next_at = (again && in_time).then(|| now + interval(webhook.tries));
        webhook.note.clone_from(&report.note);
        webhook.updated_at = now;
    });
    let webhook = book.webhooks.get(&report.id)?.clone();
    if webhook.status == WebhookStatus::Contradicted {
        let attempt = webhook.event.reference.as_ref().and_then(|reference| book.attempts.get(reference)).cloned();
        if let Some(attempt) = attempt {
            let reason = "applied on a signed webhook's word; the gateway says otherwise";
            let change = Change::of(attempt.reference.as_str(), attempt.status.name(), attempt.status.name());
            book.note(
                now,
                attempt.order_id,
                Actor::Gateway(attempt.gateway.clone()),
                "webhook.contradicted",
                reason,
                change,
            );
        }
    }
    Some(webhook)
}

/// Lets upkeep look up the open refunds of an attempt at once: something is said to have happened to them.
pub fn wake_refunds(book: &mut Book, now: Timestamp, reference: &Reference) -> Vec<RefundId> {
    let Some(attempt) = book.attempts.get(reference) else { return vec![] };
    let of_attempt = book.refunds_of(attempt.order_id).filter(|refund| refund.attempt == *reference);
    let open: Vec<(RefundId, Timestamp)> = of_attempt
        .filter_map(|refund| match refund.status {
            // Perhaps it is being sent at this very moment. Looked for before it has arrived, it would not be found, and sent
            // a second time.
            RefundStatus::Unknown => Some((refund.id, now.max(refund.updated_at + REFUND_LEASE))),
            RefundStatus::Pending | RefundStatus::Failed | RefundStatus::NeedsAttention => Some((refund.id, now)),
            RefundStatus::Due | RefundStatus::Processed => None,
        })
        .collect();
    for (id, soonest) in &open {
        book.refunds.update(id, |refund| {
            refund.next_at = Some(refund.next_at.map_or(*soonest, |next_at| next_at.min(*soonest)));
        });
    }
    open.into_iter().map(|(id, _)| id).collect()
}

/// 15 s, doubling, at most an hour.
fn interval(tries: u32) -> SignedDuration {
    SignedDuration::from_secs((15_i64 << tries.saturating_sub(1).min(8)).min(3600))
}
