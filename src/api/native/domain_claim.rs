//! `/v1/domain-claims`: domains that a user says are theirs, until a TXT record proves it.
//!
//! Looking asks DNS and changes nothing; that the proof was seen is recorded by the check, as on the page.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::caller::{Reader, Writer};
use super::dns_record::RecordShape;
use super::domain::DomainShape;
use super::once::{self, RequestKey};
use super::page::Page;
use super::problem::Problem;
use super::request::{Body, Id, Nothing, Params, PublicId};
use super::routes::{Access, Routes};
use crate::model::DomainName;
use crate::model::api_token::Scope;
use crate::model::domain::{Domain, DomainClaim};
use crate::model::id::UserId;
use crate::service::broker::Broker;
use crate::service::dkim_key::KeyError;
use crate::service::domain_check::{self, Record};
use crate::service::domain_claim::{self, ClaimError, FindError, Theirs};

/// All routes.
pub fn routes(routes: Routes) -> Routes {
    let (read, write) = (Access::Needs(Scope::Read), Access::Needs(Scope::Write));
    routes
        .noun(
            "Domain claims",
            "Domains that a user says are theirs. They are in nobody's way; who publishes the record that was drawn for them \
             has the domain.",
        )
        .on::<__path_list, _, _>(read, list)
        .once::<__path_create, _, _>(write, create)
        .on::<__path_show, _, _>(read, show)
        .on::<__path_remove, _, _>(write, remove)
        .on::<__path_check, _, _>(write, check)
}

/// A domain that is not proven yet.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DomainClaim)]
pub struct ClaimShape {
    /// Its id; the domain keeps it once it is proven.
    id: PublicId,
    /// Its name.
    #[schema(example = "you.example")]
    name: String,
    /// What the TXT record holds that proves it, at the domain itself or at `_postern` below it.
    #[schema(example = "postern-domain=2a0z9y4kfq3m7w8xpb6t")]
    proof: String,
    /// Whether mailboxes of the user are at it: once its mail comes here, mail for them does, too, and is refused.
    has_mailboxes: bool,
    /// When it was claimed.
    #[schema(format = DateTime)]
    created_at: String,
}

impl ClaimShape {
    fn of((claim, has_mailboxes): &(DomainClaim, bool)) -> Self {
        Self {
            id: PublicId(claim.uuid),
            name: claim.name.to_string(),
            proof: claim.record(),
            has_mailboxes: *has_mailboxes,
            created_at: claim.created_at.to_rfc3339(),
        }
    }
}

/// A claim, and what DNS says beside what it should say.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DomainClaimShown)]
pub struct ClaimShown {
    #[serde(flatten)]
    claim: ClaimShape,
    /// The records to publish, the proof first. Those with keys to check signatures come once it is proven.
    records: Vec<RecordShape>,
}

/// What a look for the proof came to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DomainProof)]
pub struct ProofShape {
    /// Whether it was seen: the domain is the user's from then on.
    proven: bool,
    /// The domain, once it is proven; it has the id of the claim.
    domain: Option<DomainShape>,
    /// The records it needs beside those published now, the proof first while it counts.
    records: Vec<RecordShape>,
}

fn shapes(records: Vec<Record>) -> Vec<RecordShape> {
    records.into_iter().map(RecordShape::from).collect()
}

impl From<ClaimError> for Problem {
    fn from(error: ClaimError) -> Self {
        match error {
            error @ (ClaimError::PublicSuffix | ClaimError::Instance) => Self::invalid("name", error),
            error @ (ClaimError::Taken | ClaimError::TooMany) => Self::conflict(error),
            ClaimError::Storage(error) => error.into(),
        }
    }
}

impl From<FindError> for Problem {
    fn from(error: FindError) -> Self {
        match error {
            FindError::Unknown => Self::not_found(),
            error @ FindError::Taken => Self::conflict(error),
            FindError::Storage(error) => error.into(),
        }
    }
}

async fn find(broker: &Broker, user: UserId, id: Uuid) -> Result<(DomainClaim, bool), Problem> {
    let all = domain_claim::list_with_mailboxes(&broker.desk, user).await?;
    all.into_iter().find(|(claim, _)| claim.uuid == id).ok_or_else(Problem::not_found)
}

/// Lists claims.
#[utoipa::path(get, path = "/v1/domain-claims",
    responses((status = 200, description = "All domains that are not proven yet, the oldest first.", body = Page<ClaimShape>)))]
