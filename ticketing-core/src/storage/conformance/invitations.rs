//! Invitations to organisations.

use super::organisations::{only_events, person};
use super::races::at_once;
use super::shop::{Shop, email, external, granted};
use crate::domain::account::{Account, ListAuditOfAccount};
use crate::domain::audit::Actor;
use crate::domain::id::{OrganisationId, ProofId};
use crate::domain::organisation::{
    InviteMember, JoinOrganisation, ListInvitations, MAX_INVITATIONS, MAX_INVITATIONS_PER_HOUR, Member, MemberEvents,
    MemberRole, MemberWants, Organisation, OrganisationWants, WithdrawInvitation,
};
use crate::domain::outbox::MailKind;
use crate::domain::page::PageRequest;
use crate::domain::principal::Principal;
use crate::domain::proof::{
    BeginProof, FindProof, KEEP_PROOFS, MAX_PROOFS, PROOF_WINDOW, Proof, ProofPurpose, ProofUse, UseProof, outdated,
};
use crate::domain::refusal::Refusal;
use crate::domain::scope::Scope;
use crate::storage::{Storage, StorageExt as _};
use jiff::SignedDuration;
use std::sync::Arc;

const ALL: MemberEvents = MemberEvents::All;
const MOMENT: SignedDuration = SignedDuration::from_micros(1);

impl Shop {
    async fn try_invite(
        &self,
        actor: &Actor,
        to: OrganisationId,
        address: &str,
        role: MemberRole,
        events: MemberEvents,
    ) -> Result<Proof, Refusal> {
        let (actor, address) = (actor.clone(), email(address));
        let invite = InviteMember { organisation_id: to, actor, address, role, events };
        self.storage.apply_one(self.now(), invite).await.unwrap()
    }

    async fn invite(&self, actor: &Actor, to: &Organisation, address: &str, role: MemberRole) -> Proof {
        granted(self.try_invite(actor, to.id, address, role, ALL).await)
    }

    async fn join(&self, proof: &Proof, account: &Account) -> Result<(Member, Account), Refusal> {
        let join = JoinOrganisation { id: proof.id, account_id: account.id };
        self.storage.apply_one(self.now(), join).await.unwrap()
    }

    async fn withdraw(&self, actor: &Actor, of: OrganisationId, id: ProofId) -> Result<Proof, Refusal> {
        let withdraw = WithdrawInvitation { organisation_id: of, id, actor: actor.clone() };
        self.storage.apply_one(self.now(), withdraw).await.unwrap()
    }

    async fn invitations(&self, of: &Organisation) -> Vec<Proof> {
        let scope = Scope::own(&Principal::Organisation(of.id));
        let mut kept = self.storage.find(ListInvitations { scope, id: of.id }).await.unwrap();
        kept.retain(|proof| proof.is_open(self.now()));
        kept
    }

    async fn role_in(&self, of: &Organisation, account: &Account) -> Option<MemberRole> {
        self.stored(account).await.memberships.of(of.id).map(|of| of.role)
    }
}

pub async fn an_invitation_reads_back_and_owes_one_mail(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.verified("ada@example.com").await;
    let band = shop.found(&ada).await;
    let event = shop.event().organizer(&Principal::Organisation(band.id)).create().await;
    let some = only_events(&[&event]);
    let made =
        granted(shop.try_invite(&person(&ada), band.id, "Bob@example.com", MemberRole::Door, some.clone()).await);
    assert_eq!((made.purpose, made.account_id, made.used_at), (ProofPurpose::JoinOrganisation, None, None));
    assert_eq!(made.expires_at, shop.now() + SignedDuration::from_hours(7 * 24));
    let invitation = made.invitation.clone().unwrap();
    assert_eq!((invitation.organisation_id, invitation.role), (band.id, MemberRole::Door));
    assert_eq!((invitation.events, invitation.inviter), (some, Some(ada.id)));
    assert_eq!(shop.storage.find(FindProof(made.id)).await.unwrap(), Some((made.clone(), None)));
    assert_eq!(shop.invitations(&band).await, std::slice::from_ref(&made));
    let owed: Vec<_> = shop.claim_mails(10).await.into_iter().map(|mail| (mail.subject, mail.kind, mail.to)).collect();
    assert_eq!(owed, [(ada.id.into(), MailKind::Proof(made.id), email("Bob@example.com"))]);
    // By nobody with an account, and an owner is one for all events.
    let own = Actor::Person(Principal::Organisation(band.id));
    let some = only_events(&[&event]);
    let by_own = granted(shop.try_invite(&own, band.id, "carol@example.com", MemberRole::Owner, some).await);
    let invitation = by_own.invitation.unwrap();
    assert_eq!((invitation.inviter, invitation.events), (None, ALL));
    // Nobody else sees them.
    let scope = Scope::own(&Principal::Account(ada.id));
    assert_eq!(shop.storage.find(ListInvitations { scope, id: band.id }).await.unwrap(), []);
}

