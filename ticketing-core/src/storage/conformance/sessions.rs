//! Sessions.

use super::races::at_once;
use super::shop::Shop;
use crate::domain::account::{Account, AccountChange, ChangeAccount};
use crate::domain::id::{AccountId, SessionId};
use crate::domain::page::PageRequest;
use crate::domain::session::{
    EndOtherSessions, EndSession, FindSession, ListSessions, NewSession, StoredSession, TouchSession, USE_IS_KNOWN_TO,
    outdated,
};
use crate::storage::{Storage, StorageExt as _};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

const MOMENT: SignedDuration = SignedDuration::from_micros(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

impl Shop {
    pub(super) async fn log_in(&self, account: &Account, client: Option<&str>) -> StoredSession {
        let new = NewSession::of(account, client.map(str::to_owned), self.now() + DAY);
        self.storage.apply_one(self.now(), new).await.unwrap()
    }

    async fn session(&self, id: SessionId) -> Option<(StoredSession, Account)> {
        self.storage.find(FindSession(id)).await.unwrap()
    }

    async fn end(&self, account: AccountId, session: SessionId) -> bool {
        self.storage.apply_one(self.now(), EndSession { account, session }).await.unwrap()
    }

    pub(super) async fn open_sessions(&self, account: &Account, used_after: Option<Timestamp>) -> Vec<SessionId> {
        let page = PageRequest::default();
        let list = ListSessions {
            account: account.id,
            ended_before: account.sessions_ended,
            at: self.now(),
            used_after,
            page,
        };
        self.storage.find(list).await.unwrap().items.into_iter().map(|session| session.id).collect()
    }
}

pub async fn a_session_reads_back_with_its_account(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let (ada, bola) = (shop.register("ada@example.com").await, shop.register("bola@example.com").await);
    let session = shop.log_in(&ada, Some("Firefox on Windows")).await;
    let other = shop.log_in(&bola, None).await;
    assert_eq!((session.account_id, session.ended_before, session.ended_at), (ada.id, 0, None));
    assert_eq!((session.created_at, session.last_used_at), (shop.now(), shop.now()));
    assert_eq!((session.expires_at, session.client.as_deref()), (shop.now() + DAY, Some("Firefox on Windows")));
    assert_eq!(shop.session(session.id).await, Some((session.clone(), ada.clone())));
    assert_eq!(shop.session(SessionId(other.id.0 + 1)).await, None);
    // Many callers ask at once, for sessions of one account and of others, and for some that are not there.
    let again = shop.log_in(&ada, None).await;
    let all = [again.id, SessionId(other.id.0 + 7), other.id, session.id].map(FindSession);
    let found = shop.storage.find_all(&all).await.unwrap();
    assert_eq!(found, [Some((again, ada.clone())), None, Some((other, bola)), Some((session, ada))]);
}

pub async fn a_session_that_was_ended_is_not_open_any_more(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let (ada, bola) = (shop.register("ada@example.com").await, shop.register("bola@example.com").await);
    let (first, second) = (shop.log_in(&ada, None).await, shop.log_in(&ada, None).await);
    let bolas = shop.log_in(&bola, None).await;
    assert_eq!(shop.open_sessions(&ada, None).await, [second.id, first.id], "the newest first, and no other's");
    shop.wait(MOMENT);
    assert!(!shop.end(bola.id, first.id).await, "another's");
    assert!(!shop.end(ada.id, SessionId(bolas.id.0 + 9)).await);
    assert!(shop.session(first.id).await.unwrap().0.is_open(&ada));
    assert!(shop.end(ada.id, first.id).await);
    let (ended, account) = shop.session(first.id).await.unwrap();
    assert_eq!((ended.ended_at, ended.is_open(&account)), (Some(shop.now()), false));
    assert!(shop.session(second.id).await.unwrap().0.is_open(&ada), "the other one goes on");
    assert_eq!(shop.open_sessions(&ada, None).await, [second.id]);
    // A repeat changes nothing.
    shop.wait(MOMENT);
    assert!(shop.end(ada.id, first.id).await);
    assert_eq!(shop.session(first.id).await, Some((ended, account)));
}

pub async fn all_other_sessions_of_an_account_are_ended(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let (ada, bola) = (shop.register("ada@example.com").await, shop.register("bola@example.com").await);
    let mut sessions = vec![];
    for _ in 0..4 {
        sessions.push(shop.log_in(&ada, None).await.id);
    }
    let bolas = shop.log_in(&bola, None).await;
    shop.end(ada.id, sessions[0]).await;
    let keep = Some(sessions[2]);
    let end = |keep| shop.storage.apply_one(shop.now(), EndOtherSessions { account: ada.id, keep });
    assert_eq!(end(keep).await.unwrap(), 2, "one was ended before");
    assert_eq!(shop.open_sessions(&ada, None).await, [sessions[2]]);
    assert_eq!(end(keep).await.unwrap(), 0);
    assert_eq!(end(Some(bolas.id)).await.unwrap(), 1, "none of these is kept");
    assert_eq!(end(None).await.unwrap(), 0);
    assert_eq!(shop.open_sessions(&bola, None).await, [bolas.id]);
}

pub async fn ending_all_sessions_ends_those_that_are_kept(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.register("ada@example.com").await;
    let before = shop.log_in(&ada, None).await;
    let end = ChangeAccount { id: ada.id, change: AccountChange::EndSessions };
    let after = shop.storage.apply_one(shop.now(), end).await.unwrap().unwrap();
    let (stored, account) = shop.session(before.id).await.unwrap();
    assert!(!stored.is_open(&account));
    assert_eq!(shop.open_sessions(&after, None).await, []);
    // The password was checked before the sessions were ended, and the session begins after.
    let late = shop.log_in(&ada, None).await;
    assert!(!late.is_open(&after));
    let again = shop.log_in(&after, None).await;
    assert_eq!(shop.open_sessions(&after, None).await, [again.id]);
}

pub async fn the_use_of_a_session_is_noted_once_an_hour(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.register("ada@example.com").await;
    let session = shop.log_in(&ada, None).await;
    let touch = || shop.storage.apply_one(shop.now(), TouchSession(session.id));
    let used_at = async || shop.session(session.id).await.unwrap().0.last_used_at;
    shop.wait(USE_IS_KNOWN_TO - MOMENT);
    touch().await.unwrap();
    assert_eq!(used_at().await, session.last_used_at);
    shop.wait(MOMENT);
    touch().await.unwrap();
    let noted = shop.now();
    assert_eq!(used_at().await, noted);
    shop.wait(MOMENT);
    touch().await.unwrap();
    assert_eq!(used_at().await, noted);
    // One that was used is not idle.
    assert_eq!(shop.open_sessions(&ada, Some(noted - MOMENT)).await, [session.id]);
    assert_eq!(shop.open_sessions(&ada, Some(noted)).await, []);
    let after = SignedDuration::from_hours(2);
    let (stored, _) = shop.session(session.id).await.unwrap();
    assert!(!stored.is_idle(after, noted + after + USE_IS_KNOWN_TO - MOMENT));
    assert!(stored.is_idle(after, noted + after + USE_IS_KNOWN_TO));
    // Ended, and unknown ones.
    shop.end(ada.id, session.id).await;
    shop.wait(USE_IS_KNOWN_TO);
    touch().await.unwrap();
    assert_eq!(used_at().await, noted);
    shop.storage.apply_one(shop.now(), TouchSession(SessionId(session.id.0 + 1))).await.unwrap();
}

pub async fn expired_sessions_are_forgotten_in_slices(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.register("ada@example.com").await;
    let mut old = vec![];
    for _ in 0..3 {
        old.push(shop.log_in(&ada, None).await.id);
    }
    shop.end(ada.id, old[1]).await;
    shop.wait(SignedDuration::from_hours(2));
    let new = shop.log_in(&ada, None).await.id;
    shop.wait(DAY - SignedDuration::from_hours(2));
    assert_eq!(shop.open_sessions(&ada, None).await, [new], "expired ones are not shown");
    shop.wait(SignedDuration::from_hours(1) - MOMENT);
    assert_eq!(shop.storage.forget(&outdated(shop.now(), 2)).await.unwrap(), 0, "clocks differ");
    shop.wait(MOMENT);
    assert_eq!(shop.storage.forget(&outdated(shop.now(), 2)).await.unwrap(), 2);
    assert_eq!(shop.storage.forget(&outdated(shop.now(), 2)).await.unwrap(), 1);
    assert_eq!(shop.storage.forget(&outdated(shop.now(), 2)).await.unwrap(), 0);
    for id in old {
        assert_eq!(shop.session(id).await, None);
    }
    assert!(shop.session(new).await.is_some());
}

pub async fn sessions_begun_and_ended_at_once_are_ended_or_go_on(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    for round in 0..4 {
        let ada = shop.register(&format!("ada-{round}@example.com")).await;
        let keep = shop.log_in(&ada, None).await.id;
        let before = [shop.log_in(&ada, None).await.id, shop.log_in(&ada, None).await.id];
        let begun = at_once(8, |call| {
            let (shop, ada) = (Arc::clone(&shop), ada.clone());
            async move {
                match call {
                    0..2 => {
                        let end = EndOtherSessions { account: ada.id, keep: Some(keep) };
                        shop.storage.apply_one(shop.now(), end).await.unwrap();
                        None
                    }
                    2..4 => {
                        assert!(shop.end(ada.id, before[call - 2]).await);
                        None
                    }
                    4 => {
                        shop.storage.apply_one(shop.now(), TouchSession(keep)).await.unwrap();
                        None
                    }
                    _ => Some(shop.log_in(&ada, None).await.id),
                }
            }
        });
        let begun: Vec<SessionId> = begun.await.into_iter().flatten().collect();
        assert_eq!(begun.len(), 3);
        let open = shop.open_sessions(&ada, None).await;
        assert!(open.contains(&keep) && !open.contains(&before[0]) && !open.contains(&before[1]), "{open:?}");
        assert!(open.iter().all(|id| *id == keep || begun.contains(id)), "{open:?}");
    }
}
