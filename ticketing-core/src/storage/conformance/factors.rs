//! Second factors.

use super::races::at_once;
use super::shop::{Shop, granted};
use crate::domain::account::{Account, AccountChange, AccountKey, AccountWants, AdministerAccount, ChangeAccount};
use crate::domain::audit::Actor;
use crate::domain::factor::{
    BeginFactor, CLOSED_FOR, CONFIRM_WITHIN, CodeOutcome, CodeUse, Factor, FactorCode, FindFactor, Hashes,
    MAX_WRONG_CODES, UseCode,
};
use crate::domain::id::AccountId;
use crate::domain::outbox::MailKind;
use crate::domain::proof::{BeginProof, FindProof, ProofPurpose, ProofUse, UseProof};
use crate::domain::refusal::Refusal;
use crate::domain::session::{NewSession, StoredSession};
use crate::storage::{Storage, StorageExt as _};
use jiff::SignedDuration;
use std::sync::Arc;

const MOMENT: SignedDuration = SignedDuration::from_micros(1);
const SECRET: &[u8] = &[0, 255, 7];

fn codes(names: &[&str]) -> Hashes {
    Hashes(names.iter().map(|name| (*name).to_owned()).collect())
}

fn recovery(hash: &str) -> FactorCode {
    FactorCode::Recovery(hash.to_owned())
}

fn confirm() -> CodeUse {
    CodeUse::Confirm { recovery: codes(&["r1", "r2", "r3"]) }
}

fn is_right(outcome: &CodeOutcome) -> bool {
    matches!(outcome, CodeOutcome::Right { .. })
}

fn wrong(left: i64) -> CodeOutcome {
    CodeOutcome::Wrong { left }
}

impl Shop {
    async fn begin_factor(&self, account: &Account, secret: &[u8]) -> Result<Option<Factor>, Refusal> {
        let begin = BeginFactor { id: account.id, seen: account.password_hash.clone(), secret: secret.to_vec() };
        self.storage.apply_one(self.now(), begin).await.unwrap()
    }

    async fn use_factor_code(&self, account: &Account, code: FactorCode, to: CodeUse) -> CodeOutcome {
        let use_code = UseCode { id: account.id, seen: Some(SECRET.to_vec()), code, to };
        self.storage.apply_one(self.now(), use_code).await.unwrap()
    }

    /// An account with a factor, whose codes are used up to step 10.
    pub(super) async fn with_factor(&self, address: &str) -> Account {
        let account = self.verified(address).await;
        granted(self.begin_factor(&account, SECRET).await).unwrap();
        assert!(is_right(&self.use_factor_code(&account, FactorCode::OfStep(10), confirm()).await));
        self.account_of(account.id).await
    }

    async fn account_of(&self, id: AccountId) -> Account {
        self.storage.account(&AccountKey::Id(id)).await.unwrap().unwrap()
    }

    async fn factor(&self, account: &Account) -> Factor {
        self.storage.find(FindFactor(account.id)).await.unwrap().unwrap().1.unwrap()
    }

    fn log_in_of(&self, account: &Account) -> CodeUse {
        CodeUse::LogIn(NewSession::of(account, None, self.now() + SignedDuration::from_hours(1)))
    }

    /// The kinds of the mails that wait, by id.
    async fn factor_mails(&self) -> Vec<MailKind> {
        let mut mails = self.claim_mails(1000).await;
        mails.sort_by_key(|mail| mail.id);
        mails.into_iter().map(|mail| mail.kind).collect()
    }
}

