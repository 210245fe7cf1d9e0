use super::shop::{Shop, external, granted};
use super::till::LEASE;
use crate::domain::id::MailId;
use crate::domain::order::OrderKey;
use crate::domain::outbox::ResendMail;
use crate::domain::outbox::{MAX_TRIES, MailReport, MailResult, MailStatus, OutboxMail, RESEND_AFTER, backoff};
use crate::domain::page::{Page, PageRequest};
use crate::domain::refusal::Refusal;
use crate::domain::scope::Scope;
use crate::storage::Storage;
use crate::storage::StorageExt as _;
use jiff::SignedDuration;
use std::sync::Arc;

pub(super) async fn report(shop: &Shop, mail: &OutboxMail, result: MailResult) -> OutboxMail {
    let report = MailReport { id: mail.id, tries: mail.tries, result };
    shop.storage.apply(shop.now(), &[report]).await.unwrap().remove(0).unwrap()
}

fn ids(mails: &[OutboxMail]) -> Vec<MailId> {
    mails.iter().map(|mail| mail.id).collect()
}

pub async fn a_mail_is_queued_with_the_change_that_it_reports(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 1).await;
    let mails = shop.mails(&bought.order).await;
    assert_eq!(mails.len(), 1);
    assert_eq!((Some(&mails[0].to), mails[0].subject), (bought.order.buyer.email.as_ref(), bought.order.id.into()));
    assert_eq!((mails[0].status, mails[0].tries, mails[0].due_at), (MailStatus::Waiting, 0, shop.now()));
    let by_reference = OrderKey::Reference(bought.order.reference.clone());
    assert_eq!(shop.storage.mails(&by_reference).await.unwrap(), mails);
    assert_eq!(shop.storage.mails(&OrderKey::Reference(shop.reference())).await.unwrap(), []);
    assert_eq!(shop.mails(&shop.hold(&event, 1).await).await, [], "a hold sends no mail");
}

pub async fn a_claimed_mail_belongs_to_one_worker_until_the_lease_ends(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let mut owed = Vec::new();
    for _ in 0..3 {
        let bought = shop.buy(&event, 1).await;
        owed.push(shop.mails(&bought.order).await.remove(0).id);
        shop.wait(SignedDuration::from_micros(1));
    }
    assert_eq!(shop.claim_mails(0).await, []);
    let claimed = shop.claim_mails(2).await;
    assert_eq!(ids(&claimed), owed[..2], "the longest overdue first");
    assert!(claimed.iter().all(|mail| mail.tries == 1 && mail.due_at == shop.now() + LEASE));
    assert_eq!(ids(&shop.claim_mails(10).await), owed[2..]);
    shop.wait(LEASE - SignedDuration::from_micros(1));
    assert_eq!(shop.claim_mails(10).await, []);
    shop.wait(SignedDuration::from_micros(1));
    let again = shop.claim_mails(10).await;
    assert_eq!(ids(&again), owed, "mails that a crashed worker had claimed are claimed again");
    assert!(again.iter().all(|mail| mail.tries == 2));
}

pub async fn a_mail_that_was_sent_is_not_sent_again(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 1).await;
    let mail = shop.claim_mails(1).await.remove(0);
    let sent = report(&shop, &mail, MailResult::Sent).await;
    assert_eq!((sent.status, sent.tries), (MailStatus::Sent, 1));
    shop.wait(SignedDuration::from_hours(24 * 365));
    assert_eq!(shop.claim_mails(10).await, []);
    for later in [MailResult::Retry("no".to_owned()), MailResult::Refused("no".to_owned()), MailResult::Sent] {
        assert_eq!(report(&shop, &mail, later).await, sent);
    }
    assert_eq!(shop.mails(&bought.order).await, [sent]);
    let nobody = MailReport { id: MailId(mail.id.0 + 1), tries: 1, result: MailResult::Sent };
    assert_eq!(shop.storage.apply(shop.now(), &[nobody]).await.unwrap(), [None]);
}

pub async fn a_stale_report_changes_nothing_unless_the_mail_was_sent_by_it(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    shop.buy(&event, 1).await;
    let first = shop.claim_mails(1).await.remove(0);
    shop.wait(LEASE);
    let second = shop.claim_mails(1).await.remove(0);
    assert_eq!(report(&shop, &first, MailResult::Retry("too late".to_owned())).await, second);
    assert_eq!(report(&shop, &first, MailResult::Refused("too late".to_owned())).await, second);
    assert_eq!(report(&shop, &first, MailResult::Sent).await.status, MailStatus::Sent, "it was sent, by either try");
    assert_eq!(report(&shop, &second, MailResult::Retry("and".to_owned())).await.status, MailStatus::Sent);
}

pub async fn a_mail_is_retried_with_backoff_and_given_up_in_the_end(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 1).await;
    for tries in 1..=MAX_TRIES {
        let mail = shop.claim_mails(1).await.remove(0);
        assert_eq!(mail.tries, tries);
        let waiting = report(&shop, &mail, MailResult::Retry(format!("451 '{tries}'"))).await;
        assert_eq!(waiting.last_error, Some(format!("451 '{tries}'")));
        if tries < MAX_TRIES {
            assert_eq!((waiting.status, waiting.due_at), (MailStatus::Waiting, shop.now() + backoff(tries)));
            shop.wait(backoff(tries) - SignedDuration::from_micros(1));
            assert_eq!(shop.claim_mails(10).await, []);
            shop.wait(SignedDuration::from_micros(1));
        } else {
            assert_eq!(waiting.status, MailStatus::Dead);
        }
    }
    shop.wait(SignedDuration::from_hours(24 * 365));
    assert_eq!(shop.claim_mails(10).await, []);
    let dead = shop.mails(&bought.order).await.remove(0);

    // A person has it sent again.
    let again = shop.storage.apply_one(shop.now(), ResendMail { id: dead.id }).await.unwrap();
    let again = granted(again).unwrap();
    assert_eq!((again.id, again.status, again.tries), (dead.id, MailStatus::Waiting, 0));
    assert_eq!(ids(&shop.claim_mails(10).await), [dead.id]);
}

