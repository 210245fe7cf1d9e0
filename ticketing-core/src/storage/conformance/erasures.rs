//! Erasing accounts, buyers, recipients of mails and bodies of webhooks.

use super::organisations::person;
use super::outbox::report;
use super::races::at_once;
use super::shop::{Shop, granted};
use super::webhooks;
use crate::domain::access::Permissions;
use crate::domain::account::{
    Account, AccountChange, AccountWants, AdministerAccount, CancelErasure, ChangeAccount, ERASURE_DELAY, EraseAccount,
    Erased, ErasureBlock, FindErasure, ListAuditOfAccount, ListDueErasures, PostponeErasure, RequestErasure, Role,
};
use crate::domain::api_key::FindApiKey;
use crate::domain::audit::Actor;
use crate::domain::event::Event;
use crate::domain::id::WebhookId;
use crate::domain::order::{Erasable, EraseBuyer, ListErasable, Order};
use crate::domain::organisation::{InviteMember, MemberEvents, MemberRole, MemberWants};
use crate::domain::outbox::{EraseRecipient, ListDeadMails, MailKind, MailResult, MailStatus, ResendMail};
use crate::domain::page::PageRequest;
use crate::domain::payment::{Attempt, AttemptStatus, CheckoutResult, Mode, Observation, Resolve, Verdict};
use crate::domain::principal::{Buyer, EmailAddress};
use crate::domain::proof::{self, BeginProof, FindProof, ProofPurpose, ProofUse};
use crate::domain::refund::{ClaimRefunds, RefundReport, RefundStatus};
use crate::domain::refusal::Refusal;
use crate::domain::scope::Scope;
use crate::domain::session::FindSession;
use crate::domain::webhook::{
    EmptyWebhook, ListWebhooksForReview, NewWebhook, StoredWebhook, WebhookAction, WebhookStatus,
};
use crate::storage::{Storage, StorageExt as _};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

const MOMENT: SignedDuration = SignedDuration::from_micros(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);
const ALL: MemberEvents = MemberEvents::All;

impl Shop {
    async fn ask_at(&self, account: &Account, at: Timestamp) -> Result<Option<Account>, Refusal> {
        let request = RequestErasure { id: account.id, seen: None, actor: person(account), at };
        self.storage.apply_one(self.now(), request).await.unwrap()
    }

    async fn ask(&self, account: &Account) -> Account {
        granted(self.ask_at(account, self.now()).await).expect("an account that is there")
    }

    async fn erase(&self, account: &Account) -> Erased {
        let address = self.stored(account).await.email;
        self.storage.apply_one(self.now(), EraseAccount { id: account.id, address }).await.unwrap()
    }

    async fn blocks(&self, account: &Account) -> Vec<ErasureBlock> {
        let find = FindErasure { id: account.id, now: self.now() };
        self.storage.find(find).await.unwrap().expect("an account that is there").1
    }

    async fn actions(&self, account: &Account) -> Vec<String> {
        let page = PageRequest { limit: 1000, ..PageRequest::default() };
        let lines = self.storage.find(ListAuditOfAccount { id: account.id, page }).await.unwrap().items;
        lines.into_iter().map(|line| line.action).collect()
    }

    async fn held_by(&self, account: &Account, event: &Event) -> Order {
        let mut hold = self.hold_request(event, 1);
        hold.buyer = Buyer { who: account.id.into(), email: Some(account.email.clone()) };
        granted(self.try_hold(&hold).await)
    }

    pub(super) async fn erasable(&self, which: Erasable) -> Vec<i64> {
        let list = ListErasable { which, from: 0, limit: 100 };
        self.storage.find(list).await.unwrap()
    }

    pub(super) async fn erase_buyer(&self, order: &Order) -> bool {
        self.storage.apply_one(self.now(), EraseBuyer { id: order.id }).await.unwrap()
    }

    /// A webhook about this attempt that has this status.
    async fn webhook(&self, about: Option<&Attempt>, status: WebhookStatus) -> StoredWebhook {
        let new = NewWebhook::new(
            "paystack",
            self.number().to_string(),
            "charge.success",
            WebhookAction::Settle,
            b"ada".to_vec(),
        );
        let new = new.with_reference(about.map(|attempt| attempt.reference.clone()));
        let (stored, _) = webhooks::receive(self, &new).await;
        assert!(webhooks::claim(self).await.iter().any(|webhook| webhook.id == stored.id));
        webhooks::report(self, stored.id, status).await.expect("a webhook that is there")
    }
}

