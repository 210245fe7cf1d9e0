//! Invitations to organisations.

use super::Tag;
use super::bearer::Session;
use super::dto::body::Body;
use super::dto::organisation::{InvitationBody, InvitationView, OrganisationView};
use super::dto::path::Id;
use super::dto::proof::TokenBody;
use super::login::{client_of, subject_of};
use super::problems::{BODY, KEYED, MEMBER, PARAMETERS, TOKEN, problems};
use super::proofs::problem;
use super::state::ApiState;
use crate::middleware::proof_limit::ProofRequest;
use poem::Request;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};
use ticketing_core::domain::audit::Actor;
use ticketing_core::domain::id::{OrganisationId, ProofId};
use ticketing_core::domain::proof::ProofPurpose;

problems! {
    InviteProblems: BODY, PARAMETERS, KEYED, TOKEN, MEMBER, &[
        "forbidden", "not_found", "organisation_unknown", "event_unknown", "not_granted", "too_many_invitations", "too_many_proofs",
    ];
    ListProblems: PARAMETERS, TOKEN, MEMBER, &["forbidden", "not_found"];
    WithdrawProblems: PARAMETERS, TOKEN, MEMBER, &[
        "forbidden", "not_found", "organisation_unknown", "invitation_unknown", "not_granted",
    ];
    JoinProblems: BODY, KEYED, TOKEN, &[
        "proof_unknown", "last_owner", "too_many_members", "too_many_organisations", "not_found",
    ];
}

#[derive(ApiResponse)]
enum Invited {
    /// The invitation. A mail with its token is on its way.
    #[oai(status = 201)]
    Invited(Json<InvitationView>),
}

#[derive(ApiResponse)]
enum Withdrawn {
    /// Its token is of no use any more.
    #[oai(status = 204)]
    Done,
}

pub(crate) struct Invitations(pub(crate) ApiState);

fn by(session: &Session) -> Actor {
    Actor::Person(session.who())
}

#[OpenApi(tag = "Tag::Organisations")]
impl Invitations {
    /// Invite somebody to an organisation
    ///
    /// For members with `manage` for all events, who cannot give a role with a permission that they lack. A mail with a token goes to the
    /// address, which is valid for seven days; whether there is an account with the address makes no difference. The mail contains no word
    /// that a person chose. Another invitation of the same address replaces the first: the last role and events count. Three an hour for
    /// one address, 20 by one account, 30 from one client; an organisation has 100 open ones.
    #[oai(path = "/organisations/:organisation_id/invitations", method = "post", operation_id = "inviteMember")]
    async fn invite(
        &self,
        http: &Request,
        session: Session,
        /// The organisation's id.
        organisation_id: Path<Id>,
        body: Body<InvitationBody>,
    ) -> Result<Invited, InviteProblems> {
        let id = OrganisationId(organisation_id.0.get("organisation_id")?);
        let (email, role, events) = body.0.into_member()?;
        let (together, now) = (self.0.has_shared_limits.then_some(&self.0.ticketing), self.0.clock.now());
        self.0.proof_limit.begin(ProofRequest::Invited, client_of(http), together, now).await?;
        let invited = self.0.ticketing.invite_member(&by(&session), id, &email, role, events).await;
        let invited = invited.map_err(|error| problem(&self.0, error))?;
        subject_of(&self.0, http, &session.0).proof_requested(ProofPurpose::JoinOrganisation.name());
        let view = InvitationView::of(&invited).ok_or(ticketing_core::Error::NotFound("Invitation"))?;
        Ok(Invited::Invited(Json(view)))
    }

    /// List the open invitations of an organisation
    ///
    /// For members with `manage`. The oldest first. At most 100.
    #[oai(path = "/organisations/:organisation_id/invitations", method = "get", operation_id = "listInvitations")]
    async fn list(
        &self,
        session: Session,
        /// The organisation's id.
        organisation_id: Path<Id>,
    ) -> Result<Json<Vec<InvitationView>>, ListProblems> {
        let id = OrganisationId(organisation_id.0.get("organisation_id")?);
        let open = self.0.ticketing.invitations(&by(&session), id).await?;
        Ok(Json(open.iter().filter_map(InvitationView::of).collect()))
    }

    /// Withdraw an invitation
    ///
    /// For members with `manage` for all events and every permission of the role. Its token is of no use any more. Repeating the request
    /// has no further effect. One that was accepted is `invitation_unknown`: remove the member instead.
    #[oai(
        path = "/organisations/:organisation_id/invitations/:invitation_id",
        method = "delete",
        operation_id = "withdrawInvitation"
    )]
    async fn withdraw(
        &self,
        session: Session,
        /// The organisation's id.
        organisation_id: Path<Id>,
        /// The invitation's id.
        invitation_id: Path<Id>,
    ) -> Result<Withdrawn, WithdrawProblems> {
        let organisation = OrganisationId(organisation_id.0.get("organisation_id")?);
        let id = ProofId(invitation_id.0.get("invitation_id")?);
        self.0.ticketing.withdraw_invitation(&by(&session), organisation, id).await?;
        Ok(Withdrawn::Done)
    }

    /// Accept an invitation
    ///
    /// With the token that was mailed to the address of the caller's account, which counts as verified from then on. The caller becomes a
    /// member of the organisation, or gets the role and the events of the invitation. A token that is wrong, used, replaced, withdrawn or
    /// expired is `proof_unknown`, and so is one for another address, and one of an inviter who may not give the role any more.
    #[oai(path = "/organisations/join", method = "post", operation_id = "joinOrganisation")]
    async fn join(
        &self,
        http: &Request,
        session: Session,
        body: Body<TokenBody>,
    ) -> Result<Json<OrganisationView>, JoinProblems> {
        let joined = self.0.ticketing.join_organisation(session.0.id, &body.0.token.0).await?;
        subject_of(&self.0, http, &session.0).event("organisation_joined");
        Ok(Json(OrganisationView::new(&joined.0, Some(&joined.1))))
    }
}