pub async fn a_permanently_refused_mail_is_not_retried(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    shop.buy(&event, 1).await;
    let mail = shop.claim_mails(1).await.remove(0);
    let dead = report(&shop, &mail, MailResult::Refused("550".to_owned())).await;
    assert_eq!((dead.status, dead.last_error.as_deref()), (MailStatus::Dead, Some("550")));
    shop.wait(SignedDuration::from_hours(24 * 365));
    assert_eq!(shop.claim_mails(10).await, []);
}

pub async fn mails_that_were_given_up_are_listed_by_organiser_the_oldest_first(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let (ours, theirs) = (external("ours"), external("theirs"));
    let mut dead = Vec::new();
    for organizer in [&ours, &theirs, &ours, &ours] {
        let event = shop.event().organizer(organizer).create().await;
        shop.buy(&event, 1).await;
        let mail = shop.claim_mails(1).await.remove(0);
        dead.push(report(&shop, &mail, MailResult::Refused("550".to_owned())).await);
        assert_eq!(shop.storage.mail(mail.id).await.unwrap().as_ref(), dead.last());
    }
    let event = shop.event().organizer(&ours).create().await;
    shop.buy(&event, 1).await;
    let list = async |scope: Scope, skip, limit| {
        let page = PageRequest { skip, limit, count: true };
        shop.storage.dead_mails(&scope, page).await.unwrap()
    };
    let page = |of: &[usize], more, total| {
        let items = of.iter().map(|index| dead[*index].clone()).collect();
        Page { items, more, total: Some(total) }
    };
    assert_eq!(list(Scope::all(), 0, 10).await, page(&[0, 1, 2, 3], false, 4));
    assert_eq!(list(Scope::own(&ours), 0, 10).await, page(&[0, 2, 3], false, 3));
    assert_eq!(list(Scope::own(&ours), 1, 1).await, page(&[2], true, 3));
    assert_eq!(list(Scope::own(&external("nobody")), 0, 10).await, page(&[], false, 0));
    assert_eq!(shop.storage.mail(MailId(1_000_000)).await.unwrap(), None);
}

pub async fn a_mail_is_sent_again_on_request(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    shop.buy(&event, 1).await;
    let mail = shop.claim_mails(1).await.remove(0);
    let resend = async |id| shop.storage.apply_one(shop.now(), ResendMail { id }).await.unwrap();
    assert_eq!(resend(mail.id).await, Ok(Some(mail.clone())), "a mail that is being sent stays as it is");
    let dead = report(&shop, &mail, MailResult::Refused("550".to_owned())).await;
    assert_eq!(dead.status, MailStatus::Dead);
    let again = granted(resend(mail.id).await).unwrap();
    assert_eq!((again.id, again.status, again.due_at, again.tries), (mail.id, MailStatus::Waiting, shop.now(), 0));
    assert_eq!(resend(mail.id).await, Ok(Some(again)), "nothing more happens on repeat");
    assert_eq!(resend(MailId(mail.id.0 + 1)).await, Ok(None));
    let mail = shop.claim_mails(10).await.remove(0);
    report(&shop, &mail, MailResult::Sent).await;
    let again_at = shop.now() + RESEND_AFTER;
    let sent = Err(Refusal::MailSent { again_at });
    assert_eq!(resend(mail.id).await, sent, "it has arrived");
    shop.wait(RESEND_AFTER - SignedDuration::from_micros(1));
    assert_eq!(resend(mail.id).await, sent);
    assert_eq!(shop.claim_mails(10).await, []);
    shop.wait(SignedDuration::from_micros(1));
    assert_eq!(granted(resend(mail.id).await).unwrap().status, MailStatus::Waiting);
    assert_eq!(shop.claim_mails(10).await.len(), 1);
}

pub async fn a_mail_that_is_postponed_waits_for_its_turn_and_is_not_tried_by_that(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    shop.buy(&event, 1).await;
    // More often than a mail is tried.
    for _ in 0..=MAX_TRIES {
        let mail = shop.claim_mails(1).await.remove(0);
        let turn = shop.now() + SignedDuration::from_hours(1);
        let waits = report(&shop, &mail, MailResult::Postponed(turn)).await;
        assert_eq!((waits.status, waits.due_at, waits.tries), (MailStatus::Waiting, turn, 0));
        shop.wait(SignedDuration::from_hours(1) - SignedDuration::from_micros(1));
        assert_eq!(shop.claim_mails(1).await, []);
        shop.wait(SignedDuration::from_micros(1));
    }
    let mail = shop.claim_mails(1).await.remove(0);
    assert_eq!(report(&shop, &mail, MailResult::Sent).await.status, MailStatus::Sent);
    let late = report(&shop, &mail, MailResult::Postponed(shop.now())).await;
    assert_eq!(late.status, MailStatus::Sent, "a mail that was sent is not sent again");
}