pub async fn an_erasure_is_asked_for_told_and_cancelled(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.verified("ada@example.com").await;
    let at = shop.now() + ERASURE_DELAY;
    let request = |seen: &str, at| RequestErasure { id: ada.id, seen: Some(seen.to_owned()), actor: person(&ada), at };
    assert_eq!(
        shop.storage.apply_one(shop.now(), request("$argon2id$old", at)).await.unwrap(),
        Ok(None),
        "not the password"
    );
    assert_eq!(shop.stored(&ada).await, ada);
    let asked = shop.storage.apply_one(shop.now(), request(&ada.password_hash, at)).await.unwrap();
    assert_eq!(asked, Ok(Some(Account { erase_at: Some(at), ..ada.clone() })));
    shop.wait(MOMENT);
    assert_eq!(shop.ask_at(&ada, at + DAY).await, asked, "a repeat keeps the first time");
    let mails = shop.storage.find(ListErasable { which: Erasable::MailsOf(ada.id), from: 0, limit: 10 }).await.unwrap();
    assert_eq!(mails.len(), 1);
    let mail = shop.storage.mail(mails[0].into()).await.unwrap().unwrap();
    assert_eq!((&mail.to, mail.kind), (&ada.email, MailKind::ErasureRequested(at.as_second())));

    let cancel = CancelErasure { id: ada.id, actor: person(&ada) };
    for _ in 0..2 {
        let kept = shop.storage.apply_one(shop.now(), cancel.clone()).await.unwrap();
        assert_eq!(kept, Some(ada.clone()));
    }
    assert_eq!(shop.actions(&ada).await, ["account.erasure_requested", "account.erasure_cancelled"]);
    shop.wait(ERASURE_DELAY);
    assert_eq!(shop.storage.find(ListDueErasures { now: shop.now(), limit: 10 }).await.unwrap(), []);
    assert_eq!(shop.erase(&ada).await, Erased::NotDue);
    let nobody = RequestErasure { id: 999_999.into(), seen: None, actor: Actor::Operator, at };
    assert_eq!(shop.storage.apply_one(shop.now(), nobody).await.unwrap(), Ok(None));
    let unproved = shop.register("squatted@example.com").await;
    granted(shop.ask_at(&unproved, at + DAY).await);
    assert_eq!(shop.erasable(Erasable::MailsOf(unproved.id)).await, [] as [i64; 0], "its address may be a stranger's");
}

pub async fn an_erased_account_keeps_nothing_but_its_id(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.verified("ada@example.com").await;
    let bola = shop.verified("bola@example.com").await;
    let band = shop.found(&bola).await;
    granted(shop.set(&Actor::Operator, band.id, ada.id, MemberWants::Member(MemberRole::Manager, ALL)).await);
    let session = shop.log_in(&ada, Some("Ada's phone")).await;
    let key = granted(shop.make(shop.key_of(&ada, Permissions::ALL)).await);
    let forgotten = BeginProof::ResetPassword(ada.email.clone());
    let proof = granted(shop.begin_proof(forgotten).await).unwrap();

    let later = shop.now() + ERASURE_DELAY;
    granted(shop.ask_at(&ada, later).await);
    shop.wait(ERASURE_DELAY - MOMENT);
    assert_eq!(shop.erase(&ada).await, Erased::NotDue);
    shop.wait(MOMENT);
    let due = shop.storage.find(ListDueErasures { now: shop.now(), limit: 10 }).await.unwrap();
    assert_eq!(due.iter().map(|account| account.id).collect::<Vec<_>>(), [ada.id]);
    assert_eq!(shop.erase(&ada).await, Erased::Done);

    let left = shop.stored(&ada).await;
    assert_eq!(left.email.as_str(), format!("erased-{}@erased.invalid", ada.id));
    assert!(left.email.is_erased());
    assert_eq!((left.name.as_str(), left.password_hash.as_str()), ("erased", ""));
    assert_eq!((&left.username, &left.phone, &left.disabled_reason), (&None, &None, &None));
    assert!(!left.is_active && !left.is_verified && left.memberships.is_empty());
    assert_eq!((left.role, left.erased_at, left.updated_at), (Role::Member, Some(shop.now()), shop.now()));
    let (session, _) = shop.storage.find(FindSession(session.id)).await.unwrap().unwrap();
    assert!(session.client.is_none() && session.ended_at.is_some() && !session.is_open(&left));
    let (key, _) = shop.storage.find(FindApiKey(key.id)).await.unwrap().unwrap();
    assert_eq!((key.name.as_str(), key.revoked_at), ("erased", Some(shop.now())));
    shop.storage.forget(&proof::outdated(shop.now(), 100)).await.unwrap();
    assert_eq!(shop.storage.find(FindProof(proof.id)).await.unwrap(), None, "its address is in no proof");
    assert_eq!(
        shop.actions(&ada).await.last_chunk(),
        Some(&["member.removed".to_owned(), "api_key.revoked".to_owned(), "account.erased".to_owned()])
    );

    for wants in [AccountWants::default().with_is_active(true), AccountWants::default().with_role(Role::Admin)] {
        let revive = AdministerAccount { id: ada.id, actor: Actor::Operator, wants };
        assert_eq!(shop.storage.apply_one(shop.now(), revive).await.unwrap(), Ok(None));
    }
    assert_eq!(shop.ask_at(&ada, shop.now()).await, Ok(None));
    let another = shop.register("ada@example.com").await;
    assert_ne!(another.id, ada.id, "the address is free");
    assert_eq!(shop.blocks(&ada).await, []);
}

