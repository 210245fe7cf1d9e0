//! Organisations and their members.

use super::Tag;
use super::bearer::Session;
use super::dto::body::Body;
use super::dto::list::{List, page};
use super::dto::organisation::{
    MemberBody, MemberPatch, MemberView, OrganisationBody, OrganisationPatch, OrganisationView,
};
use super::dto::path::Id;
use super::dto::payment::HistoryView;
use super::idempotency::reference;
use super::problems::{BODY, KEYED, MEMBER, PARAMETERS, TOKEN, problems};
use super::state::ApiState;
use poem::Request;
use poem::http::Uri;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};
use ticketing_core::domain::audit::Actor;
use ticketing_core::domain::id::{AccountId, OrganisationId};
use ticketing_core::domain::organisation::Organisation;

problems! {
    FoundProblems: BODY, KEYED, TOKEN, &["email_unverified", "too_many_organisations", "key_reused", "account_unknown"];
    ListProblems: TOKEN;
    FindProblems: PARAMETERS, TOKEN, MEMBER, &["forbidden", "not_found"];
    EditProblems: BODY, PARAMETERS, TOKEN, MEMBER, &["forbidden", "not_found", "organisation_unknown"];
    AddProblems: BODY, PARAMETERS, KEYED, TOKEN, MEMBER, &[
        "forbidden", "not_found", "organisation_unknown", "account_unknown", "event_unknown", "not_granted", "last_owner",
        "too_many_members", "too_many_organisations",
    ];
    ChangeProblems: BODY, PARAMETERS, TOKEN, MEMBER, &[
        "forbidden", "not_found", "organisation_unknown", "account_unknown", "event_unknown", "not_granted", "last_owner",
    ];
    RemoveProblems: PARAMETERS, TOKEN, MEMBER, &["forbidden", "not_found", "account_unknown", "not_granted", "last_owner"];
}

#[derive(ApiResponse)]
enum Founded {
    /// The new organisation.
    #[oai(status = 201)]
    Created(Json<OrganisationView>, #[oai(header = "Location")] String),
}

#[derive(ApiResponse)]
enum Added {
    /// The member.
    #[oai(status = 201)]
    Added(Json<MemberView>),
}

#[derive(ApiResponse)]
enum Removed {
    /// The account is no member any more.
    #[oai(status = 204)]
    Done,
}

pub(crate) struct Organisations(pub(crate) ApiState);

fn by(session: &Session) -> Actor {
    Actor::Person(session.who())
}

/// As the caller sees it.
fn shown(session: &Session, organisation: &Organisation) -> OrganisationView {
    OrganisationView::new(organisation, session.0.memberships.of(organisation.id))
}

#[OpenApi(tag = "Tag::Organisations")]
impl Organisations {
    /// Found an organisation
    ///
    /// Its members run its events together, each with a role. The caller becomes its owner and needs a verified address.
    #[oai(path = "/organisations", method = "post", operation_id = "foundOrganisation")]
    async fn found(
        &self,
        http: &Request,
        session: Session,
        body: Body<OrganisationBody>,
    ) -> Result<Founded, FoundProblems> {
        let (id, key) = (session.0.id, reference(http, "organisation"));
        let made = self.0.ticketing.found_organisation(id, &body.0.name.0, key).await?;
        // The session is older than the membership.
        let own = self.0.ticketing.organisations(id).await?;
        let membership = own.iter().find(|(organisation, _)| organisation.id == made.id).map(|(_, of)| of);
        let view = OrganisationView::new(&made, membership);
        Ok(Founded::Created(Json(view), format!("/organisations/{}", made.id)))
    }

    /// List the caller's organisations
    ///
    /// Those that the caller is a member of, with the caller's role, by id. At most 50.
    #[oai(path = "/organisations", method = "get", operation_id = "listOrganisations")]
    async fn list(&self, session: Session) -> Result<Json<Vec<OrganisationView>>, ListProblems> {
        let own = self.0.ticketing.organisations_of(&session.0).await?;
        Ok(Json(own.iter().map(|(organisation, of)| OrganisationView::new(organisation, Some(of))).collect()))
    }

    /// Get an organisation
    ///
    /// For its members.
    #[oai(path = "/organisations/:organisation_id", method = "get", operation_id = "getOrganisation")]
    async fn find(
        &self,
        session: Session,
        /// The organisation's id.
        organisation_id: Path<Id>,
    ) -> Result<Json<OrganisationView>, FindProblems> {
        let id = OrganisationId(organisation_id.0.get("organisation_id")?);
        let found = self.0.ticketing.organisation(&by(&session), id).await?;
        Ok(Json(shown(&session, &found)))
    }

