//! Codes by mail.

use super::races::at_once;
use super::shop::{Shop, granted};
use crate::domain::account::{Account, AccountWants, AdministerAccount};
use crate::domain::audit::Actor;
use crate::domain::id::ProofId;
use crate::domain::outbox::MailKind;
use crate::domain::proof::{
    BeginProof, CodeDigits, CodeFor, CodePurpose, FindProof, MAX_CODE_TRIES, MAX_PROOFS, MailedCodeOutcome,
    PROOF_WINDOW, Proof, ProofPurpose, ProofUse, UseMailedCode, UseProof,
};
use crate::domain::refusal::Refusal;
use crate::storage::{Storage, StorageExt as _};
use jiff::SignedDuration;
use std::sync::Arc;

const MOMENT: SignedDuration = SignedDuration::from_micros(1);

impl Shop {
    async fn try_mail_code(&self, account: &Account) -> Result<Option<Proof>, Refusal> {
        let begin = BeginProof::Code(CodeFor::VerifyEmail(account.id));
        self.storage.apply_one(self.now(), begin).await.unwrap()
    }

    async fn mail_code(&self, account: &Account) -> Proof {
        granted(self.try_mail_code(account).await).unwrap()
    }

    /// Types a code, where 1 is the one that was mailed.
    async fn type_code(&self, id: ProofId, typed: u32) -> MailedCodeOutcome {
        let (mailed, typed) = (CodeDigits::of(1), CodeDigits::of(typed));
        let used = UseMailedCode { id, purpose: CodePurpose::VerifyEmail, mailed, typed };
        self.storage.apply_one(self.now(), used).await.unwrap()
    }

    async fn code_now(&self, proof: &Proof) -> Proof {
        self.storage.find(FindProof(proof.id)).await.unwrap().unwrap().0
    }
}

fn is_right(outcome: &MailedCodeOutcome) -> bool {
    matches!(outcome, MailedCodeOutcome::Right { .. })
}

pub async fn a_code_reads_back_and_owes_one_mail(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.register("ada@example.com").await;
    let code = shop.mail_code(&ada).await;
    assert_eq!((code.purpose, code.account_id, code.tries), (ProofPurpose::Code, Some(ada.id), 0));
    assert_eq!((code.code_for, code.code_for()), (Some(CodePurpose::VerifyEmail), Some(CodeFor::VerifyEmail(ada.id))));
    assert_eq!(code.expires_at, shop.now() + SignedDuration::from_mins(15));
    assert_eq!(shop.storage.find(FindProof(code.id)).await.unwrap(), Some((code.clone(), Some(ada.clone()))));
    let owed: Vec<_> = shop.claim_mails(10).await.into_iter().map(|mail| (mail.subject, mail.kind, mail.to)).collect();
    assert_eq!(owed, [(ada.id.into(), MailKind::Proof(code.id), ada.email)]);
}

pub async fn a_right_code_verifies_the_address_once(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.register("ada@example.com").await;
    let code = shop.mail_code(&ada).await;
    shop.wait(MOMENT);
    let MailedCodeOutcome::Right { proof, account } = shop.type_code(code.id, 1).await else { panic!("it is right") };
    let verified = Account { is_verified: true, updated_at: shop.now(), ..ada.clone() };
    assert_eq!((account.as_deref(), &shop.stored(&ada).await), (Some(&verified), &verified));
    let used = Proof { used_at: Some(shop.now()), expires_at: shop.now(), ..code.clone() };
    assert_eq!((*proof, shop.code_now(&code).await), (used.clone(), used));
    assert_eq!(shop.type_code(code.id, 1).await, MailedCodeOutcome::Unknown);
    assert_eq!(shop.try_mail_code(&ada).await, Ok(None), "it is verified");
}

pub async fn five_wrong_codes_close_it(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.register("ada@example.com").await;
    let (first, bob) = (shop.mail_code(&ada).await, shop.register("bob@example.com").await);
    for left in (0..MAX_CODE_TRIES).rev() {
        assert_eq!(shop.type_code(first.id, 2).await, MailedCodeOutcome::Wrong { left });
    }
    for code in [1, 2] {
        assert_eq!(shop.type_code(first.id, code).await, MailedCodeOutcome::Unknown);
    }
    assert_eq!(shop.code_now(&first).await.tries, MAX_CODE_TRIES);
    assert!(!shop.stored(&ada).await.is_verified);
    // After four, the right one is still taken; and another code has tries of its own.
    let of_bob = shop.mail_code(&bob).await;
    for _ in 1..MAX_CODE_TRIES {
        shop.type_code(of_bob.id, 2).await;
    }
    assert!(is_right(&shop.type_code(of_bob.id, 1).await));
    let again = shop.mail_code(&ada).await;
    assert!(is_right(&shop.type_code(again.id, 1).await));
}