pub async fn who_has_the_address_joins_once_and_is_verified(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.verified("ada@example.com").await;
    let band = shop.found(&ada).await;
    let invited = shop.invite(&person(&ada), &band, "bob@example.com", MemberRole::BoxOffice).await;
    // The account is made afterwards, and in another spelling.
    let bob = shop.register("BOB@example.com").await;
    let begin = BeginProof::VerifyEmail(bob.id);
    let verify = granted(shop.storage.apply_one(shop.now(), begin).await.unwrap()).unwrap();
    shop.wait(MOMENT);
    let (member, after) = granted(shop.join(&invited, &bob).await);
    assert_eq!((member.account_id, member.role, &member.events), (bob.id, MemberRole::BoxOffice, &ALL));
    assert_eq!((after.is_verified, after.updated_at), (true, shop.now()));
    assert_eq!(after, shop.stored(&bob).await);
    assert_eq!(after.memberships.of(band.id).map(|of| of.role), Some(MemberRole::BoxOffice));
    let (used, _) = shop.storage.find(FindProof(invited.id)).await.unwrap().unwrap();
    assert_eq!((used.account_id, used.used_at), (Some(bob.id), Some(shop.now())));
    assert_eq!(shop.invitations(&band).await, []);
    assert_eq!(shop.join(&invited, &bob).await, Err(Refusal::ProofUnknown));
    // It is no proof of something else, and the address needs none any more.
    for (id, to) in [(invited.id, ProofUse::VerifyEmail), (verify.id, ProofUse::VerifyEmail)] {
        let outcome = shop.storage.apply_one(shop.now(), UseProof { id, to }).await.unwrap();
        assert_eq!(outcome, Err(Refusal::ProofUnknown));
    }
    // Where a second factor is required, one joins without.
    let strict = shop.with_factor("eve@example.com").await;
    let club = shop.found(&strict).await;
    let required = OrganisationWants::default().with_requires_second_factor(true);
    granted(shop.edit_organisation(&person(&strict), club.id, required).await);
    let invited = shop.invite(&person(&strict), &club, "bob@example.com", MemberRole::Manager).await;
    granted(shop.join(&invited, &bob).await);
    let refused = shop.try_invite(&person(&bob), club.id, "carol@example.com", MemberRole::Door, ALL).await;
    assert_eq!(refused, Err(Refusal::SecondFactorRequired));
}