pub async fn an_account_whose_address_was_never_verified_leaves_the_proofs_of_its_owner(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let (bola, squatter) = (shop.verified("bola@example.com").await, shop.register("victim@example.com").await);
    let band = shop.found(&bola).await;
    let invite = InviteMember {
        organisation_id: band.id,
        address: squatter.email.clone(),
        actor: person(&bola),
        role: MemberRole::Door,
        events: ALL,
    };
    let invitation = granted(shop.storage.apply_one(shop.now(), invite).await.unwrap());
    shop.ask(&squatter).await;
    assert_eq!(shop.erase(&squatter).await, Erased::Done);
    let (kept, _) = shop.storage.find(FindProof(invitation.id)).await.unwrap().unwrap();
    assert_eq!(kept, invitation);
}

pub async fn what_is_left_of_an_account_is_looked_for_for_a_day(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.register("ada@example.com").await;
    shop.ask(&ada).await;
    assert_eq!(shop.erase(&ada).await, Erased::Done);
    let mut looks = 0;
    while let Some(at) = shop.stored(&ada).await.erase_at {
        assert!(at > shop.now());
        shop.wait(at.duration_since(shop.now()));
        assert_eq!(shop.erase(&ada).await, Erased::Done);
        looks += 1;
    }
    assert_eq!(looks, 25);
    assert_eq!(shop.storage.find(ListDueErasures { now: shop.now() + DAY, limit: 10 }).await.unwrap(), []);
    assert_eq!(shop.actions(&ada).await, ["account.erasure_requested", "account.erased"]);
}

