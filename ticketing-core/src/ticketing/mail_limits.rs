//! How many mails go to one address, and how many are sent for one organiser. Otherwise anybody could have the shop write to a stranger: by an
//! account with the stranger's address, and a free event whose title is the message.
//!
//! A mail over a limit waits for its turn. It is never dropped, and the tickets are in the buyer's list at once.

use super::Ticketing;
use crate::domain::event::Event;
use crate::domain::limit::{Quota, Take, Taken};
use crate::domain::order::Order;
use crate::domain::principal::EmailAddress;
use crate::setters::setters;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

/// In which time the number of mails is allowed.
const WINDOW: SignedDuration = SignedDuration::from_hours(1);
/// How many addresses and organisers are remembered whose mails wait.
const MAX_QUEUES: usize = 10_000;

/// How many mails are sent in an hour. `None` is no limit, and the default. What is not used can be sent at once; then one mail after the
/// other at an even pace.
///
/// Mails about orders that cost nothing are counted apart from all others, so that a flood of them delays no mail about a purchase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MailLimits {
    /// To one address. What follows a `+` in the part before the `@` does not count: it is the same mailbox.
    pub per_recipient: Option<u32>,
    /// About the events of one organiser, whose words are in the mails.
    pub per_sender: Option<u32>,
}

setters!(MailLimits {
    with_per_recipient => per_recipient: impl Into<Option<u32>>,
    with_per_sender => per_sender: impl Into<Option<u32>>,
});

impl MailLimits {
    /// What one mail takes from the quotas.
    fn takes(&self, to: &EmailAddress, order: &Order, event: &Event) -> Vec<Take> {
        let kind = if order.total.is_zero() { "free" } else { "paid" };
        let take = |key: String, limit: u32| {
            let every = WINDOW / i32::try_from(limit).unwrap_or(i32::MAX).max(1);
            Take::new(key, 1, Quota::new(limit, every))
        };
        let to = self.per_recipient.map(|limit| take(format!("{kind} mails to {}", mailbox(to)), limit));
        let of = self.per_sender.map(|limit| take(format!("{kind} mails of {}", event.organizer), limit));
        to.into_iter().chain(of).collect()
    }
}

/// The mailbox of an address: most servers ignore what follows a `+`.
fn mailbox(address: &EmailAddress) -> String {
    let key = address.key();
    let (local, domain) = key.rsplit_once('@').unwrap_or((&key, ""));
    let local = local.split_once('+').map_or(local, |(local, _)| if local.is_empty() { "+" } else { local });
    format!("{local}@{domain}")
}

/// When the next mail of those that wait has its turn, by quota. So mails that wait for one quota come due one by one, and not all at
/// once whenever there is room for one.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<HashMap<String, Timestamp>>);

impl Turns {
    /// The turn of one more mail that waits for these quotas, which will have room at `again_at`.
    fn next(&self, takes: &[Take], now: Timestamp, again_at: Timestamp) -> Timestamp {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, last| *last > now);
        let after_the_last = takes.iter().filter_map(|take| Some(*turns.get(&take.key)? + take.quota.every));
        let turn = after_the_last.fold(again_at, Timestamp::max);
        if turns.len() < MAX_QUEUES {
            turns.extend(takes.iter().map(|take| (take.key.clone(), turn)));
        }
        turn
    }
}

/// What all mails take together, each key once.
fn together(takes: &[Vec<Take>]) -> Vec<Take> {
    let mut all: BTreeMap<&str, Take> = BTreeMap::new();
    for take in takes.iter().flatten() {
        all.entry(&take.key)
            .and_modify(|known| known.count = known.count.saturating_add(take.count))
            .or_insert_with(|| take.clone());
    }
    all.into_values().collect()
}

impl Ticketing {
    /// Until when each of these mails has to wait; `None` for one that may be sent now, which is then counted. Mostly, all may be sent,
    /// and are counted at once.
    pub(super) async fn held_back(&self, mails: &[(&EmailAddress, &Order, &Event)]) -> Vec<Option<Timestamp>> {
        let takes: Vec<Vec<Take>> =
            mails.iter().map(|(to, order, event)| self.inner.mail_limits.takes(to, order, event)).collect();
        let all = together(&takes);
        let fit = all.is_empty() || {
            let now = self.now();
            matches!(self.inner.storage.take_tokens(now, &all).await, Ok(Taken::All { .. }))
        };
        let mut until = vec![None; mails.len()];
        if !fit {
            for (until, takes) in until.iter_mut().zip(&takes) {
                *until = self.turn_of(takes).await;
            }
        }
        until
    }

    /// Until when one mail has to wait.
    async fn turn_of(&self, takes: &[Take]) -> Option<Timestamp> {
        if takes.is_empty() {
            return None;
        }
        let now = self.now();
        match self.inner.storage.take_tokens(now, takes).await {
            Ok(Taken::None { again_at }) => Some(self.inner.mail_turns.next(takes, now, again_at)),
            Ok(Taken::All { .. }) => None,
            Err(error) => {
                tracing::debug!(%error, "cannot count mails");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_mailbox_count_together() {
        let of = |text: &str| mailbox(&text.parse().unwrap());
        assert_eq!(of("Ada+jazz@Example.COM"), "ada@example.com");
        assert_eq!(of("ada+a+b@example.com"), of("ADA@example.com"));
        assert_ne!(of("ada@example.com"), of("ada@example.org"));
        assert_ne!(of("ada@example.com"), of("bob@example.com"));
        assert_eq!(of("+a@example.com"), of("+b@example.com"), "an address needs a name");
    }

    #[test]
    fn what_mails_take_together_names_each_key_once() {
        let quota = Quota::new(2, SignedDuration::from_secs(10));
        let take = |key: &str, count| Take::new(key, count, quota);
        let all = together(&[vec![take("b", 1), take("a", 1)], vec![], vec![take("b", 1)]]);
        assert_eq!(all, [take("a", 1), take("b", 2)]);
    }

    #[test]
    fn mails_that_wait_have_their_turns_one_by_one() {
        let turns = Turns::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        let take = |key: &str| Take::new(key, 1, Quota::new(2, SignedDuration::from_secs(10)));
        let (one, both) = ([take("a")], [take("a"), take("b")]);
        assert_eq!(turns.next(&one, at(0), at(10)), at(10));
        assert_eq!(turns.next(&one, at(0), at(10)), at(20));
        assert_eq!(turns.next(&both, at(0), at(10)), at(30), "the later of the two queues");
        assert_eq!(turns.next(&[take("b")], at(0), at(10)), at(40));
        assert_eq!(turns.next(&[take("c")], at(0), at(10)), at(10));
        assert_eq!(turns.next(&one, at(100), at(110)), at(110), "a queue that is empty begins anew");
    }
}
