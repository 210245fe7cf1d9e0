//! Commands about people: organisations, members, API keys, sessions, proofs and second factors.

use super::super::shop::email;
use super::Command;
use super::chance::Chance;
use super::items::{event, scan};
use super::world::{start, who};
use crate::domain::access::{Permission, Permissions};
use crate::domain::account::{AccountChange, AccountWants};
use crate::domain::api_key::{ApiKeyWants, MakeApiKey, ManageApiKey};
use crate::domain::audit::Actor;
use crate::domain::check_in::Scan;
use crate::domain::factor::{BeginFactor, CodeUse, FactorCode, Hashes, UseCode};
use crate::domain::id::{AccountId, ApiKeyId, EventId, OrganisationId, ProofId, SessionId};
use crate::domain::organisation::{
    EditOrganisation, FoundOrganisation, MemberEvents, MemberRole, MemberWants, OrganisationWants, SetMember,
};
use crate::domain::principal::Principal;
use crate::domain::proof::{BeginProof, ProofUse, UseProof};
use crate::domain::scope::Scope;
use crate::domain::session::{EndOtherSessions, EndSession, NewSession};
use jiff::{SignedDuration, Timestamp};

#[derive(Clone, Debug)]
pub(in super::super) enum People {
    Found(Vec<FoundOrganisation>),
    EditOrganisation(EditOrganisation),
    SetMembers(Vec<SetMember>),
    /// With how long the keys last, from when the command runs.
    MakeKeys(Vec<MakeApiKey>, Option<SignedDuration>),
    ManageKeys(Vec<ManageApiKey>),
    TouchKey(ApiKeyId),
    /// With how long the sessions last, from when the command runs.
    BeginSessions(Vec<NewSession>, SignedDuration),
    TouchSession(SessionId),
    EndSession(EndSession),
    EndOtherSessions(EndOtherSessions),
    ForgetSessions,
    BeginProofs(Vec<BeginProof>),
    UseProof(UseProof),
    ForgetProofs,
    BeginFactor(BeginFactor),
    UseCodes(Vec<UseCode>),
}

/// The keys of the first account for its organisation, which exist from the start.
pub(in super::super) fn keys() -> [MakeApiKey; 2] {
    let key = |number: i64, permissions| MakeApiKey {
        maker: AccountId(1),
        organisation_id: Some(OrganisationId(1)),
        name: "Gate".to_owned(),
        hash: format!("{number:064}"),
        permissions,
        events: MemberEvents::All,
        expires_at: None,
    };
    [key(1, Permissions::of(&[Permission::Door])), key(2, Permissions::ALL)]
}

pub(super) fn any(by: &mut Chance) -> Command {
    let command = match by.below(44) {
        0..2 => People::Found(by.batch(founded)),
        2..4 => People::EditOrganisation(edit(by)),
        4..10 => People::SetMembers(by.batch(set_member)),
        10..14 => {
            let lasts = by.of_these(&[None, None, Some(SignedDuration::from_mins(5))]);
            People::MakeKeys(by.batch(key), lasts)
        }
        14..18 => People::ManageKeys(by.batch(|by| ManageApiKey {
            id: ApiKeyId(by.id(8)),
            actor: actor(by),
            wants: by.of_these(&[ApiKeyWants::Revoked, ApiKeyWants::TakenOver, ApiKeyWants::TakenOver]),
        })),
        18..19 => People::TouchKey(ApiKeyId(by.id(4))),
        19..22 => {
            let lasts = SignedDuration::from_mins(by.of_these(&[1, 60, 60 * 24 * 7]));
            People::BeginSessions(by.batch(session), lasts)
        }
        22..23 => People::TouchSession(SessionId(by.id(4))),
        23..24 => People::EndSession(EndSession { account: account(by), session: SessionId(by.id(8)) }),
        24..25 => People::EndOtherSessions(EndOtherSessions {
            account: account(by),
            keep: by.of_these(&[None, Some(SessionId(1)), Some(SessionId(4))]),
        }),
        25..26 if by.one_in(2) => People::ForgetSessions,
        25..26 => People::ForgetProofs,
        26..29 => People::BeginProofs(by.batch(begin_proof)),
        29..32 => People::UseProof(UseProof { id: ProofId(by.id(10)), to: proof_use(by) }),
        32..35 => People::BeginFactor(BeginFactor { id: with_factor(by), seen: password(by), secret: secret(by) }),
        35..41 => People::UseCodes(by.batch(use_code)),
        41..42 => return Command::PutEvents(Principal::Organisation(OrganisationId(1)), by.batch(event)),
        42..43 => return Command::CheckIn(by.batch(|by| (by.below(64) as usize, scan_with_key(by)))),
        _ => return about_account(by),
    };
    Command::People(Box::new(command))
}