pub async fn a_code_is_for_its_purpose_its_proof_and_its_time(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.register("ada@example.com").await;
    let begin = BeginProof::VerifyEmail(ada.id);
    let link = granted(shop.storage.apply_one(shop.now(), begin).await.unwrap()).unwrap();
    let code = shop.mail_code(&ada).await;
    for id in [link.id, ProofId(code.id.0 + 1)] {
        assert_eq!(shop.type_code(id, 1).await, MailedCodeOutcome::Unknown);
    }
    let as_token = UseProof { id: code.id, to: ProofUse::VerifyEmail };
    assert_eq!(shop.storage.apply_one(shop.now(), as_token).await.unwrap(), Err(Refusal::ProofUnknown));
    assert_eq!((shop.code_now(&link).await, shop.code_now(&code).await.tries), (link, 0));
    // Not while the account is switched off.
    for active in [false, true] {
        let wants = AccountWants::default().with_is_active(active);
        let switch = AdministerAccount { id: ada.id, actor: Actor::Operator, wants };
        shop.storage.apply_one(shop.now(), switch).await.unwrap().unwrap().unwrap();
        if !active {
            assert_eq!(shop.type_code(code.id, 1).await, MailedCodeOutcome::Unknown);
        }
    }
    shop.wait(ProofPurpose::Code.lasts() - MOMENT);
    assert_eq!(shop.type_code(code.id, 2).await, MailedCodeOutcome::Wrong { left: MAX_CODE_TRIES - 1 });
    shop.wait(MOMENT);
    assert_eq!(shop.type_code(code.id, 1).await, MailedCodeOutcome::Unknown, "it has expired");
    assert!(!shop.stored(&ada).await.is_verified);
}

pub async fn a_new_code_replaces_the_one_before(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let (ada, bob) = (shop.register("ada@example.com").await, shop.register("bob@example.com").await);
    let (first, of_bob) = (shop.mail_code(&ada).await, shop.mail_code(&bob).await);
    let second = shop.mail_code(&ada).await;
    assert_eq!(shop.type_code(first.id, 1).await, MailedCodeOutcome::Unknown);
    assert!(is_right(&shop.type_code(second.id, 1).await) && is_right(&shop.type_code(of_bob.id, 1).await));
}

pub async fn what_else_verifies_the_address_ends_its_code(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.register("ada@example.com").await;
    let begin = BeginProof::VerifyEmail(ada.id);
    let link = granted(shop.storage.apply_one(shop.now(), begin).await.unwrap()).unwrap();
    let code = shop.mail_code(&ada).await;
    let by_link = UseProof { id: link.id, to: ProofUse::VerifyEmail };
    granted(shop.storage.apply_one(shop.now(), by_link).await.unwrap());
    assert_eq!(shop.type_code(code.id, 1).await, MailedCodeOutcome::Unknown);
    let bob = shop.register("bob@example.com").await;
    let begin = BeginProof::VerifyEmail(bob.id);
    let link = granted(shop.storage.apply_one(shop.now(), begin).await.unwrap()).unwrap();
    let code = shop.mail_code(&bob).await;
    assert!(is_right(&shop.type_code(code.id, 1).await));
    let by_link = UseProof { id: link.id, to: ProofUse::VerifyEmail };
    assert_eq!(shop.storage.apply_one(shop.now(), by_link).await.unwrap(), Err(Refusal::ProofUnknown));
}

pub async fn the_fourth_code_within_an_hour_is_refused(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.register("ada@example.com").await;
    let again_at = shop.now() + PROOF_WINDOW;
    for _ in 0..MAX_PROOFS {
        shop.mail_code(&ada).await;
    }
    assert_eq!(shop.try_mail_code(&ada).await, Err(Refusal::TooManyProofs { again_at }));
    // A link is counted apart.
    let begin = BeginProof::VerifyEmail(ada.id);
    granted(shop.storage.apply_one(shop.now(), begin).await.unwrap()).unwrap();
    shop.wait(PROOF_WINDOW);
    shop.mail_code(&ada).await;
}

pub async fn a_right_code_used_eight_times_at_once_works_once(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    for round in 0..5 {
        let ada = shop.register(&format!("ada-{round}@example.com")).await;
        let code = shop.mail_code(&ada).await;
        let used = at_once(8, |_| {
            let (shop, id) = (Arc::clone(&shop), code.id);
            async move { shop.type_code(id, 1).await }
        });
        let used = used.await;
        assert_eq!(used.iter().filter(|outcome| is_right(outcome)).count(), 1, "{used:?}");
        assert!(used.iter().all(|outcome| is_right(outcome) || *outcome == MailedCodeOutcome::Unknown), "{used:?}");
    }
}

pub async fn eight_wrong_codes_at_once_use_five_tries(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    for round in 0..5 {
        let ada = shop.register(&format!("ada-{round}@example.com")).await;
        let code = shop.mail_code(&ada).await;
        let used = at_once(8, |_| {
            let (shop, id) = (Arc::clone(&shop), code.id);
            async move { shop.type_code(id, 2).await }
        });
        let mut left: Vec<i64> = used
            .await
            .into_iter()
            .filter_map(|outcome| match outcome {
                MailedCodeOutcome::Wrong { left } => Some(left),
                _ => None,
            })
            .collect();
        left.sort_unstable();
        assert_eq!(left, [0, 1, 2, 3, 4]);
        assert_eq!(shop.code_now(&code).await.tries, MAX_CODE_TRIES);
        assert_eq!(shop.type_code(code.id, 1).await, MailedCodeOutcome::Unknown);
    }
}