pub async fn only_an_active_account_with_the_address_joins(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.verified("ada@example.com").await;
    let band = shop.found(&ada).await;
    let invited = shop.invite(&person(&ada), &band, "bob@example.com", MemberRole::Door).await;
    let other = shop.verified("bobby@example.com").await;
    assert_eq!(shop.join(&invited, &other).await, Err(Refusal::ProofUnknown));
    let bob = shop.verified("bob@example.com").await;
    shop.switch(&bob, false).await;
    assert_eq!(shop.join(&invited, &bob).await, Err(Refusal::ProofUnknown));
    shop.switch(&bob, true).await;
    // A proof of another kind, and one that never was.
    let begin = BeginProof::ResetPassword(bob.email.clone());
    let reset = granted(shop.storage.apply_one(shop.now(), begin).await.unwrap()).unwrap();
    let never = Proof { id: ProofId(reset.id.0 + 1), ..reset.clone() };
    for wrong in [&reset, &never] {
        assert_eq!(shop.join(wrong, &bob).await, Err(Refusal::ProofUnknown));
    }
    assert!(shop.stored(&bob).await.memberships.is_empty() && shop.stored(&other).await.memberships.is_empty());
    shop.wait(ProofPurpose::JoinOrganisation.lasts() - MOMENT);
    let late = shop.invite(&person(&ada), &band, "carol@example.com", MemberRole::Door).await;
    granted(shop.join(&invited, &bob).await);
    shop.wait(ProofPurpose::JoinOrganisation.lasts());
    let carol = shop.verified("carol@example.com").await;
    assert_eq!(shop.join(&late, &carol).await, Err(Refusal::ProofUnknown), "it has expired");
}

pub async fn the_last_invitation_of_an_address_counts(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.verified("ada@example.com").await;
    let (band, club) = (shop.found(&ada).await, shop.found(&ada).await);
    let first = shop.invite(&person(&ada), &band, "bob@example.com", MemberRole::Owner).await;
    let of_club = shop.invite(&person(&ada), &club, "bob@example.com", MemberRole::Viewer).await;
    shop.wait(MOMENT);
    let second = shop.invite(&person(&ada), &band, "BOB@example.com", MemberRole::Door).await;
    assert_eq!(shop.invitations(&band).await, std::slice::from_ref(&second));
    let bob = shop.verified("bob@example.com").await;
    assert_eq!(shop.join(&first, &bob).await, Err(Refusal::ProofUnknown));
    assert_eq!(granted(shop.join(&second, &bob).await).0.role, MemberRole::Door);
    assert_eq!(granted(shop.join(&of_club, &bob).await).0.organisation_id, club.id, "another organisation's stays");
}

pub async fn invitations_have_limits(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let (ada, eve) = (shop.verified("ada@example.com").await, shop.verified("eve@example.com").await);
    let (band, club) = (shop.found(&ada).await, shop.found(&eve).await);
    let again_at = shop.now() + PROOF_WINDOW;
    // Of one address, by all organisations together, and also if they were withdrawn.
    for _ in 0..MAX_PROOFS {
        let made = shop.invite(&person(&ada), &band, "bob@example.com", MemberRole::Door).await;
        granted(shop.withdraw(&person(&ada), band.id, made.id).await);
    }
    let refused = Err(Refusal::TooManyProofs { again_at });
    let by_eve = shop.try_invite(&person(&eve), club.id, "BOB@example.com", MemberRole::Door, ALL).await;
    assert_eq!(by_eve, refused);
    // By one account.
    let by_ada = async |number: usize| {
        let address = format!("m{number}@example.com");
        shop.try_invite(&person(&ada), band.id, &address, MemberRole::Door, ALL).await
    };
    for number in MAX_PROOFS..MAX_INVITATIONS_PER_HOUR {
        granted(by_ada(number).await);
    }
    assert_eq!(by_ada(999).await, refused);
    shop.wait(PROOF_WINDOW - MOMENT);
    assert_eq!(by_ada(999).await, refused);
    shop.wait(MOMENT);
    granted(by_ada(999).await);
    // Of one organisation. One that replaces another is none more.
    let open = shop.invitations(&band).await.len();
    for number in open..MAX_INVITATIONS as usize {
        shop.invite(&Actor::Operator, &band, &format!("o{number}@example.com"), MemberRole::Door).await;
    }
    let more = shop.try_invite(&Actor::Operator, band.id, "more@example.com", MemberRole::Door, ALL).await;
    assert_eq!(more, Err(Refusal::TooManyInvitations { limit: MAX_INVITATIONS.into() }));
    shop.invite(&Actor::Operator, &band, "m999@example.com", MemberRole::Viewer).await;
    assert_eq!(shop.invitations(&band).await.len(), MAX_INVITATIONS as usize);
    shop.invite(&person(&eve), &club, "more@example.com", MemberRole::Door).await;
}