pub async fn a_factor_reads_back_and_is_on_once_it_is_confirmed(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.verified("ada@example.com").await;
    assert_eq!(shop.storage.find(FindFactor(ada.id)).await.unwrap(), Some((ada.clone(), None)));
    assert_eq!(shop.storage.find(FindFactor(AccountId(ada.id.0 + 1))).await.unwrap(), None);
    let begun = granted(shop.begin_factor(&ada, SECRET).await).unwrap();
    assert_eq!((begun.secret.as_deref(), begun.is_on(), begun.last_step), (Some(SECRET), false, 0));
    assert_eq!(shop.factor(&ada).await, begun);
    assert!(!shop.account_of(ada.id).await.has_second_factor, "nothing asks for it yet");
    for to in [CodeUse::Check, shop.log_in_of(&ada)] {
        assert_eq!(shop.use_factor_code(&ada, FactorCode::OfStep(10), to).await, CodeOutcome::Nothing);
    }
    shop.wait(MOMENT);
    let CodeOutcome::Right { account, session: None } =
        shop.use_factor_code(&ada, FactorCode::OfStep(10), confirm()).await
    else {
        panic!("a right code confirms");
    };
    assert_eq!(*account, Account { has_second_factor: true, updated_at: shop.now(), ..ada.clone() });
    assert_eq!(shop.account_of(ada.id).await, *account);
    let on = shop.factor(&ada).await;
    assert_eq!(
        (on.confirmed_at, on.last_step, &on.recovery_hashes),
        (Some(shop.now()), 10, &codes(&["r1", "r2", "r3"]))
    );
    assert_eq!(shop.factor_mails().await, [MailKind::FactorAdded(1)]);
    // A repeat, and another one.
    assert_eq!(shop.use_factor_code(&ada, FactorCode::OfStep(11), confirm()).await, CodeOutcome::IsOn);
    assert_eq!(shop.begin_factor(&ada, SECRET).await, Err(Refusal::SecondFactorOn));
    assert_eq!(shop.factor(&ada).await, on);
}

pub async fn a_factor_is_begun_with_the_password_by_who_owns_the_address(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let unverified = shop.register("bola@example.com").await;
    assert_eq!(shop.begin_factor(&unverified, SECRET).await, Err(Refusal::EmailUnverified));
    let ada = shop.verified("ada@example.com").await;
    let other = Account { password_hash: "other".to_owned(), ..ada.clone() };
    assert_eq!(shop.begin_factor(&other, SECRET).await, Ok(None));
    assert_eq!(shop.begin_factor(&Account { id: AccountId(ada.id.0 + 1), ..ada.clone() }, SECRET).await, Ok(None));
    assert_eq!(shop.use_factor_code(&ada, FactorCode::OfStep(10), confirm()).await, CodeOutcome::Nothing);
    // Begun again, the first secret is of no use.
    granted(shop.begin_factor(&ada, b"first").await).unwrap();
    granted(shop.begin_factor(&ada, SECRET).await).unwrap();
    let of_first = UseCode { id: ada.id, seen: Some(b"first".to_vec()), code: FactorCode::OfStep(10), to: confirm() };
    assert_eq!(shop.storage.apply_one(shop.now(), of_first).await.unwrap(), wrong(4));
    // Nor is a recovery code, which there is none of.
    assert_eq!(shop.use_factor_code(&ada, recovery("r1"), confirm()).await, wrong(3));
    shop.wait(CONFIRM_WITHIN);
    assert_eq!(shop.use_factor_code(&ada, FactorCode::OfStep(10), confirm()).await, CodeOutcome::Nothing, "too late");
    granted(shop.begin_factor(&ada, SECRET).await).unwrap();
    assert!(is_right(&shop.use_factor_code(&ada, FactorCode::OfStep(10), confirm()).await));
}

pub async fn a_code_works_once_and_no_earlier_one_after_it(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.with_factor("ada@example.com").await;
    assert_eq!(
        shop.use_factor_code(&ada, FactorCode::OfStep(10), CodeUse::Check).await,
        wrong(4),
        "it was used to confirm"
    );
    let CodeOutcome::Right { session: Some(session), .. } =
        shop.use_factor_code(&ada, FactorCode::OfStep(12), shop.log_in_of(&ada)).await
    else {
        panic!("a right code begins a session");
    };
    let session: StoredSession = session;
    assert_eq!((session.account_id, session.ended_before), (ada.id, ada.sessions_ended));
    assert_eq!(shop.open_sessions(&ada, None).await, [session.id]);
    for step in [12, 11] {
        assert!(!is_right(&shop.use_factor_code(&ada, FactorCode::OfStep(step), shop.log_in_of(&ada)).await), "{step}");
    }
    assert_eq!(shop.open_sessions(&ada, None).await, [session.id]);
    assert!(is_right(&shop.use_factor_code(&ada, FactorCode::OfStep(13), CodeUse::Check).await));
    // The account was switched off, or all its sessions were ended, since the password was checked.
    let end = ChangeAccount { id: ada.id, change: AccountChange::EndSessions };
    shop.storage.apply_one(shop.now(), end).await.unwrap();
    assert_eq!(shop.use_factor_code(&ada, FactorCode::OfStep(14), shop.log_in_of(&ada)).await, CodeOutcome::Nothing);
    assert!(
        is_right(&shop.use_factor_code(&ada, FactorCode::OfStep(14), CodeUse::Check).await),
        "that did not use it up"
    );
}

