//! What the gateway tells by webhook, and how it comes: late, twice, in another order, not at all, or from somebody else.

use crate::hostile_gateway::world::{Act, World};
use crate::support::fake_paystack::{KEY, Notice, signature};
use jiff::Timestamp;
use ticketing_core::Error;
use ticketing_core::clock::Clock;
use ticketing_core::gateway::{Webhook, WebhookError};

impl World {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Plans the delivery of what the gateway has to tell, and the end of refunds that it took on.
    pub(crate) fn hear_the_news(&self) {
        for notice in self.fake_paystack.take_news() {
            let what = format!("{} {}", notice.kind, notice.body);
            if notice.kind == "refund.pending" {
                let transaction = self.fake_paystack.transaction(&notice.reference).unwrap();
                // The last one of a transaction is the one that is told of; each is ended once.
                for (nth, refund) in (0..).zip(&transaction.refunds) {
                    if notice.body.contains(&refund.id.to_string()) {
                        let seconds = 20 + self.rng.below(1500, "refund takes", refund.id);
                        self.after(seconds, Act::EndRefund { id: refund.id, nth, order: notice.order.clone() });
                    }
                }
            }
            if self.rng.percent(8, "forged", self.rng.draw(&what, 1)) {
                let act = self.delivery(&notice, "sk_test_somebody_elses");
                self.after(5, act);
            }
            // Disputes are told again until they are heard; there is no other way to learn of them.
            let must_arrive = notice.kind.starts_with("charge.dispute.");
            if !must_arrive && self.rng.percent(30, "lost", self.rng.draw(&what, 2)) {
                self.stats.met(&notice.order, "webhook: lost");
                continue;
            }
            let copies = 1 + self.rng.below(6, "copies", self.rng.draw(&what, 3)).saturating_sub(3);
            if copies > 1 {
                self.stats.met(&notice.order, "webhook: duplicated");
            }
            for copy in 0..copies {
                let delayed = copy > 0 || self.rng.percent(40, "delayed", self.rng.draw(&what, 4));
                let seconds = if delayed { 30 + self.rng.below(1500, &what, copy) } else { 0 };
                if delayed {
                    self.stats.met(&notice.order, "webhook: delayed");
                }
                self.after(seconds, self.delivery(&notice, KEY));
            }
        }
    }

    fn delivery(&self, notice: &Notice, key: &'static str) -> Act {
        Act::Webhook { kind: notice.kind.clone(), order: notice.order.clone(), body: notice.body.clone(), key }
    }

    pub(crate) async fn deliver(&self, kind: &str, order: &str, body: &str, key: &'static str) {
        let signature = signature(key, body);
        let headers = [("x-paystack-signature", signature.as_bytes())];
        let webhook = Webhook::new(&headers, body.as_bytes(), self.now());
        let engine = &self.engines[usize::try_from(self.rng.below(2, body, 0)).unwrap()];
        match engine.receive_webhook("paystack", &webhook).await {
            Err(Error::Webhook(WebhookError::BadSignature)) if key != KEY => self.stats.met(order, "webhook: forged"),
            Ok(_) if key == KEY => {}
            other => panic!("{kind} signed with {key}: {other:?}"),
        }
    }

    pub(crate) fn end_refund(&self, id: u64, nth: u64, order: &str) {
        // One that is tried again has better luck.
        let luck = self.rng.below(100, &format!("refund of {order}"), nth) + 60 * nth;
        let status = match luck {
            0..20 => "failed",
            20..32 => "needs-attention",
            _ => "processed",
        };
        match status {
            "failed" => self.stats.met(order, "refund: failed"),
            "needs-attention" => self.stats.met(order, "refund: needs attention"),
            _ => {}
        }
        self.fake_paystack.end_refund(id, status);
        let Some(transaction) =
            self.fake_paystack.transactions().into_iter().find(|it| it.refunds.iter().any(|it| it.id == id))
        else {
            return;
        };
        if status != "processed" && self.rng.percent(70, "retry", id) {
            // The person helps the gateway first, where it wants that.
            if status == "needs-attention" {
                self.fake_paystack.end_refund(id, "processed");
            }
            self.after(1800, Act::RetryRefund { reference: transaction.reference });
        }
    }
}
