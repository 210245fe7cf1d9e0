//! Proofs by mail.

use super::races::at_once;
use super::shop::{Shop, email, granted, newcomer, only};
use crate::domain::account::{Account, AccountChange, AccountKey, AccountWants, AdministerAccount, ChangeAccount};
use crate::domain::audit::Actor;
use crate::domain::id::ProofId;
use crate::domain::outbox::{MailKind, OutboxMail};
use crate::domain::proof::{
    BeginProof, FindProof, KEEP_PROOFS, MAX_PROOFS, PROOF_WINDOW, Proof, ProofPurpose, ProofUse, UseProof, outdated,
};
use crate::domain::refusal::Refusal;
use crate::storage::{Storage, StorageExt as _};
use jiff::SignedDuration;
use std::sync::Arc;

const MOMENT: SignedDuration = SignedDuration::from_micros(1);

fn reset(hash: &str) -> ProofUse {
    ProofUse::ResetPassword { hash: hash.to_owned() }
}

fn undo() -> ProofUse {
    ProofUse::UndoEmail { hash: "nobody's".to_owned() }
}

impl Shop {
    async fn disable(&self, account: &Account) {
        let wants = AccountWants::default().with_is_active(false);
        let disable = AdministerAccount { id: account.id, actor: Actor::System, wants };
        self.storage.apply_one(self.now(), disable).await.unwrap().unwrap().unwrap();
    }

    pub(super) async fn begin_proof(&self, begin: BeginProof) -> Result<Option<Proof>, Refusal> {
        self.storage.apply_one(self.now(), begin).await.unwrap()
    }

    async fn verification(&self, account: &Account) -> Proof {
        granted(self.begin_proof(BeginProof::VerifyEmail(account.id)).await).unwrap()
    }

    async fn forgotten(&self, address: &str) -> Proof {
        granted(self.begin_proof(BeginProof::ResetPassword(email(address))).await).unwrap()
    }

    async fn try_move(&self, account: &Account, address: &str) -> Result<Option<Proof>, Refusal> {
        let seen = account.password_hash.clone();
        self.begin_proof(BeginProof::ChangeEmail { id: account.id, seen, address: email(address) }).await
    }

    pub(super) async fn move_to(&self, account: &Account, address: &str) -> Proof {
        granted(self.try_move(account, address).await).unwrap()
    }

    pub(super) async fn use_proof(&self, id: ProofId, to: ProofUse) -> Result<Account, Refusal> {
        self.storage.apply_one(self.now(), UseProof { id, to }).await.unwrap()
    }

    async fn proof_now(&self, proof: &Proof) -> Proof {
        self.storage.find(FindProof(proof.id)).await.unwrap().unwrap().0
    }

    async fn account_now(&self, account: &Account) -> Account {
        self.storage.account(&AccountKey::Id(account.id)).await.unwrap().unwrap()
    }

    /// The mails that wait, by id.
    async fn owed(&self) -> Vec<OutboxMail> {
        let mut owed = self.claim_mails(1000).await;
        owed.sort_by_key(|mail| mail.id);
        owed
    }

    /// The proof of the last mail of this purpose.
    pub(super) async fn mailed(&self, purpose: ProofPurpose) -> Proof {
        let mut found = None;
        for mail in self.owed().await {
            if let MailKind::Proof(id) = mail.kind {
                let (proof, _) = self.storage.find(FindProof(id)).await.unwrap().unwrap();
                found = Some(proof).filter(|proof| proof.purpose == purpose).or(found);
            }
        }
        found.unwrap()
    }
}