pub async fn the_fifth_wrong_code_closes_the_way_for_a_while(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let (ada, bola) = (shop.with_factor("ada@example.com").await, shop.with_factor("bola@example.com").await);
    for left in (1..MAX_WRONG_CODES).rev() {
        assert_eq!(shop.use_factor_code(&ada, FactorCode::Wrong, CodeUse::Check).await, wrong(left));
    }
    assert!(is_right(&shop.use_factor_code(&ada, FactorCode::OfStep(11), CodeUse::Check).await));
    for left in (1..MAX_WRONG_CODES).rev() {
        assert_eq!(
            shop.use_factor_code(&ada, recovery("r9"), shop.log_in_of(&ada)).await,
            wrong(left),
            "a right one begins anew"
        );
    }
    let until = shop.now() + CLOSED_FOR;
    let closed = CodeOutcome::Closed { until };
    assert_eq!(shop.use_factor_code(&ada, FactorCode::OfStep(11), CodeUse::Check).await, closed);
    shop.wait(CLOSED_FOR - MOMENT);
    for code in [FactorCode::OfStep(20), recovery("r1"), FactorCode::Wrong] {
        assert_eq!(shop.use_factor_code(&ada, code, CodeUse::Check).await, closed, "not even a right one");
    }
    assert!(is_right(&shop.use_factor_code(&bola, FactorCode::OfStep(20), CodeUse::Check).await), "another's is open");
    shop.wait(MOMENT);
    assert_eq!(shop.use_factor_code(&ada, FactorCode::Wrong, CodeUse::Check).await, wrong(MAX_WRONG_CODES - 1));
    assert!(is_right(&shop.use_factor_code(&ada, FactorCode::OfStep(20), CodeUse::Check).await));
}

pub async fn beginning_again_does_not_open_the_way(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.verified("ada@example.com").await;
    for _ in 0..MAX_WRONG_CODES {
        granted(shop.begin_factor(&ada, SECRET).await).unwrap();
        shop.use_factor_code(&ada, FactorCode::Wrong, confirm()).await;
    }
    granted(shop.begin_factor(&ada, SECRET).await).unwrap();
    let closed = CodeOutcome::Closed { until: shop.now() + CLOSED_FOR };
    assert_eq!(shop.use_factor_code(&ada, FactorCode::OfStep(10), confirm()).await, closed);
}

pub async fn a_recovery_code_works_once_and_is_told(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.with_factor("ada@example.com").await;
    assert!(is_right(&shop.use_factor_code(&ada, recovery("r2"), shop.log_in_of(&ada)).await));
    assert_eq!(shop.use_factor_code(&ada, recovery("r2"), shop.log_in_of(&ada)).await, wrong(4));
    assert!(is_right(&shop.use_factor_code(&ada, recovery("r1"), CodeUse::Check).await));
    assert_eq!(shop.factor(&ada).await.recovery_hashes, codes(&["r3"]));
    let told = [MailKind::FactorAdded(1), MailKind::RecoveryCodeUsed(2), MailKind::RecoveryCodeUsed(3)];
    assert_eq!(shop.factor_mails().await, told);
    // New ones replace those that are left.
    let renew = |seen: &str| CodeUse::Renew { seen: seen.to_owned(), recovery: codes(&["n1", "n2"]) };
    assert_eq!(shop.use_factor_code(&ada, FactorCode::OfStep(11), renew("other")).await, CodeOutcome::Nothing);
    assert!(is_right(&shop.use_factor_code(&ada, FactorCode::OfStep(11), renew(&ada.password_hash)).await));
    assert_eq!(shop.use_factor_code(&ada, recovery("r3"), CodeUse::Check).await, wrong(4));
    assert!(is_right(&shop.use_factor_code(&ada, recovery("n1"), CodeUse::Check).await));
}

