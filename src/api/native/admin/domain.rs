//! `/v1/admin/domains`: the domains everybody may use. They are added in the settings; here is how they stand.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::api::native::caller::Admin;
use crate::api::native::dns_record::RecordShape;
use crate::api::native::page::Page;
use crate::api::native::problem::Problem;
use crate::api::native::request::{Id, Nothing, Params, PublicId};
use crate::api::native::routes::{Access, Routes};
use crate::model::api_token::Scope;
use crate::model::domain::Domain;
use crate::service::broker::Broker;
use crate::service::{domain, domain_check};

/// All routes.
pub fn routes(routes: Routes) -> Routes {
    let admin = Access::Needs(Scope::Admin);
    routes
        .noun("Instance domains", "The domains everybody may make aliases on. The settings of the instance name them.")
        .on::<__path_list, _, _>(admin, list)
        .on::<__path_check, _, _>(admin, check)
}

/// A domain everybody may make aliases on.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = InstanceDomain)]
pub struct InstanceDomainShape {
    /// Its id.
    id: PublicId,
    /// Its name.
    #[schema(example = "you.example")]
    name: String,
    /// When it was added.
    #[schema(format = DateTime)]
    created_at: String,
}

impl InstanceDomainShape {
    fn of(domain: &Domain) -> Self {
        Self { id: PublicId(domain.uuid), name: domain.name.to_string(), created_at: domain.created_at.to_rfc3339() }
    }
}

/// Those nobody brought along.
async fn shared(broker: &Broker) -> Result<impl Iterator<Item = Domain>, Problem> {
    Ok(domain::list(&broker.desk).await?.into_iter().filter(|domain| domain.user_id.is_none()))
}

async fn find(broker: &Broker, id: Uuid) -> Result<Domain, Problem> {
    shared(broker).await?.find(|domain| domain.uuid == id).ok_or_else(Problem::not_found)
}

/// Lists the instance's domains.
#[utoipa::path(get, path = "/v1/admin/domains",
    responses((status = 200, description = "All of them, the oldest first.", body = Page<InstanceDomainShape>)))]
pub async fn list(
    State(broker): State<Broker>,
    _: Admin,
    _: Params<Nothing>,
) -> Result<Json<Page<InstanceDomainShape>>, Problem> {
    Ok(Json(Page::whole(shared(&broker).await?.map(|domain| InstanceDomainShape::of(&domain)).collect())))
}

/// Checks the DNS records of one of the instance's domains.
///
/// All that it needs beside what is published now.
#[utoipa::path(get, path = "/v1/admin/domains/{domain}/check", params(("domain" = PublicId, Path, description = "Its id.")),
    responses((status = 200, description = "The records.", body = Page<RecordShape>)))]
pub async fn check(
    State(broker): State<Broker>,
    _: Admin,
    Id(id): Id,
    _: Params<Nothing>,
) -> Result<Json<Page<RecordShape>>, Problem> {
    let domain = find(&broker, id).await?;
    let records = domain_check::check(&broker.desk, &broker.surroundings(), &domain.name).await?;
    Ok(Json(Page::whole(records.into_iter().map(RecordShape::from).collect())))
}