pub async fn a_proof_reads_back_and_owes_one_mail(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.register("Ada@example.com").await;
    let verify = shop.verification(&ada).await;
    assert_eq!((verify.purpose, verify.account_id, verify.nth), (ProofPurpose::VerifyEmail, Some(ada.id), 1));
    assert_eq!((&verify.address, verify.created_at, verify.used_at), (&ada.email, shop.now(), None));
    assert_eq!(verify.expires_at, shop.now() + SignedDuration::from_hours(7 * 24));
    assert_eq!(shop.storage.find(FindProof(verify.id)).await.unwrap(), Some((verify.clone(), Some(ada.clone()))));
    assert_eq!(shop.storage.find(FindProof(ProofId(verify.id.0 + 1))).await.unwrap(), None);
    // In any case, and in the spelling of the account.
    let forgotten = shop.forgotten("aDA@EXAMPLE.com").await;
    assert_eq!((forgotten.account_id, &forgotten.address), (Some(ada.id), &ada.email));
    assert_eq!(forgotten.expires_at, shop.now() + SignedDuration::from_mins(30));
    let change = shop.move_to(&ada, "new@example.com").await;
    assert_eq!(change.expires_at, shop.now() + SignedDuration::from_hours(24));
    let owed: Vec<_> = shop.owed().await.into_iter().map(|mail| (mail.subject, mail.kind, mail.to)).collect();
    let mail = |proof: &Proof| (ada.id.into(), MailKind::Proof(proof.id), proof.address.clone());
    assert_eq!(owed, [mail(&verify), mail(&forgotten), mail(&change)]);
    assert_eq!(change.address, email("new@example.com"), "and not to the old one");
}

pub async fn a_verified_address_needs_no_proof(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.register("ada@example.com").await;
    let (first, second) = (shop.verification(&ada).await, shop.verification(&ada).await);
    shop.wait(MOMENT);
    // The first mail is as good as the second.
    let verified = granted(shop.use_proof(first.id, ProofUse::VerifyEmail).await);
    assert_eq!(verified, Account { is_verified: true, updated_at: shop.now(), ..ada.clone() });
    assert_eq!(shop.proof_now(&first).await.used_at, Some(shop.now()));
    for proof in [&first, &second] {
        assert_eq!(shop.use_proof(proof.id, ProofUse::VerifyEmail).await, Err(Refusal::ProofUnknown));
    }
    assert_eq!(shop.begin_proof(BeginProof::VerifyEmail(ada.id)).await, Ok(None));
    let nobody = BeginProof::VerifyEmail(crate::domain::id::AccountId(ada.id.0 + 1));
    assert_eq!(shop.begin_proof(nobody).await, Ok(None));
}

pub async fn the_fourth_proof_within_an_hour_is_refused(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let first_at = shop.now();
    let ada = shop.register("ada@example.com").await;
    let addresses = ["ada@example.com", "nobody@example.com"];
    for _ in 0..MAX_PROOFS {
        for address in addresses {
            shop.forgotten(address).await;
        }
        shop.wait(SignedDuration::from_mins(10));
    }
    let refused = Err(Refusal::TooManyProofs { again_at: first_at + PROOF_WINDOW });
    for address in ["ADA@example.com", "NOBODY@example.com"] {
        assert_eq!(shop.begin_proof(BeginProof::ResetPassword(email(address))).await, refused, "{address}");
    }
    // Of another purpose, and for another address.
    shop.verification(&ada).await;
    shop.forgotten("other@example.com").await;
    shop.wait((first_at + PROOF_WINDOW).duration_since(shop.now()) - MOMENT);
    assert_eq!(shop.begin_proof(BeginProof::ResetPassword(ada.email.clone())).await, refused);
    shop.wait(MOMENT);
    let fourth = shop.forgotten("ada@example.com").await;
    assert_eq!(fourth.nth, 4);
    let again_at = first_at + PROOF_WINDOW + SignedDuration::from_mins(10);
    let refused = Err(Refusal::TooManyProofs { again_at });
    assert_eq!(shop.begin_proof(BeginProof::ResetPassword(ada.email.clone())).await, refused);
}