pub async fn a_factor_is_removed_with_password_and_code(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.with_factor("ada@example.com").await;
    let remove = |seen: &str| CodeUse::Remove { seen: seen.to_owned() };
    assert_eq!(shop.use_factor_code(&ada, FactorCode::OfStep(11), remove("other")).await, CodeOutcome::Nothing);
    assert_eq!(shop.use_factor_code(&ada, FactorCode::OfStep(10), remove(&ada.password_hash)).await, wrong(4));
    assert!(shop.account_of(ada.id).await.has_second_factor);
    shop.wait(MOMENT);
    assert!(is_right(&shop.use_factor_code(&ada, FactorCode::OfStep(11), remove(&ada.password_hash)).await));
    assert_eq!(
        shop.account_of(ada.id).await,
        Account { has_second_factor: false, updated_at: shop.now(), ..ada.clone() }
    );
    let gone = shop.factor(&ada).await;
    assert_eq!((gone.secret, gone.confirmed_at, gone.recovery_hashes), (None, None, Hashes::default()));
    assert_eq!(shop.factor_mails().await, [MailKind::FactorAdded(1), MailKind::FactorRemoved(2)]);
    let repeat = shop.use_factor_code(&ada, FactorCode::OfStep(12), remove(&ada.password_hash)).await;
    assert_eq!(repeat, CodeOutcome::Nothing);
    // And added again: an old step is of the old secret.
    granted(shop.begin_factor(&ada, b"new").await).unwrap();
    let of_new = UseCode { id: ada.id, seen: Some(b"new".to_vec()), code: FactorCode::OfStep(3), to: confirm() };
    assert!(is_right(&shop.storage.apply_one(shop.now(), of_new).await.unwrap()));
    assert_eq!(shop.factor_mails().await, [MailKind::FactorAdded(3)]);
}

pub async fn an_administrator_removes_a_factor_that_was_lost(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.with_factor("ada@example.com").await;
    let remove = async |id| {
        let wants = AccountWants::default().with_removes_second_factor(true);
        let remove = AdministerAccount { id, actor: Actor::Operator, wants };
        shop.storage.apply_one(shop.now(), remove).await.unwrap().unwrap()
    };
    let done = remove(ada.id).await.unwrap();
    assert!(done.is_changed && !done.account.has_second_factor);
    assert_eq!(shop.account_of(ada.id).await, done.account);
    assert_eq!(shop.factor(&ada).await.secret, None);
    assert_eq!(done.account.sessions_ended, ada.sessions_ended, "sessions go on");
    assert_eq!(shop.factor_mails().await, [MailKind::FactorAdded(1), MailKind::FactorRemoved(2)]);
    let page = crate::domain::page::PageRequest::default();
    let audit = crate::domain::account::ListAuditOfAccount { id: ada.id, page };
    let lines = shop.storage.find(audit).await.unwrap().items;
    assert_eq!(lines.last().map(|line| line.action.as_str()), Some("account.second_factor_removed"));
    // A repeat, and an account without one.
    assert!(!remove(ada.id).await.unwrap().is_changed);
    let bola = shop.register("bola@example.com").await;
    assert!(!remove(bola.id).await.unwrap().is_changed);
    assert_eq!(remove(AccountId(bola.id.0 + 1)).await, None);
    assert_eq!(shop.factor_mails().await, []);
}

pub async fn a_new_password_leaves_the_factor(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.with_factor("ada@example.com").await;
    let begin = BeginProof::ResetPassword(ada.email.clone());
    let proof = granted(shop.storage.apply_one(shop.now(), begin).await.unwrap()).unwrap();
    let to = ProofUse::ResetPassword { hash: "new".to_owned() };
    let after = granted(shop.storage.apply_one(shop.now(), UseProof { id: proof.id, to }).await.unwrap());
    assert!(after.has_second_factor);
    assert!(is_right(&shop.use_factor_code(&after, FactorCode::OfStep(11), shop.log_in_of(&after)).await));
}