pub async fn nobody_invites_to_what_they_lack(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.verified("ada@example.com").await;
    let band = shop.found(&ada).await;
    let event = shop.event().organizer(&Principal::Organisation(band.id)).create().await;
    for role in MemberRole::ALL {
        let by = shop.member(&band, *role, ALL).await;
        for given in MemberRole::ALL {
            let address = format!("{}-{}@example.com", role.name(), given.name());
            let outcome = shop.try_invite(&person(&by), band.id, &address, *given, ALL).await.map(drop);
            let may_manage = matches!(role, MemberRole::Owner | MemberRole::Manager);
            let is_allowed = may_manage && role.permissions().cover(given.permissions());
            assert_eq!(outcome, if is_allowed { Ok(()) } else { Err(Refusal::NotGranted) }, "{role:?} {given:?}");
        }
    }
    let of_some = shop.member(&band, MemberRole::Manager, only_events(&[&event])).await;
    let some = only_events(&[&event]);
    let refused = shop.try_invite(&person(&of_some), band.id, "bob@example.com", MemberRole::Door, some).await;
    assert_eq!(refused, Err(Refusal::NotGranted));
    let foreign = shop.event().create().await;
    let some = only_events(&[&event, &foreign]);
    let refused = shop.try_invite(&person(&ada), band.id, "bob@example.com", MemberRole::Door, some).await;
    assert_eq!(refused, Err(Refusal::EventUnknown { event_id: foreign.id }));
    let stranger = shop.verified("stranger@example.com").await;
    for actor in [person(&stranger), Actor::Person(external("ada")), Actor::System] {
        let refused = shop.try_invite(&actor, band.id, "bob@example.com", MemberRole::Viewer, ALL).await;
        assert_eq!(refused, Err(Refusal::OrganisationUnknown), "{actor}");
    }
    let nowhere = shop.try_invite(&Actor::Operator, 4711.into(), "bob@example.com", MemberRole::Viewer, ALL).await;
    assert_eq!(nowhere, Err(Refusal::OrganisationUnknown));
}

pub async fn an_inviter_who_may_not_grant_any_more_invites_nobody(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.with_factor("ada@example.com").await;
    let band = shop.found(&ada).await;
    let required = |requires| OrganisationWants::default().with_requires_second_factor(requires);
    for what in ["left", "demoted", "for some events", "disabled", "without a factor"] {
        let by = shop.member(&band, MemberRole::Owner, ALL).await;
        let name = format!("bob-{}@example.com", shop.number());
        let bob = shop.verified(&name).await;
        let invited = shop.invite(&person(&by), &band, &name, MemberRole::Finance).await;
        let change = |role, events| MemberWants::Change(Some(role), Some(events));
        let event = shop.event().organizer(&Principal::Organisation(band.id)).create().await;
        let wants = match what {
            "left" => Some(MemberWants::Nothing),
            "demoted" => Some(change(MemberRole::Manager, ALL)),
            "for some events" => Some(change(MemberRole::Manager, only_events(&[&event]))),
            _ => None,
        };
        if let Some(wants) = wants {
            granted(shop.set(&person(&ada), band.id, by.id, wants).await);
        }
        if what == "disabled" {
            shop.switch(&by, false).await;
        }
        if what == "without a factor" {
            granted(shop.edit_organisation(&person(&ada), band.id, required(true)).await);
        }
        assert_eq!(shop.join(&invited, &bob).await, Err(Refusal::ProofUnknown), "{what}");
        assert_eq!(shop.role_in(&band, &bob).await, None, "{what}");
        if what == "without a factor" {
            // It stayed as it was, and works once the inviter may give the role again.
            granted(shop.edit_organisation(&person(&ada), band.id, required(false)).await);
            granted(shop.join(&invited, &bob).await);
        }
    }
}