pub async fn new_addresses_of_one_account_count_together(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.register("ada@example.com").await;
    for name in ["a", "b", "c"] {
        shop.move_to(&ada, &format!("{name}@example.com")).await;
    }
    let refused = Err(Refusal::TooManyProofs { again_at: shop.now() + PROOF_WINDOW });
    assert_eq!(shop.try_move(&ada, "d@example.com").await, refused);
    // And of one address, by whomever.
    let bob = shop.register("bob@example.com").await;
    for _ in 1..MAX_PROOFS {
        shop.move_to(&bob, "a@example.com").await;
    }
    assert_eq!(shop.try_move(&bob, "a@example.com").await, refused);
    shop.move_to(&bob, "e@example.com").await;
}

pub async fn nobody_learns_who_has_an_account(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let off = shop.register("off@example.com").await;
    shop.disable(&off).await;
    for address in ["nobody@example.com", "off@example.com"] {
        let proof = shop.forgotten(address).await;
        assert_eq!((proof.account_id, proof.address.as_str()), (None, address));
        assert_eq!(shop.use_proof(proof.id, reset("second")).await, Err(Refusal::ProofUnknown));
    }
    assert_eq!(shop.owed().await, []);
    assert_eq!(shop.account_now(&off).await.password_hash, off.password_hash);
    // One that is switched off meanwhile.
    let ada = shop.register("ada@example.com").await;
    let (verify, forgotten) = (shop.verification(&ada).await, shop.forgotten("ada@example.com").await);
    shop.disable(&ada).await;
    assert_eq!(shop.use_proof(verify.id, ProofUse::VerifyEmail).await, Err(Refusal::ProofUnknown));
    assert_eq!(shop.use_proof(forgotten.id, reset("second")).await, Err(Refusal::ProofUnknown));
    assert_eq!(shop.begin_proof(BeginProof::VerifyEmail(ada.id)).await, Ok(None));
}

pub async fn a_proof_is_used_until_it_expires_and_for_its_purpose_only(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.register("ada@example.com").await;
    let proof = shop.forgotten("ada@example.com").await;
    for other in [ProofUse::VerifyEmail, ProofUse::ChangeEmail, undo()] {
        assert_eq!(shop.use_proof(proof.id, other).await, Err(Refusal::ProofUnknown));
    }
    let none = ProofId(proof.id.0 + 1);
    assert_eq!(shop.use_proof(none, reset("second")).await, Err(Refusal::ProofUnknown));
    assert_eq!((shop.account_now(&ada).await, shop.proof_now(&proof).await), (ada.clone(), proof.clone()));
    shop.wait(proof.expires_at.duration_since(shop.now()) - MOMENT);
    granted(shop.use_proof(proof.id, reset("second")).await);
    let late = shop.forgotten("ada@example.com").await;
    shop.wait(ProofPurpose::ResetPassword.lasts());
    assert_eq!(shop.use_proof(late.id, reset("third")).await, Err(Refusal::ProofUnknown));
    assert_eq!(shop.account_now(&ada).await.password_hash, "second");
}

pub async fn a_reset_ends_sessions_and_other_proofs_and_is_told(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let mut new = newcomer("ada@example.com", Some("ada"));
    new.password_hash = "first".to_owned();
    let ada = only(shop.storage.apply(shop.now(), &[new]).await).unwrap();
    let verify = shop.verification(&ada).await;
    granted(shop.use_proof(verify.id, ProofUse::VerifyEmail).await);
    let (change, older) = (shop.move_to(&ada, "new@example.com").await, shop.forgotten("ada@example.com").await);
    let proof = shop.forgotten("ada@example.com").await;
    shop.owed().await;
    shop.wait(MOMENT);
    // The newer one has replaced it.
    assert_eq!(shop.use_proof(older.id, reset("old")).await, Err(Refusal::ProofUnknown));
    let after = granted(shop.use_proof(proof.id, reset("second")).await);
    assert_eq!((after.password_hash.as_str(), after.sessions_ended), ("second", ada.sessions_ended + 1));
    assert_eq!((after.is_verified, &after.username, &after.phone), (true, &ada.username, &ada.phone));
    assert_eq!(shop.use_proof(change.id, ProofUse::ChangeEmail).await, Err(Refusal::ProofUnknown));
    assert_eq!(shop.use_proof(proof.id, reset("third")).await, Err(Refusal::ProofUnknown));
    let owed: Vec<_> = shop.owed().await.into_iter().map(|mail| (mail.subject, mail.kind, mail.to)).collect();
    assert_eq!(owed, [(ada.id.into(), MailKind::PasswordChanged(after.sessions_ended), ada.email)]);
}