pub async fn list(State(broker): State<Broker>, reader: Reader, _: Params<Nothing>) -> Result<Json<Page<ClaimShape>>, Problem> {
    let all = domain_claim::list_with_mailboxes(&broker.desk, reader.user_id()).await?;
    Ok(Json(Page::whole(all.iter().map(ClaimShape::of).collect())))
}

/// Which domain is the user's.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewDomainClaim)]
pub struct New {
    /// Its name: the one that was registered, or one below it.
    #[schema(example = "you.example")]
    name: String,
}

/// Claims a domain.
///
/// Nothing changes before the proof. A claim of the same name that is there already is answered instead of a new one.
#[utoipa::path(post, path = "/v1/domain-claims",
    request_body(content = New, example = json!({"name": "jane-roe.example"})),
    responses((status = 201, description = "The claim, with the record to publish.", body = ClaimShape,
            headers(("Location" = String, description = "Its address."))),
        (status = 409, description = "The domain is in use on this instance already, or the user has 20 claims.")))]
pub async fn create(State(broker): State<Broker>, writer: Writer, key: RequestKey, body: Body<New>) -> Result<Response, Problem> {
    let name = body.value.name.trim_end_matches('.');
    let name = DomainName::parse(name).map_err(|error| Problem::invalid("name", error))?;
    let once = key.once(&writer.0, &body.bytes, ClaimShape::of);
    let made = domain_claim::claim_once(&broker.desk, &broker.rules.hostname, writer.user_id(), name, once).await?;
    Ok(once::answer(made, "/v1/domain-claims"))
}

/// Shows a claim with what DNS says.
#[utoipa::path(get, path = "/v1/domain-claims/{claim}", params(("claim" = PublicId, Path, description = "Its id.")),
    responses((status = 200, description = "The claim and the records to publish.", body = ClaimShown)))]
pub async fn show(
    State(broker): State<Broker>,
    reader: Reader,
    Id(id): Id,
    _: Params<Nothing>,
) -> Result<Json<ClaimShown>, Problem> {
    let found = find(&broker, reader.user_id(), id).await?;
    let records = domain_check::of_claim(&broker.surroundings(), &found.0).await;
    Ok(Json(ClaimShown { claim: ClaimShape::of(&found), records: shapes(records) }))
}

/// Takes a claim back.
#[utoipa::path(delete, path = "/v1/domain-claims/{claim}", params(("claim" = PublicId, Path, description = "Its id.")),
    responses((status = 204, description = "It is gone, and the record with it means nothing.")))]
pub async fn remove(State(broker): State<Broker>, writer: Writer, Id(id): Id, _: Params<Nothing>) -> Result<StatusCode, Problem> {
    let (claim, _) = find(&broker, writer.user_id(), id).await?;
    domain_claim::remove(&broker.desk, writer.user_id(), claim.name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Looks for the proof.
///
/// The domain is the user's once it was seen, and everybody else's claims of it end. Asked again after that, it says so
/// again.
#[utoipa::path(post, path = "/v1/domain-claims/{claim}/check", params(("claim" = PublicId, Path, description = "Its id.")),
    responses((status = 200, description = "What was seen.", body = ProofShape),
        (status = 409, description = "Somebody else on this instance has proven the domain.")))]
pub async fn check(
    State(broker): State<Broker>,
    writer: Writer,
    Id(id): Id,
    _: Params<Nothing>,
) -> Result<Json<ProofShape>, Problem> {
    let (domain, mut records) = match domain_claim::find_by_uuid(&broker.desk, writer.user_id(), false, id).await? {
        Theirs::Domain(domain) => (Some(domain), Vec::new()),
        Theirs::Claim(claim) => {
            let look = domain_claim::check(&broker.desk, &broker.surroundings(), writer.user_id(), &claim.name).await?;
            (look.domain, look.records)
        }
    };
    let Some(domain) = domain else {
        return Ok(Json(ProofShape { proven: false, domain: None, records: shapes(records) }));
    };
    records.extend(all_records(&broker, &domain).await?);
    let domain = DomainShape::one(&broker, writer.user_id(), &domain).await?;
    Ok(Json(ProofShape { proven: true, domain: Some(domain), records: shapes(records) }))
}

/// What a domain needs from the proof on, with the keys its mail is signed with. It is its owner's also while those can't
/// be made.
async fn all_records(broker: &Broker, domain: &Domain) -> Result<Vec<Record>, Problem> {
    match broker.signing.keep_up(&broker.desk).await {
        Ok(()) => {}
        Err(KeyError::Storage(error)) => return Err(error.into()),
        Err(error) => tracing::error!(%error, "keys to sign mail with could not be made yet"),
    }
    Ok(domain_check::check(&broker.desk, &broker.surroundings(), &domain.name).await?)
}