/// Mostly one of the first two, which exist from the start.
fn account(by: &mut Chance) -> AccountId {
    AccountId(by.of_these(&[1, 1, 1, 2, 2, 3, 4]))
}

/// Few, so that codes are mostly used by somebody who has a factor.
fn with_factor(by: &mut Chance) -> AccountId {
    AccountId(by.of_these(&[1, 1, 1, 1, 2, 3]))
}

/// Mostly the first, which exists from the start.
fn organisation(by: &mut Chance) -> OrganisationId {
    OrganisationId(by.of_these(&[1, 1, 1, 2, 3]))
}

fn actor(by: &mut Chance) -> Actor {
    match by.below(10) {
        0 => Actor::Operator,
        1 => Actor::Person(Principal::Organisation(organisation(by))),
        2 => Actor::Person(by.of_these(&[with_key(1), who(0)])),
        _ => Actor::Person(Principal::Account(account(by))),
    }
}

fn with_key(id: i64) -> Principal {
    Principal::Key { id: ApiKeyId(id), maker: AccountId(1) }
}

fn password(by: &mut Chance) -> String {
    by.of_these(&["$argon2id$first", "$argon2id$first", "$argon2id$first", "second", "third"]).to_owned()
}

fn secret(by: &mut Chance) -> Vec<u8> {
    if by.one_in(8) { vec![1] } else { vec![0, 255, 7] }
}

/// All, the event of the organisation that exists from the start, or one of somebody else as well.
fn events(by: &mut Chance) -> MemberEvents {
    match by.below(6) {
        0..3 => MemberEvents::All,
        3..5 => MemberEvents::Only([EventId(3)].into()),
        _ => MemberEvents::Only([EventId(1), EventId(3)].into()),
    }
}

fn founded(by: &mut Chance) -> FoundOrganisation {
    FoundOrganisation {
        key: by.of_these(&[None, Some("found0"), Some("found1")]).map(|key| key.parse().unwrap()),
        name: by.of_these(&["Band", "Ünïon 'q' %"]).to_owned(),
        founder: account(by),
        needs_proof: by.one_in(2),
    }
}

fn edit(by: &mut Chance) -> EditOrganisation {
    let wants = OrganisationWants {
        name: by.of_these(&[None, Some("Band".to_owned()), Some("Orchestra".to_owned())]),
        requires_second_factor: by.of_these(&[None, Some(false), Some(false), Some(true)]),
    };
    EditOrganisation { id: organisation(by), actor: actor(by), wants }
}

fn set_member(by: &mut Chance) -> SetMember {
    // More owners than by chance: only they may do most things.
    let role = |by: &mut Chance| if by.one_in(2) { MemberRole::Owner } else { by.of_these(MemberRole::ALL) };
    let wants = match by.below(6) {
        0..3 => MemberWants::Member(role(by), events(by)),
        3 => MemberWants::Change(if by.one_in(2) { None } else { Some(role(by)) }, Some(events(by))),
        4 => MemberWants::Change(Some(role(by)), None),
        _ => MemberWants::Nothing,
    };
    let (organisation_id, account_id) = (organisation(by), account(by));
    SetMember { organisation_id, account_id, actor: actor(by), wants, needs_proof: by.one_in(4) }
}