pub async fn an_invitation_changes_a_member_as_its_inviter_could(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.verified("ada@example.com").await;
    let band = shop.found(&ada).await;
    let manager = shop.member(&band, MemberRole::Manager, ALL).await;
    let event = shop.event().organizer(&Principal::Organisation(band.id)).create().await;
    // The last owner stays one, no matter who invites.
    let to_ada = shop.invite(&person(&ada), &band, "ada@example.com", MemberRole::Door).await;
    assert_eq!(shop.join(&to_ada, &ada).await, Err(Refusal::LastOwner));
    let bob = shop.member(&band, MemberRole::Owner, ALL).await;
    granted(shop.join(&to_ada, &ada).await);
    assert_eq!(shop.role_in(&band, &ada).await, Some(MemberRole::Door));
    // A manager takes nothing from an owner.
    let by_manager = shop.invite(&person(&manager), &band, bob.email.as_str(), MemberRole::Viewer).await;
    let to_bob = shop.join(&by_manager, &bob).await;
    assert_eq!(to_bob, Err(Refusal::ProofUnknown));
    assert_eq!(shop.role_in(&band, &bob).await, Some(MemberRole::Owner));
    // The role and the events of a member change.
    let some = only_events(&[&event]);
    let again = granted(
        shop.try_invite(&person(&manager), band.id, "ada@example.com", MemberRole::BoxOffice, some.clone()).await,
    );
    let (member, _) = granted(shop.join(&again, &ada).await);
    assert_eq!((member.role, member.events), (MemberRole::BoxOffice, some));
    // What is so already is used up too.
    let same = shop.invite(&person(&bob), &band, bob.email.as_str(), MemberRole::Owner).await;
    granted(shop.join(&same, &bob).await);
    assert_eq!(shop.join(&same, &bob).await, Err(Refusal::ProofUnknown));
    // Somebody who was removed does not come back with an invitation from before.
    let gone = shop.member(&band, MemberRole::Viewer, ALL).await;
    let old = shop.invite(&person(&bob), &band, gone.email.as_str(), MemberRole::Manager).await;
    shop.wait(MOMENT);
    granted(shop.set(&person(&bob), band.id, gone.id, MemberWants::Nothing).await);
    assert_eq!(shop.join(&old, &gone).await, Err(Refusal::ProofUnknown));
    assert_eq!(shop.role_in(&band, &gone).await, None);
    shop.wait(MOMENT);
    let new = shop.invite(&person(&bob), &band, gone.email.as_str(), MemberRole::Door).await;
    granted(shop.join(&new, &gone).await);
}

pub async fn listed_events_count_while_the_organisation_runs_them(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.verified("ada@example.com").await;
    let band = shop.found(&ada).await;
    let mut events = vec![];
    for _ in 0..2 {
        events.push(shop.event().organizer(&Principal::Organisation(band.id)).create().await);
    }
    let some = only_events(&[&events[0], &events[1]]);
    let invite = async |address: &str| {
        granted(shop.try_invite(&person(&ada), band.id, address, MemberRole::Door, some.clone()).await)
    };
    let (to_bob, to_carol) = (invite("bob@example.com").await, invite("carol@example.com").await);
    let (bob, carol) = (shop.verified("bob@example.com").await, shop.verified("carol@example.com").await);
    granted(shop.hand_over(&events[0], &Principal::Account(ada.id)).await);
    assert_eq!(granted(shop.join(&to_bob, &bob).await).0.events, only_events(&[&events[1]]));
    granted(shop.hand_over(&events[1], &Principal::Account(ada.id)).await);
    assert_eq!(shop.join(&to_carol, &carol).await, Err(Refusal::ProofUnknown));
}