pub async fn what_needs_the_person_stands_in_the_way(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.register("ada@example.com").await;
    let event = shop.event().create().await;
    let blocked = async |by: &[ErasureBlock]| {
        assert_eq!(shop.blocks(&ada).await, by);
        let expected = by.first().map_or_else(|| Ok(()), |by| Err(Refusal::ErasureBlocked { by: *by }));
        assert_eq!(shop.ask_at(&ada, shop.now() + ERASURE_DELAY).await.map(drop), expected);
        shop.storage.apply_one(shop.now(), CancelErasure { id: ada.id, actor: Actor::Operator }).await.unwrap();
    };
    blocked(&[]).await;
    let order = shop.held_by(&ada, &event).await;
    blocked(&[ErasureBlock::Payments]).await;
    let attempt = shop.attempt(&order).await;
    shop.let_expire(&order).await;
    blocked(&[ErasureBlock::Payments]).await;
    shop.pay(&attempt).await;
    shop.wait(MOMENT);
    blocked(&[]).await;
    let request = shop.refund_of(&order, &[]);
    granted(shop.refund(&request).await);
    blocked(&[ErasureBlock::Refunds]).await;
    let claimed = shop.storage.apply_one(shop.now(), ClaimRefunds { lease: DAY, limit: 10 }).await.unwrap();
    let done = RefundReport {
        id: claimed[0].id,
        tries: 1,
        status: RefundStatus::Processed,
        gateway_id: None,
        raw_status: "processed".to_owned(),
    };
    granted(shop.storage.apply_one(shop.now(), done).await.unwrap());
    blocked(&[]).await;
    let disputed = shop.settle_order(&shop.held_by(&ada, &event).await).await;
    shop.observe(&disputed.attempt, Observation::Disputed).await;
    blocked(&[ErasureBlock::Disputes]).await;

    let bola = shop.register("bola@example.com").await;
    let own = shop.event().organizer(&bola.id.into()).create().await;
    assert_eq!(shop.blocks(&bola).await, [ErasureBlock::Events]);
    shop.cancel_event(&own).await;
    assert_eq!(shop.blocks(&bola).await, [], "nobody has bought");
    let own = shop.event().organizer(&bola.id.into()).create().await;
    shop.buy(&own, 1).await;
    shop.cancel_event(&own).await;
    assert_eq!(shop.blocks(&bola).await, [ErasureBlock::Events], "the buyer has not got the money back");
    shop.undo(100).await;
    assert_eq!(shop.blocks(&bola).await, []);
    let own = shop.event().organizer(&bola.id.into()).ending_in(SignedDuration::from_hours(31 * 24)).create().await;
    shop.buy(&own, 1).await;
    shop.wait(SignedDuration::from_hours(31 * 24) - MOMENT);
    assert_eq!(shop.blocks(&bola).await, [ErasureBlock::Events]);
    shop.wait(MOMENT);
    assert_eq!(shop.blocks(&bola).await, [], "the event is over");
}

pub async fn an_owner_leaves_others_an_owner(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.verified("ada@example.com").await;
    let band = shop.found(&ada).await;
    assert_eq!(shop.blocks(&ada).await, [], "nobody else is left behind");
    let event = shop.event().organizer(&band.id.into()).create().await;
    assert_eq!(shop.blocks(&ada).await, [ErasureBlock::Events]);
    let bola = shop.member(&band, MemberRole::Viewer, ALL).await;
    assert_eq!(shop.blocks(&ada).await, [ErasureBlock::Organisations]);
    granted(shop.set(&Actor::Operator, band.id, bola.id, MemberWants::Member(MemberRole::Owner, ALL)).await);
    assert_eq!(shop.blocks(&ada).await, []);
    shop.ask(&ada).await;
    assert_eq!(shop.erase(&ada).await, Erased::Done);
    assert_eq!(shop.members(&band).await, [(bola.id, MemberRole::Owner)]);

    assert_eq!(shop.blocks(&bola).await, [ErasureBlock::Events]);
    shop.cancel_event(&event).await;
    shop.ask(&bola).await;
    assert_eq!(shop.erase(&bola).await, Erased::Done);
    assert_eq!(shop.members(&band).await, [(bola.id, MemberRole::Owner)], "an organisation has an owner");
    let names = shop.storage.find(crate::domain::organisation::FindOrganisations(vec![band.id])).await.unwrap();
    assert_eq!(names.iter().map(|of| of.name.as_str()).collect::<Vec<_>>(), ["erased"]);
}

pub async fn a_blocked_erasure_is_tried_again_a_day_later(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.register("ada@example.com").await;
    let event = shop.event().create().await;
    granted(shop.ask_at(&ada, shop.now() + DAY).await);
    shop.wait(DAY);
    let order = shop.held_by(&ada, &event).await;
    assert_eq!(shop.erase(&ada).await, Erased::Blocked(vec![ErasureBlock::Payments]));
    let left = shop.stored(&ada).await;
    assert_eq!(left, Account { erase_at: Some(shop.now() + DAY), ..ada.clone() }, "nothing was erased");
    assert_eq!(shop.erase(&ada).await, Erased::NotDue);
    granted(shop.release(&order).await);
    shop.wait(DAY);
    assert_eq!(shop.erase(&ada).await, Erased::Done);
}