/// The squatter has chosen its user name and phone number, and may be logged in.
pub async fn the_owner_of_a_squatted_address_takes_the_account_over(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let squatted =
        only(shop.storage.apply(shop.now(), &[newcomer("ada@example.com", Some("squatter"))]).await).unwrap();
    assert!(squatted.username.is_some() && squatted.phone.is_some());
    let own = shop.forgotten("ada@example.com").await;
    let taken_over = granted(shop.use_proof(own.id, reset("the owner's")).await);
    assert_eq!((taken_over.id, taken_over.is_verified), (squatted.id, true));
    assert_eq!((taken_over.username, taken_over.phone), (None, None));
    assert_eq!(taken_over.sessions_ended, squatted.sessions_ended + 1);
    let by_name = AccountKey::Username("squatter".to_owned());
    assert_eq!(shop.storage.account(&by_name).await.unwrap(), None);
    assert!(only(shop.storage.apply(shop.now(), &[newcomer("bob@example.com", Some("squatter"))]).await).is_ok());
}

pub async fn a_new_password_ends_proofs_of_a_password_and_of_an_address(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.register("ada@example.com").await;
    let proofs = async || {
        let account = shop.account_now(&ada).await;
        (
            shop.verification(&ada).await,
            shop.forgotten("ada@example.com").await,
            shop.move_to(&account, "new@example.com").await,
        )
    };
    let set = async |seen: &str, hash: &str| {
        let change = AccountChange::NewPassword { seen: seen.to_owned(), hash: hash.to_owned() };
        shop.storage.apply_one(shop.now(), ChangeAccount { id: ada.id, change }).await.unwrap().unwrap()
    };
    let (verify, forgotten, change) = proofs().await;
    // Another call was first: nothing changes.
    set("another", "second").await;
    assert_eq!(shop.proof_now(&forgotten).await, forgotten);
    set(&ada.password_hash, "second").await;
    assert_eq!(shop.use_proof(forgotten.id, reset("third")).await, Err(Refusal::ProofUnknown));
    assert_eq!(shop.use_proof(change.id, ProofUse::ChangeEmail).await, Err(Refusal::ProofUnknown));
    let is_notice = |mail: &OutboxMail| matches!(mail.kind, MailKind::PasswordChanged(_));
    assert!(!shop.owed().await.iter().any(is_notice), "an address that may be a stranger's");
    granted(shop.use_proof(verify.id, ProofUse::VerifyEmail).await);
    set("second", "third").await;
    assert_eq!(shop.owed().await.iter().filter(|mail| is_notice(mail)).count(), 1);
    // A change needs the password that the caller has given.
    let old = Account { password_hash: "second".to_owned(), ..ada.clone() };
    assert_eq!(shop.try_move(&old, "new@example.com").await, Ok(None));
}