fn key(by: &mut Chance) -> MakeApiKey {
    use Permission::{Door, Manage, Money, View};
    MakeApiKey {
        maker: account(by),
        organisation_id: by.of_these(&[
            None,
            Some(OrganisationId(1)),
            Some(OrganisationId(1)),
            Some(OrganisationId(2)),
        ]),
        name: "Gate ü".to_owned(),
        hash: format!("{:064x}", by.number()),
        permissions: by.of_these(&[
            Permissions::of(&[Door]),
            Permissions::of(&[Door]),
            Permissions::of(&[View, Manage]),
            Permissions::of(&[Money]),
        ]),
        events: events(by),
        expires_at: None,
    }
}

/// Who logs in has an account: only the two that exist from the start surely do.
fn session(by: &mut Chance) -> NewSession {
    NewSession {
        account_id: AccountId(by.id(2)),
        ended_before: by.of_these(&[0, 0, 1, 2]),
        client: by.of_these(&[None, Some("Firefox on Ünïx".to_owned())]),
        // Replaced when the command runs.
        expires_at: Timestamp::UNIX_EPOCH,
    }
}

fn begin_proof(by: &mut Chance) -> BeginProof {
    let address = |by: &mut Chance| {
        email(by.of_these(&["first@example.com", "FIRST@example.com", "second@example.com", "fifth@example.com"]))
    };
    match by.below(4) {
        0 => BeginProof::VerifyEmail(AccountId(by.id(5))),
        1 => BeginProof::ResetPassword(address(by)),
        _ => BeginProof::ChangeEmail { id: account(by), seen: password(by), address: address(by) },
    }
}

fn proof_use(by: &mut Chance) -> ProofUse {
    let hash = password(by);
    match by.below(5) {
        0 => ProofUse::VerifyEmail,
        1 => ProofUse::ResetPassword { hash },
        2 => ProofUse::UndoEmail { hash },
        _ => ProofUse::ChangeEmail,
    }
}

fn use_code(by: &mut Chance) -> UseCode {
    let recovery = |first: u32| Hashes((first..first + 3).map(|number| format!("r{number}")).collect());
    let id = with_factor(by);
    UseCode {
        id,
        seen: Some(secret(by)),
        code: match by.below(6) {
            0 => FactorCode::Wrong,
            1..3 => FactorCode::Recovery(by.named("r", 4).to_string()),
            _ => FactorCode::OfStep(by.id(60)),
        },
        to: match by.below(8) {
            0..3 => CodeUse::Confirm { recovery: recovery(0) },
            3..5 => CodeUse::LogIn(NewSession {
                account_id: id,
                expires_at: start() + SignedDuration::from_hours(240),
                ..session(by)
            }),
            5 => CodeUse::Renew { seen: password(by), recovery: recovery(1) },
            6 => CodeUse::Remove { seen: password(by) },
            _ => CodeUse::Check,
        },
    }
}

/// A scan by somebody else than the one who runs the event: with a key that exists from the start, or as a member.
fn scan_with_key(by: &mut Chance) -> Scan {
    let scanner = by.of_these(&[with_key(1), with_key(2), who(1), who(2)]);
    let scan = scan(by);
    Scan { by: scanner, scope: Some(Scope::all()), ..scan }
}

fn about_account(by: &mut Chance) -> Command {
    let id = account(by);
    match by.below(3) {
        0 => Command::Administer(id, AccountWants::default().with_removes_second_factor(true)),
        1 => Command::ChangeAccount(id, AccountChange::Verified),
        _ => Command::ChangeAccount(id, AccountChange::NewPassword { seen: password(by), hash: password(by) }),
    }
}