pub async fn an_invitation_is_withdrawn_by_those_who_could_make_it(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.verified("ada@example.com").await;
    let (band, club) = (shop.found(&ada).await, shop.found(&ada).await);
    let bob = shop.verified("bob@example.com").await;
    let invited = shop.invite(&person(&ada), &band, "bob@example.com", MemberRole::Finance).await;
    let manager = shop.member(&band, MemberRole::Manager, ALL).await;
    let viewer = shop.member(&band, MemberRole::Viewer, ALL).await;
    for by in [&manager, &viewer] {
        assert_eq!(shop.withdraw(&person(by), band.id, invited.id).await, Err(Refusal::NotGranted));
    }
    assert_eq!(shop.withdraw(&person(&bob), band.id, invited.id).await, Err(Refusal::OrganisationUnknown));
    assert_eq!(shop.withdraw(&person(&ada), club.id, invited.id).await, Err(Refusal::InvitationUnknown));
    let begin = BeginProof::ResetPassword(bob.email.clone());
    let reset = granted(shop.storage.apply_one(shop.now(), begin).await.unwrap()).unwrap();
    for id in [reset.id, ProofId(4711)] {
        assert_eq!(shop.withdraw(&person(&ada), band.id, id).await, Err(Refusal::InvitationUnknown));
    }
    shop.wait(MOMENT);
    let gone = granted(shop.withdraw(&person(&ada), band.id, invited.id).await);
    assert_eq!(gone, Proof { expires_at: shop.now(), ..invited.clone() });
    shop.wait(MOMENT);
    assert_eq!(shop.withdraw(&person(&ada), band.id, invited.id).await, Ok(gone), "a repeat changes nothing");
    assert_eq!(shop.invitations(&band).await, []);
    assert_eq!(shop.join(&invited, &bob).await, Err(Refusal::ProofUnknown));
    let again = shop.invite(&person(&ada), &band, "bob@example.com", MemberRole::Door).await;
    granted(shop.join(&again, &bob).await);
    assert_eq!(shop.withdraw(&person(&ada), band.id, again.id).await, Err(Refusal::InvitationUnknown), "it was used");
    assert_eq!(shop.role_in(&band, &bob).await, Some(MemberRole::Door));
}

pub async fn what_becomes_of_an_invitation_is_in_the_audit_log(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.verified("ada@example.com").await;
    let band = shop.found(&ada).await;
    let event = shop.event().organizer(&Principal::Organisation(band.id)).create().await;
    let some = only_events(&[&event]);
    let first = granted(shop.try_invite(&person(&ada), band.id, "bob@example.com", MemberRole::Door, some).await);
    granted(shop.withdraw(&person(&ada), band.id, first.id).await);
    let second = shop.invite(&Actor::Operator, &band, "bob@example.com", MemberRole::Viewer).await;
    let bob = shop.verified("bob@example.com").await;
    granted(shop.join(&second, &bob).await);
    let told = async |account: &Account| -> Vec<_> {
        let list = ListAuditOfAccount { id: account.id, page: PageRequest::default() };
        let lines = shop.storage.find(list).await.unwrap().items.into_iter();
        assert!(lines.clone().all(|line| line.reason.is_empty()), "no free text");
        let lines = lines.filter(|line| line.action.starts_with("invitation."));
        lines.map(|line| (line.action, line.actor, line.item.unwrap(), line.after.unwrap())).collect()
    };
    let line = |action: &str, by: Actor, of: &Proof, rights: &str| {
        (format!("invitation.{action}"), by, format!("invitation {}", of.id), rights.to_owned())
    };
    let door = format!("door {}", event.id);
    let expected = [
        line("made", person(&ada), &first, &door),
        line("withdrawn", person(&ada), &first, &door),
        line("made", Actor::Operator, &second, "viewer"),
    ];
    assert_eq!(told(&ada).await, expected, "the founder's, where no account invites");
    assert_eq!(told(&bob).await, [line("accepted", person(&bob), &second, "viewer")]);
}