pub async fn a_new_address_is_proved_and_told_to_the_old_one(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.register("ada@example.com").await;
    let (typo, forgotten) = (shop.move_to(&ada, "typo@example.com").await, shop.forgotten("ada@example.com").await);
    let verify = shop.verification(&ada).await;
    let change = shop.move_to(&ada, "new@example.com").await;
    assert_eq!(shop.account_now(&ada).await.email, ada.email, "until it is proved");
    shop.owed().await;
    shop.wait(MOMENT);
    assert_eq!(shop.use_proof(typo.id, ProofUse::ChangeEmail).await, Err(Refusal::ProofUnknown), "it was replaced");
    let moved = granted(shop.use_proof(change.id, ProofUse::ChangeEmail).await);
    let expected =
        Account { email: email("new@example.com"), is_verified: true, updated_at: shop.now(), ..ada.clone() };
    assert_eq!(moved, expected, "sessions go on");
    assert_eq!(shop.storage.account(&AccountKey::Email(ada.email.clone())).await.unwrap(), None);
    // What went to the old address is of no use any more.
    assert_eq!(shop.use_proof(forgotten.id, reset("second")).await, Err(Refusal::ProofUnknown));
    assert_eq!(shop.use_proof(verify.id, ProofUse::VerifyEmail).await, Err(Refusal::ProofUnknown));
    let owed = shop.owed().await;
    assert_eq!(owed.iter().map(|mail| &mail.to).collect::<Vec<_>>(), [&ada.email]);
    let MailKind::Proof(id) = owed[0].kind else { panic!("{owed:?}") };
    let (undo, _) = shop.storage.find(FindProof(id)).await.unwrap().unwrap();
    assert_eq!((undo.purpose, undo.was_verified), (ProofPurpose::UndoEmail, false));
    assert_eq!(undo.expires_at, shop.now() + SignedDuration::from_hours(7 * 24));
}

pub async fn a_changed_address_is_undone(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    for is_verified in [true, false] {
        let name = format!("ada-{is_verified}");
        let (old, new) = (format!("{name}@example.com"), format!("{name}@example.org"));
        let ada = shop.register(&old).await;
        if is_verified {
            let verify = shop.verification(&ada).await;
            granted(shop.use_proof(verify.id, ProofUse::VerifyEmail).await);
        }
        let change = shop.move_to(&ada, &new).await;
        let moved = granted(shop.use_proof(change.id, ProofUse::ChangeEmail).await);
        let back = shop.mailed(ProofPurpose::UndoEmail).await;
        // The thief goes on, and resets the password too: the old address can still undo it.
        let forgotten = shop.forgotten(&new).await;
        granted(shop.use_proof(forgotten.id, reset("theirs")).await);
        let open = shop.forgotten(&new).await;
        shop.owed().await;
        shop.wait(MOMENT);
        let undone = granted(shop.use_proof(back.id, undo()).await);
        assert_eq!((undone.email.as_str(), undone.is_verified), (old.as_str(), is_verified));
        assert_eq!((undone.password_hash.as_str(), undone.sessions_ended), ("nobody's", moved.sessions_ended + 2));
        assert_eq!(shop.use_proof(open.id, reset("theirs again")).await, Err(Refusal::ProofUnknown));
        assert_eq!(shop.use_proof(back.id, undo()).await, Err(Refusal::ProofUnknown));
        // In the same transaction, a proof for a new password goes to the old address.
        let fresh = shop.mailed(ProofPurpose::ResetPassword).await;
        assert_eq!((fresh.address.as_str(), fresh.account_id), (old.as_str(), Some(ada.id)));
        assert_eq!(granted(shop.use_proof(fresh.id, reset("own")).await).password_hash, "own");
    }
}

/// The last to hold an address cannot undo what the first has undone.
pub async fn undoing_the_first_change_ends_the_later_ones(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.register("a@example.com").await;
    let mut undos = vec![];
    for next in ["b@example.com", "c@example.com"] {
        let change = shop.move_to(&ada, next).await;
        granted(shop.use_proof(change.id, ProofUse::ChangeEmail).await);
        undos.push(shop.mailed(ProofPurpose::UndoEmail).await);
    }
    assert_eq!(granted(shop.use_proof(undos[0].id, undo()).await).email.as_str(), "a@example.com");
    assert_eq!(shop.use_proof(undos[1].id, undo()).await, Err(Refusal::ProofUnknown));
}