pub async fn undoing_a_changed_address_removes_a_factor_that_was_added_since(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    for is_added_since in [false, true] {
        let name = format!("ada-{is_added_since}@example.com");
        let mut ada = if is_added_since { shop.verified(&name).await } else { shop.with_factor(&name).await };
        shop.wait(MOMENT);
        let address = super::shop::email(&format!("thief-{is_added_since}@example.com"));
        let begin = BeginProof::ChangeEmail { id: ada.id, seen: ada.password_hash.clone(), address };
        let change = granted(shop.storage.apply_one(shop.now(), begin).await.unwrap()).unwrap();
        let use_proof = UseProof { id: change.id, to: ProofUse::ChangeEmail };
        granted(shop.storage.apply_one(shop.now(), use_proof).await.unwrap());
        if is_added_since {
            ada = shop.account_of(ada.id).await;
            granted(shop.begin_factor(&ada, SECRET).await).unwrap();
            assert!(is_right(&shop.use_factor_code(&ada, FactorCode::OfStep(10), confirm()).await));
        }
        let mut undo = None;
        for mail in shop.claim_mails(1000).await {
            if let MailKind::Proof(id) = mail.kind {
                let (proof, _) = shop.storage.find(FindProof(id)).await.unwrap().unwrap();
                undo = undo.or(Some(proof.id).filter(|_| proof.purpose == ProofPurpose::UndoEmail));
            }
        }
        let to = ProofUse::UndoEmail { hash: "nobody's".to_owned() };
        let use_proof = UseProof { id: undo.unwrap(), to };
        let after = granted(shop.storage.apply_one(shop.now(), use_proof).await.unwrap());
        assert_eq!(after.has_second_factor, !is_added_since);
    }
}

pub async fn a_code_used_eight_times_at_once_works_once(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    for (round, code) in [FactorCode::OfStep(11), recovery("r2")].into_iter().cycle().take(6).enumerate() {
        let ada = shop.with_factor(&format!("ada-{round}@example.com")).await;
        let used = at_once(8, |_| {
            let (shop, ada, code) = (Arc::clone(&shop), ada.clone(), code.clone());
            async move { shop.use_factor_code(&ada, code, shop.log_in_of(&ada)).await }
        });
        let used = used.await;
        assert_eq!(used.iter().filter(|outcome| is_right(outcome)).count(), 1, "{used:?}");
        assert_eq!(shop.open_sessions(&ada, None).await.len(), 1);
        // The seven others were wrong: the fifth has closed the way.
        let closed = CodeOutcome::Closed { until: shop.now() + CLOSED_FOR };
        let late = used.iter().filter(|outcome| **outcome == closed).count();
        assert!(late >= 1, "{used:?}");
        if let FactorCode::Recovery(_) = code {
            assert_eq!(shop.factor(&ada).await.recovery_hashes, codes(&["r1", "r3"]));
        }
    }
}

pub async fn eight_wrong_codes_at_once_close_the_way_once(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    for round in 0..4 {
        let ada = shop.with_factor(&format!("ada-{round}@example.com")).await;
        let tried = at_once(8, |_| {
            let (shop, ada) = (Arc::clone(&shop), ada.clone());
            async move { shop.use_factor_code(&ada, FactorCode::Wrong, CodeUse::Check).await }
        });
        let mut left: Vec<i64> = vec![];
        let mut closed = 0;
        for outcome in tried.await {
            match outcome {
                CodeOutcome::Wrong { left: more } => left.push(more),
                CodeOutcome::Closed { until } if until == shop.now() + CLOSED_FOR => closed += 1,
                other => panic!("{other:?}"),
            }
        }
        left.sort_unstable();
        assert_eq!((left.as_slice(), closed), (&[1, 2, 3, 4][..], 4));
    }
}

pub async fn a_factor_confirmed_eight_times_at_once_is_added_once(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    for round in 0..4 {
        let ada = shop.verified(&format!("ada-{round}@example.com")).await;
        granted(shop.begin_factor(&ada, SECRET).await).unwrap();
        let done = at_once(8, |call| {
            let (shop, ada) = (Arc::clone(&shop), ada.clone());
            let to = CodeUse::Confirm { recovery: codes(&[&format!("r{call}")]) };
            async move { shop.use_factor_code(&ada, FactorCode::OfStep(10), to).await }
        });
        let done = done.await;
        let winner = done.iter().position(is_right).unwrap();
        assert_eq!(done.iter().filter(|outcome| **outcome == CodeOutcome::IsOn).count(), 7, "{done:?}");
        assert_eq!(shop.factor(&ada).await.recovery_hashes, codes(&[&format!("r{winner}")]));
        assert_eq!(shop.factor_mails().await, [MailKind::FactorAdded(1)]);
    }
}