pub async fn a_buyer_is_erased_once_the_order_is_finished(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let held = shop.hold(&event, 1).await;
    assert!(!shop.erase_buyer(&held).await, "held");
    let attempt = shop.attempt(&held).await;
    let one = super::till::paid(super::shop::ngn(1), Mode::Test);
    shop.observe(&attempt, Observation::Success(one)).await;
    assert!(!shop.erase_buyer(&held).await, "a person shall decide");
    let resolve = Resolve {
        reference: attempt.reference.clone(),
        verdict: Verdict::Accept,
        tickets: vec![],
        note: "Ada called".to_owned(),
        actor: shop.organizer.clone(),
        scope: Scope::all(),
        seed: shop.seed(),
    };
    granted(shop.storage.apply_one(shop.now(), resolve).await.unwrap());
    assert_eq!(shop.attempt_now(&attempt).await.note.as_deref(), Some("Ada called"));
    let applied = shop.webhook(Some(&attempt), WebhookStatus::Applied).await;
    let strange = shop.webhook(Some(&attempt), WebhookStatus::Quarantined).await;
    let mail = shop.claim_mails(1).await.remove(0);
    report(&shop, &mail, MailResult::Retry("ada@example.com is full".to_owned())).await;

    let before = shop.payment(&held).await;
    assert!(shop.erase_buyer(&held).await);
    let after = shop.payment(&held).await;
    assert_eq!(after.order.buyer, Buyer { who: held.buyer.who.clone(), email: Some(EmailAddress::erased()) });
    assert_eq!(
        (&after.order.lines, after.order.total, after.order.status),
        (&before.order.lines, before.order.total, before.order.status)
    );
    assert_eq!(after.tickets, before.tickets);
    assert_eq!(after.attempts[0].note, None);
    assert_eq!(after.attempts[0].captured, before.attempts[0].captured);
    let mails = shop.mails(&held).await;
    assert_eq!(mails.len(), 1);
    assert_eq!(
        (&mails[0].to, mails[0].status, &mails[0].last_error),
        (&EmailAddress::erased(), MailStatus::Dead, &None)
    );
    assert_eq!(after.audit.iter().filter(|line| line.action == "order.buyer_erased").count(), 1);
    assert!(after.audit.iter().all(|line| !line.reason.contains("Ada")), "{:?}", after.audit);
    let listed = shop.storage.find(ListWebhooksForReview { page: PageRequest::default() }).await.unwrap().items;
    assert_eq!(
        listed.iter().map(|of| (of.id, of.event.body.as_slice())).collect::<Vec<_>>(),
        [(strange.id, b"ada".as_slice())]
    );
    let again = NewWebhook { body: vec![], ..applied.event.clone() };
    let (stored, is_new) = shop.storage.apply_one(shop.now(), again).await.unwrap();
    assert_eq!((stored.id, is_new, stored.event.body.len()), (applied.id, false, 0), "recognised, and empty");
    assert!(!shop.erase_buyer(&held).await, "a repeat changes nothing");

    granted(shop.scan(&shop.scan_of(&after.tickets[0], "at the door")).await);
    let request = shop.refund_of(&held, &[]);
    granted(shop.refund(&request).await);
    assert!(shop.mails(&held).await.iter().all(|mail| mail.to.is_erased()), "later mails go nowhere");
    let unnamed = shop.hold(&event, 1).await;
    shop.release(&unnamed).await.unwrap();
    assert!(shop.erase_buyer(&unnamed).await, "what came to nothing too");
}

pub async fn a_buyer_whose_money_moves_is_left_alone(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 1).await;
    let request = shop.refund_of(&bought.order, &[]);
    granted(shop.refund(&request).await);
    assert!(!shop.erase_buyer(&bought.order).await, "a refund is due");
    let disputed = shop.buy(&event, 1).await;
    shop.observe(&disputed.attempt, Observation::Disputed).await;
    assert!(!shop.erase_buyer(&disputed.order).await, "disputed");
    let late = shop.hold(&event, 1).await;
    let attempt = shop.attempt(&late).await;
    shop.let_expire(&late).await;
    assert!(!shop.erase_buyer(&late).await, "the payment may still come");
    shop.observe(&attempt, Observation::Failed).await;
    assert!(!shop.erase_buyer(&late).await, "it may still succeed");
}