pub async fn nobody_else_gets_an_address_while_its_change_can_be_undone(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let (ada, bob) = (shop.register("ada@example.com").await, shop.register("bob@example.com").await);
    let change = shop.move_to(&ada, "new@example.com").await;
    let before = shop.move_to(&bob, "free@example.com").await;
    let ada = granted(shop.use_proof(change.id, ProofUse::ChangeEmail).await);
    let register = async || only(shop.storage.apply(shop.now(), &[newcomer("ADA@example.com", None)]).await);
    assert_eq!(register().await, Err(Refusal::EmailTaken));
    assert_eq!(shop.try_move(&bob, "ada@example.com").await, Err(Refusal::EmailTaken));
    assert!(shop.use_proof(before.id, ProofUse::ChangeEmail).await.is_ok());
    // The account itself may go back at any time.
    let back = shop.move_to(&ada, "ada@example.com").await;
    granted(shop.use_proof(back.id, ProofUse::ChangeEmail).await);
    let away = shop.move_to(&ada, "newer@example.com").await;
    granted(shop.use_proof(away.id, ProofUse::ChangeEmail).await);
    shop.wait(ProofPurpose::UndoEmail.lasts());
    assert!(register().await.is_ok());
}

pub async fn an_address_that_is_taken_meanwhile_is_refused(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.register("ada@example.com").await;
    let change = shop.move_to(&ada, "new@example.com").await;
    let other = shop.register("NEW@example.com").await;
    assert_eq!(shop.use_proof(change.id, ProofUse::ChangeEmail).await, Err(Refusal::EmailTaken));
    assert_eq!(shop.try_move(&ada, "new@example.com").await, Err(Refusal::EmailTaken));
    assert_eq!((shop.account_now(&ada).await, shop.account_now(&other).await), (ada.clone(), other));
    assert_eq!(shop.proof_now(&change).await, change, "it is as if it had not been tried");
    // In another case it is the account's own.
    let change = shop.move_to(&ada, "Ada@example.com").await;
    shop.owed().await;
    assert_eq!(granted(shop.use_proof(change.id, ProofUse::ChangeEmail).await).email.as_str(), "Ada@example.com");
    assert_eq!(shop.owed().await, [], "the mailbox is the same");
}

pub async fn proofs_are_kept_for_a_day_after_they_expire(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.register("ada@example.com").await;
    let (first, nobody) = (shop.forgotten("ada@example.com").await, shop.forgotten("nobody@example.com").await);
    let verify = shop.verification(&ada).await;
    shop.wait((first.expires_at + KEEP_PROOFS).duration_since(shop.now()) - MOMENT);
    assert_eq!(shop.storage.forget(&outdated(shop.now(), 10)).await.unwrap(), 0);
    shop.wait(MOMENT);
    assert_eq!(shop.storage.forget(&outdated(shop.now(), 1)).await.unwrap(), 1);
    assert_eq!(shop.storage.forget(&outdated(shop.now(), 10)).await.unwrap(), 1);
    for gone in [&first, &nobody] {
        assert_eq!(shop.storage.find(FindProof(gone.id)).await.unwrap(), None);
        assert_eq!(shop.use_proof(gone.id, reset("second")).await, Err(Refusal::ProofUnknown));
    }
    assert_eq!(shop.proof_now(&verify).await, verify);
    assert_eq!(shop.forgotten("ada@example.com").await.nth, 1);
}

