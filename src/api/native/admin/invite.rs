//! `/v1/admin/invites`: links by which others make an account, made with a note and an end, shown once, taken back.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::native::caller::Admin;
use crate::api::native::once::RequestKey;
use crate::api::native::page::Page;
use crate::api::native::problem::Problem;
use crate::api::native::request::{Body, Id, Nothing, Params, PublicId};
use crate::api::native::routes::{Access, Routes};
use crate::config::instance::Registration;
use crate::model::Timestamp;
use crate::model::api_token::Scope;
use crate::model::invite::{Invite, InviteState};
use crate::service::broker::Broker;
use crate::service::invite::{self, CreateError};

/// All routes.
pub fn routes(routes: Routes) -> Routes {
    let admin = Access::Needs(Scope::Admin);
    routes
        .noun("Invitations", "Links by which others make an account. Each is shown once.")
        .on::<__path_list, _, _>(admin, list)
        .on::<__path_create, _, _>(admin, create)
        .on::<__path_revoke, _, _>(admin, revoke)
}

/// What an invitation is good for.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = InviteState)]
pub enum Standing {
    /// Somebody may come with it.
    Open,
    /// An account was made by it.
    Used,
    /// Nobody came in time.
    Expired,
}

impl From<InviteState> for Standing {
    fn from(state: InviteState) -> Self {
        match state {
            InviteState::Open => Self::Open,
            InviteState::Used => Self::Used,
            InviteState::Expired => Self::Expired,
        }
    }
}

/// An invitation, without its link.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Invite)]
pub struct InviteShape {
    /// Its id.
    id: PublicId,
    /// Whom it is for, in the words of who made it.
    #[schema(example = "Ann")]
    note: String,
    /// What it is good for.
    state: Standing,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// Until when somebody may come with it.
    #[schema(format = DateTime)]
    expires_at: String,
    /// When an account was made by it.
    #[schema(format = DateTime)]
    used_at: Option<String>,
}

impl InviteShape {
    fn of(invite: &Invite, now: Timestamp) -> Self {
        Self {
            id: PublicId(invite.uuid),
            note: invite.note.clone(),
            state: invite.state(now).into(),
            created_at: invite.created_at.to_rfc3339(),
            expires_at: invite.expires_at.to_rfc3339(),
            used_at: invite.used_at.map(Timestamp::to_rfc3339),
        }
    }
}

/// Who may make an account.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = Registration)]
pub enum RegistrationShape {
    /// Nobody, whatever they were given: so the settings say.
    Closed,
    /// Whoever has an invitation.
    Invite,
    /// Everybody.
    Open,
}

impl From<Registration> for RegistrationShape {
    fn from(registration: Registration) -> Self {
        match registration {
            Registration::Closed => Self::Closed,
            Registration::Invite => Self::Invite,
            Registration::Open => Self::Open,
        }
    }
}

impl From<CreateError> for Problem {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::Note => Self::invalid("note", error),
            CreateError::Lasts => Self::invalid("lasts", error),
            CreateError::Storage(error) => error.into(),
        }
    }
}

/// Lists invitations.
///
/// The newest five hundred first, whatever became of them.
#[utoipa::path(get, path = "/v1/admin/invites",
    responses((status = 200, description = "The invitations.", body = Page<InviteShape>)))]
pub async fn list(State(broker): State<Broker>, _: Admin, _: Params<Nothing>) -> Result<Json<Page<InviteShape>>, Problem> {
    let (all, now) = (invite::list(&broker.desk).await?, broker.now());
    Ok(Json(Page::whole(all.iter().map(|invite| InviteShape::of(invite, now)).collect())))
}

/// What a new invitation is made of.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewInvite)]
pub struct New {
    /// Whom it is for, for your own list.
    #[schema(max_length = 200, example = "Ann")]
    note: Option<String>,
    /// For how many seconds it works, up to 366 days; a week when it is left out.
    #[schema(minimum = 60, maximum = 31_622_400, example = 604_800)]
    lasts: Option<u64>,
}

/// A new invitation, and its link.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewInviteMade {
    /// Makes one account for whoever has it. It is shown this once.
    #[schema(example = "https://gate.you.example/invite/MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    link: String,
    /// Who may make an account now: with `closed`, the link does not work yet.
    registration: RegistrationShape,
    /// The invitation.
    invite: InviteShape,
}

/// Makes an invitation.
///
/// An `Idempotency-Key` is refused: the answer holds a secret, and no secret is kept.
#[utoipa::path(post, path = "/v1/admin/invites",
    request_body(content = New, example = json!({"note": "Ann", "lasts": 604_800})),
    responses((status = 201, description = "The invitation and its link.", body = NewInviteMade)))]
pub async fn create(
    State(broker): State<Broker>,
    Admin(caller): Admin,
    key: RequestKey,
    body: Body<New>,
) -> Result<(StatusCode, Json<NewInviteMade>), Problem> {
    key.refuse()?;
    let (note, lasts) = (body.value.note.unwrap_or_default(), body.value.lasts.map_or(invite::LASTS, Duration::from_secs));
    let (made, secret) = invite::create(&broker.desk, Some(caller.user.id), &note, lasts).await?;
    let link = invite::link(&broker.rules.public_url, &secret);
    let shape = InviteShape::of(&made, broker.now());
    Ok((StatusCode::CREATED, Json(NewInviteMade { link, registration: broker.rules.registration.into(), invite: shape })))
}

/// Takes an invitation back.
///
/// One by which an account was made stays in the list.
#[utoipa::path(delete, path = "/v1/admin/invites/{invite}", params(("invite" = PublicId, Path, description = "Its id.")),
    responses((status = 204, description = "It does not work any more.")))]
pub async fn revoke(State(broker): State<Broker>, _: Admin, Id(id): Id, _: Params<Nothing>) -> Result<StatusCode, Problem> {
    if invite::revoke(&broker.desk, id).await? { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found()) }
}
