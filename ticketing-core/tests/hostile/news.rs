//! What the bank tells by webhook, and how it comes: late, twice, in another order, not at all, or from somebody else.

use crate::bank::{KEY, News, signature};
use crate::world::{Act, World};
use jiff::Timestamp;
use ticketing_core::Error;
use ticketing_core::clock::Clock;
use ticketing_core::gateway::{Webhook, WebhookError};

impl World {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Plans the delivery of what the bank has to tell, and the end of refunds that it took on.
    pub(crate) fn hear_the_news(&self) {
        for news in self.bank.take_news() {
            let what = format!("{} {}", news.kind, news.body);
            if news.kind == "refund.pending" {
                let transaction = self.bank.transaction(&news.reference).unwrap();
                // The last one of a transaction is the one that is told of; each is ended once.
                for (nth, refund) in (0..).zip(&transaction.refunds) {
                    if news.body.contains(&refund.id.to_string()) {
                        let seconds = 20 + self.dice.below(1500, "refund takes", refund.id);
                        self.after(seconds, Act::EndRefund { id: refund.id, nth, order: news.order.clone() });
                    }
                }
            }
            if self.dice.percent(8, "forged", self.dice.draw(&what, 1)) {
                let act = self.delivery(&news, "sk_test_somebody_elses");
                self.after(5, act);
            }
            // Disputes are told again until they are heard; there is no other way to learn of them.
            let must_arrive = news.kind.starts_with("charge.dispute.");
            if !must_arrive && self.dice.percent(30, "lost", self.dice.draw(&what, 2)) {
                self.tally.met(&news.order, "webhook: lost");
                continue;
            }
            let copies = 1 + self.dice.below(6, "copies", self.dice.draw(&what, 3)).saturating_sub(3);
            if copies > 1 {
                self.tally.met(&news.order, "webhook: duplicated");
            }
            for copy in 0..copies {
                let delayed = copy > 0 || self.dice.percent(40, "delayed", self.dice.draw(&what, 4));
                let seconds = if delayed { 30 + self.dice.below(1500, &what, copy) } else { 0 };
                if delayed {
                    self.tally.met(&news.order, "webhook: delayed");
                }
                self.after(seconds, self.delivery(&news, KEY));
            }
        }
    }

    fn delivery(&self, news: &News, key: &'static str) -> Act {
        Act::Webhook { kind: news.kind.clone(), order: news.order.clone(), body: news.body.clone(), key }
    }

    pub(crate) async fn deliver(&self, kind: &str, order: &str, body: &str, key: &'static str) {
        let signature = signature(key, body);
        let headers = [("x-paystack-signature", signature.as_bytes())];
        let webhook = Webhook::new(&headers, body.as_bytes(), self.now());
        let engine = &self.engines[usize::try_from(self.dice.below(2, body, 0)).unwrap()];
        match engine.receive_webhook("paystack", &webhook).await {
            Err(Error::Webhook(WebhookError::BadSignature)) if key != KEY => self.tally.met(order, "webhook: forged"),
            Ok(_) if key == KEY => {}
            other => panic!("{kind} signed with {key}: {other:?}"),
        }
    }

    pub(crate) fn end_refund(&self, id: u64, nth: u64, order: &str) {
        // One that is tried again has better luck.
        let luck = self.dice.below(100, &format!("refund of {order}"), nth) + 60 * nth;
        let status = match luck {
            0..20 => "failed",
            20..32 => "needs-attention",
            _ => "processed",
        };
        match status {
            "failed" => self.tally.met(order, "refund: failed"),
            "needs-attention" => self.tally.met(order, "refund: needs attention"),
            _ => {}
        }
        self.bank.end_refund(id, status);
        let Some(transaction) = self.bank.transactions().into_iter().find(|it| it.refunds.iter().any(|it| it.id == id))
        else {
            return;
        };
        if status != "processed" && self.dice.percent(70, "retry", id) {
            // The person helps the gateway first, where it wants that.
            if status == "needs-attention" {
                self.bank.end_refund(id, "processed");
            }
            self.after(1800, Act::RetryRefund { reference: transaction.reference });
        }
    }
}