pub async fn money_that_comes_for_an_erased_buyer_goes_back(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let order = shop.hold(&event, 1).await;
    let attempt = shop.created(&order).await;
    let failed = CheckoutResult::NotOpened { reason: "no network".to_owned(), release: false };
    shop.report_checkout(&attempt, failed).await.unwrap();
    shop.let_expire(&order).await;
    assert!(shop.erase_buyer(&order).await, "nothing was opened");
    shop.pay(&attempt).await;
    let payment = shop.payment(&order).await;
    assert_eq!((payment.tickets.len(), payment.refunds.len()), (0, 1), "there is nobody to send tickets to");
    assert_eq!(payment.attempts[0].status, AttemptStatus::RefundDue);
    assert!(!shop.erase_buyer(&order).await, "the money is on its way");
}

pub async fn who_proves_the_address_cancels_an_erasure(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let later = shop.now() + ERASURE_DELAY;
    let is_asked = async |account: &Account| shop.stored(account).await.erase_at.is_some();
    // Somebody has registered the address of somebody else, who takes it over.
    let squatted = shop.register("victim@example.com").await;
    granted(shop.ask_at(&squatted, later).await);
    let begin = BeginProof::ResetPassword(squatted.email.clone());
    let proof = granted(shop.begin_proof(begin).await).unwrap();
    let to = ProofUse::ResetPassword { hash: "$argon2id$new".to_owned() };
    granted(shop.use_proof(proof.id, to).await);
    assert!(!is_asked(&squatted).await);
    assert_eq!(shop.actions(&squatted).await, ["account.erasure_requested", "account.erasure_cancelled"]);
    // Somebody has changed the address, and the owner gets it back.
    let owner = shop.verified("owner@example.com").await;
    let moved = shop.move_to(&owner, "thief@example.com").await;
    granted(shop.use_proof(moved.id, ProofUse::ChangeEmail).await);
    granted(shop.ask_at(&owner, later).await);
    let undo = shop.mailed(ProofPurpose::UndoEmail).await;
    granted(shop.use_proof(undo.id, ProofUse::UndoEmail { hash: "nobody's".to_owned() }).await);
    assert!(!is_asked(&owner).await);
    let verified = shop.register("verifies@example.com").await;
    granted(shop.ask_at(&verified, later).await);
    let verify = ChangeAccount { id: verified.id, change: AccountChange::Verified };
    shop.storage.apply_one(shop.now(), verify.clone()).await.unwrap();
    assert!(!is_asked(&verified).await);
    // It was verified already: nothing is new.
    granted(shop.ask_at(&verified, later).await);
    shop.storage.apply_one(shop.now(), verify).await.unwrap();
    assert!(is_asked(&verified).await);
    let off = AccountWants::default().with_is_active(false);
    let disable = AdministerAccount { id: verified.id, actor: Actor::Operator, wants: off };
    granted(shop.storage.apply_one(shop.now(), disable).await.unwrap());
    assert!(!is_asked(&verified).await, "who is stopped does not get rid of what is known of them");
}

pub async fn once_its_time_has_come_nothing_cancels_an_erasure(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.register("ada@example.com").await;
    shop.ask(&ada).await;
    let cancel = CancelErasure { id: ada.id, actor: person(&ada) };
    assert_eq!(shop.storage.apply_one(shop.now(), cancel.clone()).await.unwrap(), None);
    shop.storage.apply_one(shop.now(), PostponeErasure { id: ada.id, to: shop.now() + DAY }).await.unwrap();
    assert_eq!(shop.stored(&ada).await.erase_at, Some(shop.now() + DAY));
    shop.storage.apply_one(shop.now(), PostponeErasure { id: ada.id, to: shop.now() }).await.unwrap();
    assert_eq!(shop.stored(&ada).await.erase_at, Some(shop.now() + DAY), "it never comes earlier by that");
    assert!(shop.storage.apply_one(shop.now(), cancel).await.unwrap().is_some());
    shop.ask(&ada).await;
    let elsewhere = EraseAccount { id: ada.id, address: "moved@example.com".parse().unwrap() };
    assert_eq!(shop.storage.apply_one(shop.now(), elsewhere).await.unwrap(), Erased::NotDue);
    assert_eq!(shop.erase(&ada).await, Erased::Done);
}

