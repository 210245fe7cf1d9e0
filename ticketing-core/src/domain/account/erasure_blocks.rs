//! What stands in the way of erasing an account: whatever still needs the person.

use super::{Account, BY_ROLE, Role};
use crate::domain::code::Reference;
use crate::domain::event::{self, Event};
use crate::domain::id::RefundId;
use crate::domain::id::{AccountId, EventId, OrderId, OrganisationId};
use crate::domain::list::{Condition, List, ListName};
use crate::domain::load::LoadKeys;
use crate::domain::order::Order;
use crate::domain::organisation::{Member, MemberRole, member};
use crate::domain::payment::{Attempt, POLL_FOR};
use crate::domain::refund::Refund;
use crate::domain::row::Field as _;
use crate::domain::table::Record as _;
use crate::domain::wire_names::wire_names;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// What stands in the way of erasing an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErasureBlock {
    /// An event that it runs, alone or as the only member of an organisation, is on sale or has sold tickets, and is not over.
    Events,
    /// An order of it is held, or the outcome of a payment is not final.
    Payments,
    /// Money is on its way back to it.
    Refunds,
    /// It disputes a payment.
    Disputes,
    /// It is the last active owner of an organisation that has other members.
    Organisations,
    /// It is the last active administrator.
    LastAdmin,
}

wire_names!(ErasureBlock {
    Events => "events",
    Payments => "payments",
    Refunds => "refunds",
    Disputes => "disputes",
    Organisations => "organisations",
    LastAdmin => "last_admin",
});

impl ErasureBlock {
    /// What it is, for people to read.
    pub fn why(&self) -> &'static str {
        match self {
            Self::Events => "it runs an event that is on sale or has sold tickets, and is not over",
            Self::Payments => "an order is not finished",
            Self::Refunds => "a refund is on its way",
            Self::Disputes => "a payment is disputed",
            Self::Organisations => "it is the last owner of an organisation that has other members",
            Self::LastAdmin => "it is the last active administrator",
        }
    }
}

const EVENTS: &str = "events in the way";
const HELD: &str = "held orders in the way";
const PAYMENTS: &str = "payments in the way";
const DISPUTES: &str = "disputes in the way";
const REFUNDS: &str = "refunds in the way";

/// Requests what [`of`] reads, once the account is there.
pub(super) fn needs(rows: &WorkingSet, load: &mut LoadKeys, id: AccountId, now: Timestamp) {
    let Some(account) = rows.accounts.loaded_row(&id) else { return };
    let own = || Condition::Is("buyer_account", id.value());
    let about = |name| ListName::about(name, id.0);
    let of_own = || Condition::ParentFirst("order_id", Order::NOUN, vec![own()]);
    let any_open = Condition::Any(vec![
        vec![Condition::Named("status", OPEN_ATTEMPTS)],
        vec![Condition::Known("attention")],
        // Also one that has failed: it may still succeed, as long as it is asked about.
        vec![Condition::Known("poll_at"), Condition::AtLeast("created_at", (now - POLL_FOR).as_microsecond())],
    ]);
    let held = Condition::Named("status", &["held"]);
    load.list(List::of::<Order>(about(HELD), vec![own(), held]).at_most(1).keys_only());
    load.list(List::of::<Attempt>(about(PAYMENTS), vec![of_own(), any_open]).at_most(1).keys_only());
    let disputed = Condition::Named("status", &["disputed"]);
    load.list(List::of::<Attempt>(about(DISPUTES), vec![of_own(), disputed]).at_most(1).keys_only());
    let open = Condition::Named("status", OPEN_REFUNDS);
    load.list(List::of::<Refund>(about(REFUNDS), vec![of_own(), open]).at_most(1).keys_only());
    let mut organizers = vec![vec![Condition::Is("organizer_account", id.value())]];
    if account.role == Role::Admin {
        load.look_up(BY_ROLE, &Role::Admin);
    }
    for of in account.memberships.iter() {
        let key = of.organisation_id.to_string();
        load.find(member::BY_ORGANISATION, &key);
        let members: Vec<AccountId> =
            rows.members.loaded(member::BY_ORGANISATION, &key).map(|member| member.account_id).collect();
        if members.is_empty() {
            // Its members are not there yet, of whom the account is one.
            return;
        }
        members.iter().for_each(|member| load.look::<Account>(member));
        if members == [id] {
            organizers.push(vec![Condition::Is("organizer_organisation", of.organisation_id.value())]);
        }
    }
    let matters = Condition::Any(vec![
        vec![Condition::Named("status", &["active"])],
        vec![Condition::AtLeast("sold", 1)],
        vec![Condition::AtLeast("held", 1)],
    ]);
    let all = vec![Condition::Any(organizers), event::is_not_over(now), matters];
    load.list(List::of::<Event>(about(EVENTS), all).at_most(1).keys_only());
}

/// Attempts whose outcome is not final, or that a person should decide about.
const OPEN_ATTEMPTS: &[&str] = &["created", "unknown", "open", "processing", "review"];
/// Refunds whose money has not arrived.
const OPEN_REFUNDS: &[&str] = &["due", "unknown", "pending", "failed", "needs_attention"];

/// What stands in the way.
pub(super) fn of(rows: &WorkingSet, account: &Account) -> Vec<ErasureBlock> {
    let about = |name| ListName::about(name, account.id.0);
    let is_last_owner = |id: OrganisationId| {
        let is_owner = |member: &&Member| member.role == MemberRole::Owner;
        let mut others = rows.members_of(id).filter(|member| member.account_id != account.id).peekable();
        let is_active = |member: &Member| rows.accounts.get(&member.account_id).is_some_and(|of| of.is_active);
        others.peek().is_some() && !others.filter(is_owner).any(is_active)
    };
    let owned = account.memberships.iter().filter(|of| of.role == MemberRole::Owner);
    let mut others = rows.accounts.loaded(BY_ROLE, &Role::Admin).filter(|admin| admin.id != account.id);
    let blocks = [
        (ErasureBlock::Events, !rows.listed::<EventId>(about(EVENTS)).items.is_empty()),
        (
            ErasureBlock::Payments,
            !rows.listed::<OrderId>(about(HELD)).items.is_empty()
                || !rows.listed::<Reference>(about(PAYMENTS)).items.is_empty(),
        ),
        (ErasureBlock::Refunds, !rows.listed::<RefundId>(about(REFUNDS)).items.is_empty()),
        (ErasureBlock::Disputes, !rows.listed::<Reference>(about(DISPUTES)).items.is_empty()),
        (ErasureBlock::Organisations, owned.into_iter().any(|of| is_last_owner(of.organisation_id))),
        (ErasureBlock::LastAdmin, account.is_acting_admin() && !others.any(Account::is_acting_admin)),
    ];
    blocks.into_iter().filter(|(_, is_there)| *is_there).map(|(block, _)| block).collect()
}