    /// Edit an organisation
    ///
    /// For members with `manage`. Its name, and whether its members can only act for it with a second factor: then those without one get 403
    /// `second_factor_required` from the next request on, and so do the API keys that they have made. Repeating the request has no further
    /// effect.
    #[oai(path = "/organisations/:organisation_id", method = "patch", operation_id = "editOrganisation")]
    async fn edit(
        &self,
        session: Session,
        /// The organisation's id.
        organisation_id: Path<Id>,
        body: Body<OrganisationPatch>,
    ) -> Result<Json<OrganisationView>, EditProblems> {
        let id = OrganisationId(organisation_id.0.get("organisation_id")?);
        let edited = self.0.ticketing.edit_organisation(&by(&session), id, body.0.into_wants()).await?;
        Ok(Json(shown(&session, &edited)))
    }

    /// List what happened to an organisation
    ///
    /// For members with `manage`. It was founded and edited; its members, invitations and API keys; the events that came and left; oldest
    /// first. It names people, keys and events by their ids.
    #[oai(path = "/organisations/:organisation_id/audit", method = "get", operation_id = "listOrganisationAudit")]
    async fn audit(
        &self,
        session: Session,
        uri: &Uri,
        /// The organisation's id.
        organisation_id: Path<Id>,
        /// Number of items to skip.
        skip: Query<Option<u64>>,
        /// Page size, 1–1000 (default 100).
        limit: Query<Option<u32>>,
        /// Return the total count in `X-Total-Count`.
        count: Query<Option<bool>>,
    ) -> Result<List<HistoryView>, FindProblems> {
        let request = page(skip.0, limit.0, count.0);
        let id = OrganisationId(organisation_id.0.get("organisation_id")?);
        let found = self.0.ticketing.organisation_audit(&by(&session), id, request).await?;
        Ok(List::new(found, request, uri, &self.0.settings, |line| (&line).into()))
    }

    /// List the members of an organisation
    ///
    /// For members with `manage`. Those who were added first come first. At most 200.
    #[oai(path = "/organisations/:organisation_id/members", method = "get", operation_id = "listMembers")]
    async fn members(
        &self,
        session: Session,
        /// The organisation's id.
        organisation_id: Path<Id>,
    ) -> Result<Json<Vec<MemberView>>, FindProblems> {
        let id = OrganisationId(organisation_id.0.get("organisation_id")?);
        let members = self.0.ticketing.members(&by(&session), id).await?;
        Ok(Json(members.iter().map(MemberView::from).collect()))
    }

    /// Add a member
    ///
    /// For members with `manage` for all events, who cannot give a role with a permission that they lack. There must be an account
    /// with this address, and the address must be verified. It takes effect with the member's next request. Repeating the request has
    /// no further effect; another role replaces the one before.
    #[oai(path = "/organisations/:organisation_id/members", method = "post", operation_id = "addMember")]
    async fn add(
        &self,
        session: Session,
        /// The organisation's id.
        organisation_id: Path<Id>,
        body: Body<MemberBody>,
    ) -> Result<Added, AddProblems> {
        let id = OrganisationId(organisation_id.0.get("organisation_id")?);
        let (email, role, events) = body.0.into_member()?;
        let added = self.0.ticketing.add_member(&by(&session), id, &email, role, events).await?;
        Ok(Added::Added(Json(MemberView::from(&added))))
    }

    /// Change a member
    ///
    /// For members with `manage` for all events, who can neither give nor take away a permission that they lack. The last owner stays
    /// one. Repeating the request has no further effect.
    #[oai(
        path = "/organisations/:organisation_id/members/:account_id",
        method = "patch",
        operation_id = "changeMember"
    )]
    async fn change(
        &self,
        session: Session,
        /// The organisation's id.
        organisation_id: Path<Id>,
        /// The id of the member's account.
        account_id: Path<Id>,
        body: Body<MemberPatch>,
    ) -> Result<Json<MemberView>, ChangeProblems> {
        let id = OrganisationId(organisation_id.0.get("organisation_id")?);
        let account = AccountId(account_id.0.get("account_id")?);
        let (role, events) = body.0.into_wants()?;
        let changed = self.0.ticketing.change_member(&by(&session), id, account, role, events).await?;
        Ok(Json(MemberView::from(&changed)))
    }

    /// Remove a member
    ///
    /// For members with `manage` for all events; and every member may leave. The last owner stays. It takes effect with the member's
    /// next request. Repeating the request has no further effect.
    #[oai(
        path = "/organisations/:organisation_id/members/:account_id",
        method = "delete",
        operation_id = "removeMember"
    )]
    async fn remove(
        &self,
        session: Session,
        /// The organisation's id.
        organisation_id: Path<Id>,
        /// The id of the member's account.
        account_id: Path<Id>,
    ) -> Result<Removed, RemoveProblems> {
        let id = OrganisationId(organisation_id.0.get("organisation_id")?);
        let account = AccountId(account_id.0.get("account_id")?);
        self.0.ticketing.remove_member(&by(&session), id, account).await?;
        Ok(Removed::Done)
    }
}