pub async fn a_proof_used_eight_times_at_once_works_once(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    for round in 0..5 {
        let address = format!("ada-{round}@example.com");
        let ada = shop.register(&address).await;
        let proof = shop.forgotten(&address).await;
        let used = at_once(8, |call| {
            let (shop, id) = (Arc::clone(&shop), proof.id);
            async move { shop.use_proof(id, reset(&format!("of call {call}"))).await }
        });
        let used = used.await;
        let winners: Vec<&Account> = used.iter().filter_map(|outcome| outcome.as_ref().ok()).collect();
        assert_eq!(winners.len(), 1, "{used:?}");
        assert!(used.iter().all(|outcome| outcome.is_ok() || *outcome == Err(Refusal::ProofUnknown)));
        let after = shop.account_now(&ada).await;
        assert_eq!((&after, after.sessions_ended), (winners[0], ada.sessions_ended + 1));
        let notices = shop.owed().await.into_iter().filter(|mail| matches!(mail.kind, MailKind::PasswordChanged(_)));
        assert_eq!(notices.count(), 1);
    }
}

pub async fn of_two_resets_at_once_the_password_is_of_one_that_worked(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    for round in 0..5 {
        let address = format!("ada-{round}@example.com");
        let ada = shop.register(&address).await;
        // A reset, and a change by somebody who is logged in.
        let proof = shop.forgotten(&address).await;
        let done = at_once(2, |call| {
            let (shop, id, ada) = (Arc::clone(&shop), proof.id, ada.clone());
            async move {
                if call == 0 {
                    return shop.use_proof(id, reset("reset")).await.is_ok();
                }
                let change = AccountChange::NewPassword { seen: ada.password_hash.clone(), hash: "changed".to_owned() };
                let after = shop.storage.apply_one(shop.now(), ChangeAccount { id: ada.id, change }).await.unwrap();
                after.unwrap().password_hash == "changed"
            }
        });
        let done = done.await;
        let after = shop.account_now(&ada).await;
        assert_eq!(done.iter().filter(|done| **done).count(), 1, "{done:?}");
        assert_eq!(after.password_hash, if done[0] { "reset" } else { "changed" });
        assert_eq!(after.sessions_ended, ada.sessions_ended + 1);
    }
}

pub async fn an_address_that_is_registered_at_once_has_one_account(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    for round in 0..5 {
        let ada = shop.register(&format!("ada-{round}@example.com")).await;
        let wanted = format!("wanted-{round}@example.com");
        let change = shop.move_to(&ada, &wanted).await;
        let done = at_once(4, |call| {
            let (shop, id, wanted) = (Arc::clone(&shop), change.id, wanted.clone());
            async move {
                match call {
                    0 => shop.use_proof(id, ProofUse::ChangeEmail).await,
                    _ => only(shop.storage.apply(shop.now(), &[newcomer(&wanted, None)]).await),
                }
            }
        });
        let done = done.await;
        assert_eq!(done.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{done:?}");
        assert!(done.iter().all(|outcome| outcome.is_ok() || *outcome == Err(Refusal::EmailTaken)), "{done:?}");
        let owner = shop.storage.account(&AccountKey::Email(email(&wanted))).await.unwrap().unwrap();
        assert_eq!(owner.id == ada.id, done[0].is_ok());
    }
}

pub async fn eight_begun_at_once_stay_within_the_limit(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    for round in 0..4 {
        let known = shop.register(&format!("ada-{round}@example.com")).await;
        for address in [known.email.as_str(), &format!("nobody-{round}@example.com")] {
            let begun = at_once(8, |_| {
                let (shop, begin) = (Arc::clone(&shop), BeginProof::ResetPassword(email(address)));
                async move { shop.begin_proof(begin).await }
            });
            let begun = begun.await;
            let mut numbers: Vec<i64> = begun.iter().flatten().flatten().map(|proof| proof.nth).collect();
            numbers.sort_unstable();
            assert_eq!(numbers, [1, 2, 3], "{address}: {begun:?}");
            let refused = Err(Refusal::TooManyProofs { again_at: shop.now() + PROOF_WINDOW });
            assert_eq!(begun.iter().filter(|outcome| **outcome == refused).count(), 5);
        }
    }
}