pub async fn a_mail_whose_recipient_was_erased_goes_to_the_buyer_again(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 1).await;
    let mail = shop.claim_mails(1).await.remove(0);
    report(&shop, &mail, MailResult::Sent).await;
    assert!(shop.storage.apply_one(shop.now(), EraseRecipient { id: mail.id, gives_up: false }).await.unwrap());
    shop.wait(DAY);
    let again = granted(shop.storage.apply_one(shop.now(), ResendMail { id: mail.id }).await.unwrap()).unwrap();
    assert_eq!((Some(&again.to), again.status), (bought.order.buyer.email.as_ref(), MailStatus::Waiting));
    assert!(shop.erase_buyer(&bought.order).await);
    let gone = shop.storage.apply_one(shop.now(), ResendMail { id: mail.id }).await.unwrap();
    assert_eq!(gone, Ok(None), "there is nobody to send it to");
    let dead = ListDeadMails { scope: Scope::all(), page: PageRequest::default() };
    assert_eq!(shop.storage.find(dead).await.unwrap().items, [], "nor is there anything to do about it");
    assert_eq!(shop.storage.gauges().await.unwrap().mails_dead, 0);
}

pub async fn what_is_erasable_is_listed_in_slices(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.register("Ada@example.com").await;
    let event = shop.event().ending_in(SignedDuration::from_hours(31 * 24)).create().await;
    let mut orders = vec![];
    for _ in 0..3 {
        orders.push(shop.settle_order(&shop.held_by(&ada, &event).await).await.order);
    }
    shop.held_by(&ada, &event).await;
    let other = shop.buy(&event, 1).await.order;
    let of_ada = Erasable::OrdersOf(ada.id.into());
    let ids: Vec<i64> = orders.iter().map(|order| order.id.0).collect();
    assert_eq!(shop.erasable(of_ada.clone()).await, ids, "and not what is held");
    let slice = |from, limit| ListErasable { which: of_ada.clone(), from, limit };
    assert_eq!(shop.storage.find(slice(0, 2)).await.unwrap(), ids[..2]);
    assert_eq!(shop.storage.find(slice(ids[1] + 1, 2)).await.unwrap(), ids[2..]);
    assert!(shop.erase_buyer(&orders[0]).await);
    assert_eq!(shop.erasable(of_ada).await, ids[1..]);
    assert_eq!(shop.erasable(Erasable::AllOrdersOf(ada.id.into())).await, ids, "something may have been written since");
    let to_ada = Erasable::OrdersTo(vec!["ada@example.com".to_owned()]);
    assert_eq!(
        shop.erasable(to_ada).await,
        [&ids[1..], &[other.id.0]].concat(),
        "in any case, of all who have ordered"
    );
    assert_eq!(shop.erasable(Erasable::OrdersOf(other.buyer.who.clone())).await, [other.id.0]);

    let mails = shop.mails(&orders[1]).await;
    assert_eq!(shop.erasable(Erasable::MailsTo(vec!["ada@example.com".to_owned()])).await.len(), 3);
    assert_eq!(shop.erasable(Erasable::MailsBefore(shop.now())).await, [] as [i64; 0], "they wait");
    let claimed = shop.claim_mails(10).await;
    for mail in &claimed {
        report(&shop, mail, MailResult::Sent).await;
    }
    assert_eq!(shop.erasable(Erasable::MailsBefore(shop.now() - MOMENT)).await, [] as [i64; 0]);
    assert!(shop.erasable(Erasable::MailsBefore(shop.now())).await.contains(&mails[0].id.0));

    let before_end = shop.event_now(&event).await.ends_at.unwrap() - MOMENT;
    assert_eq!(shop.erasable(Erasable::OrdersForEventsBefore(before_end)).await, [] as [i64; 0]);
    let at_end = Erasable::OrdersForEventsBefore(before_end + MOMENT);
    assert_eq!(shop.erasable(at_end).await, [&ids[1..], &[other.id.0]].concat());

    let applied = shop.webhook(None, WebhookStatus::Applied).await;
    shop.webhook(None, WebhookStatus::Quarantined).await;
    assert_eq!(shop.erasable(Erasable::WebhooksBefore(shop.now() - MOMENT)).await, [] as [i64; 0]);
    assert_eq!(shop.erasable(Erasable::WebhooksBefore(shop.now())).await, [applied.id.0]);
    let empty = |id: WebhookId| EmptyWebhook(id);
    assert!(shop.storage.apply_one(shop.now(), empty(applied.id)).await.unwrap());
    assert!(!shop.storage.apply_one(shop.now(), empty(applied.id)).await.unwrap(), "a repeat changes nothing");
    assert_eq!(shop.erasable(Erasable::WebhooksBefore(shop.now())).await, [] as [i64; 0]);
}