pub async fn an_unused_invitation_is_forgotten_a_day_after_it_expires(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.verified("ada@example.com").await;
    let band = shop.found(&ada).await;
    let invited = shop.invite(&person(&ada), &band, "bob@example.com", MemberRole::Door).await;
    shop.wait((invited.expires_at + KEEP_PROOFS).duration_since(shop.now()) - MOMENT);
    assert_eq!(shop.storage.forget(&outdated(shop.now(), 10)).await.unwrap(), 0);
    shop.wait(MOMENT);
    assert_eq!(shop.storage.forget(&outdated(shop.now(), 10)).await.unwrap(), 1);
    assert_eq!(shop.storage.find(FindProof(invited.id)).await.unwrap(), None);
}

pub async fn an_invitation_used_eight_times_at_once_works_once(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.verified("ada@example.com").await;
    let band = shop.found(&ada).await;
    for round in 0..5 {
        let address = format!("bob-{round}@example.com");
        let invited = shop.invite(&person(&ada), &band, &address, MemberRole::Door).await;
        let bob = shop.register(&address).await;
        let used = at_once(8, |_| {
            let (shop, invited, bob) = (Arc::clone(&shop), invited.clone(), bob.clone());
            async move { shop.join(&invited, &bob).await }
        });
        let used = used.await;
        assert_eq!(used.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{used:?}");
        assert!(used.iter().all(|outcome| outcome.is_ok() || *outcome == Err(Refusal::ProofUnknown)));
        let list = ListAuditOfAccount { id: bob.id, page: PageRequest::default() };
        let lines = shop.storage.find(list).await.unwrap().items;
        assert_eq!(lines.iter().filter(|line| line.action == "member.added").count(), 1);
    }
}

pub async fn of_withdrawing_and_accepting_at_once_one_works(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.verified("ada@example.com").await;
    let band = shop.found(&ada).await;
    for round in 0..10 {
        let address = format!("bob-{round}@example.com");
        let invited = shop.invite(&person(&ada), &band, &address, MemberRole::Door).await;
        let bob = shop.verified(&address).await;
        let outcomes = at_once(2, |index| {
            let (shop, invited, ada, bob) = (Arc::clone(&shop), invited.clone(), ada.clone(), bob.clone());
            async move {
                match index {
                    0 => shop.withdraw(&person(&ada), band.id, invited.id).await.map(drop),
                    _ => shop.join(&invited, &bob).await.map(drop),
                }
            }
        });
        let outcomes = outcomes.await;
        let is_member = shop.role_in(&band, &bob).await.is_some();
        let expected =
            if is_member { [Err(Refusal::InvitationUnknown), Ok(())] } else { [Ok(()), Err(Refusal::ProofUnknown)] };
        assert_eq!(outcomes, expected);
    }
}

pub async fn invitations_made_at_once_stay_within_the_limit(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let ada = shop.verified("ada@example.com").await;
    let (band, club) = (shop.found(&ada).await, shop.found(&ada).await);
    for number in 4..MAX_INVITATIONS_PER_HOUR {
        shop.invite(&person(&ada), &band, &format!("m{number}@example.com"), MemberRole::Door).await;
    }
    // In two organisations, so that the lock of one is not enough.
    let made = at_once(8, |index| {
        let (shop, ada, to) = (Arc::clone(&shop), ada.clone(), if index % 2 == 0 { band.id } else { club.id });
        let address = format!("n{index}@example.com");
        async move { shop.try_invite(&person(&ada), to, &address, MemberRole::Door, ALL).await.map(drop) }
    });
    assert_eq!(made.await.iter().filter(|outcome| outcome.is_ok()).count(), 4);
    // Of one address by everybody, and the last one replaces the others.
    let made = at_once(8, |index| {
        let (shop, to) = (Arc::clone(&shop), if index % 2 == 0 { band.id } else { club.id });
        async move { shop.try_invite(&Actor::Operator, to, "bob@example.com", MemberRole::Door, ALL).await.map(drop) }
    });
    assert_eq!(made.await.iter().filter(|outcome| outcome.is_ok()).count(), MAX_PROOFS);
    for of in [&band, &club] {
        let open = shop.invitations(of).await.into_iter().filter(|proof| proof.address == email("bob@example.com"));
        assert!(open.count() <= 1);
    }
}