pub async fn a_mail_that_waits_is_erased_only_if_it_is_given_up(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let erase = async |id, gives_up| shop.storage.apply_one(shop.now(), EraseRecipient { id, gives_up }).await.unwrap();
    let ordered = shop.mails(&shop.buy(&event, 1).await.order).await.remove(0);
    assert!(!erase(ordered.id, true).await, "whether it is still wanted, its order says");
    let ada = shop.register("ada@example.com").await;
    granted(shop.begin_proof(BeginProof::VerifyEmail(ada.id)).await);
    let mail = shop.erasable(Erasable::MailsOf(ada.id)).await.remove(0).into();
    assert!(!erase(mail, false).await);
    assert!(erase(mail, true).await);
    assert!(!erase(mail, true).await, "a repeat changes nothing");
    assert_eq!(shop.claim_mails(10).await.iter().map(|mail| mail.id).collect::<Vec<_>>(), [ordered.id]);
    let claimed = shop.storage.mail(ordered.id).await.unwrap().unwrap();
    report(&shop, &claimed, MailResult::Sent).await;
    assert!(erase(ordered.id, false).await);
    let left = shop.storage.mail(ordered.id).await.unwrap().unwrap();
    assert_eq!((left.status, left.to), (MailStatus::Sent, EmailAddress::erased()));
}

pub async fn an_account_erased_eight_times_at_once_is_erased_once(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    for round in 0..4 {
        let ada = shop.verified(&format!("ada-{round}@example.com")).await;
        shop.ask(&ada).await;
        let outcomes = at_once(8, |_| {
            let (shop, erase) = (Arc::clone(&shop), EraseAccount { id: ada.id, address: ada.email.clone() });
            async move { shop.storage.apply_one(shop.now(), erase).await.unwrap() }
        });
        assert!(outcomes.await.iter().all(|outcome| *outcome == Erased::Done));
        assert_eq!(shop.actions(&ada).await, ["account.erasure_requested", "account.erased"]);
    }
}

pub async fn of_administrators_who_are_erased_at_once_one_stays(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let mut admins = vec![];
    for number in 0..4 {
        let account = shop.register(&format!("admin-{number}@example.com")).await;
        let wants = AccountWants::default().with_role(Role::Admin);
        let promote = AdministerAccount { id: account.id, actor: Actor::Operator, wants };
        granted(shop.storage.apply_one(shop.now(), promote).await.unwrap());
        admins.push(account);
    }
    for admin in &admins {
        shop.ask(admin).await;
    }
    let outcomes = at_once(admins.len(), |index| {
        let erase = EraseAccount { id: admins[index].id, address: admins[index].email.clone() };
        let shop = Arc::clone(&shop);
        async move { shop.storage.apply_one(shop.now(), erase).await.unwrap() }
    });
    let outcomes = outcomes.await;
    let stay = outcomes.iter().filter(|outcome| **outcome == Erased::Blocked(vec![ErasureBlock::LastAdmin]));
    assert_eq!(stay.count(), 1, "{outcomes:?}");
}

pub async fn of_an_erasure_and_a_payment_at_once_the_payment_is_told(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    for _ in 0..8 {
        let order = shop.hold(&event, 1).await;
        let attempt = shop.attempt(&order).await;
        at_once(2, |index| {
            let (shop, attempt, order) = (Arc::clone(&shop), attempt.clone(), order.clone());
            async move {
                match index {
                    0 => drop(shop.pay(&attempt).await),
                    _ => drop(shop.erase_buyer(&order).await),
                }
            }
        })
        .await;
        let (order, mails) = (shop.order_now(&order).await, shop.mails(&order).await);
        assert_eq!(mails.len(), 1);
        assert_eq!(Some(&mails[0].to), order.buyer.email.as_ref(), "both or none");
    }
}
