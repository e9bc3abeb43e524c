//! `/v1/app-passwords`: what mail programs log in with to send from aliases.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::caller::{Reader, Writer};
use super::once::RequestKey;
use super::page::Page;
use super::problem::Problem;
use super::request::{Body, Id, Nothing, Params, PublicId};
use super::routes::{Access, Routes};
use crate::model::Timestamp;
use crate::model::api_token::Scope;
use crate::model::app_password::AppPassword;
use crate::service::app_password;
use crate::service::broker::Broker;

/// All routes.
pub fn routes(routes: Routes) -> Routes {
    let (read, write) = (Access::Needs(Scope::Read), Access::Needs(Scope::Write));
    routes
        .noun("App passwords", "What mail programs log in with to send from aliases. The secret is shown once.")
        .on::<__path_list, _, _>(read, list)
        .on::<__path_create, _, _>(write, create)
        .on::<__path_revoke, _, _>(write, revoke)
}

/// An app password; its secret is nowhere but in the program.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AppPassword)]
pub struct AppPasswordShape {
    /// Its id.
    id: PublicId,
    /// What its owner calls the device.
    #[schema(example = "phone")]
    name: String,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was last used, to the hour.
    #[schema(format = DateTime)]
    last_used_at: Option<String>,
}

impl AppPasswordShape {
    fn of(one: &AppPassword) -> Self {
        Self {
            id: PublicId(one.uuid),
            name: one.name.clone(),
            created_at: one.created_at.to_rfc3339(),
            last_used_at: one.last_used_at.map(Timestamp::to_rfc3339),
        }
    }
}

/// A new app password, and its secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewAppPasswordMade {
    /// The secret. It is shown this once.
    secret: String,
    /// The user name that goes with it.
    #[schema(example = "jane.roe@inbox.example")]
    user_name: String,
    /// The server mail is handed in at.
    #[schema(example = "gate.you.example")]
    server: String,
    /// Its ports with TLS from the first byte.
    #[schema(example = json!([465]))]
    tls_ports: Vec<u16>,
    /// Its ports with STARTTLS.
    #[schema(example = json!([587]))]
    starttls_ports: Vec<u16>,
    /// The app password.
    app_password: AppPasswordShape,
}

/// Lists app passwords.
#[utoipa::path(get, path = "/v1/app-passwords",
    responses((status = 200, description = "All app passwords, the oldest first.", body = Page<AppPasswordShape>)))]
pub async fn list(
    State(broker): State<Broker>,
    reader: Reader,
    _: Params<Nothing>,
) -> Result<Json<Page<AppPasswordShape>>, Problem> {
    let all = app_password::list(&broker.desk, reader.user_id()).await?;
    Ok(Json(Page::whole(all.iter().map(AppPasswordShape::of).collect())))
}

/// What a new app password is made of.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewAppPassword)]
pub struct New {
    /// What to call the device.
    #[schema(min_length = 1, max_length = 100, example = "phone")]
    name: String,
}

/// Makes an app password.
///
/// It ends with the token of this request. An `Idempotency-Key` is refused: the answer holds a secret, and no secret is kept.
#[utoipa::path(post, path = "/v1/app-passwords",
    request_body(content = New, example = json!({"name": "phone"})),
    responses((status = 201, description = "The app password and its secret.", body = NewAppPasswordMade)))]
pub async fn create(
    State(broker): State<Broker>,
    writer: Writer,
    key: RequestKey,
    body: Body<New>,
) -> Result<(StatusCode, Json<NewAppPasswordMade>), Problem> {
    key.refuse()?;
    let (made, secret) = app_password::create_by(&broker.desk, &writer.0.token, &body.value.name).await?;
    let shown = NewAppPasswordMade {
        secret: secret.shown(),
        user_name: writer.0.user.email.to_string(),
        server: broker.rules.hostname.to_string(),
        tls_ports: broker.rules.submissions_ports.clone(),
        starttls_ports: broker.rules.submission_ports.clone(),
        app_password: AppPasswordShape::of(&made),
    };
    Ok((StatusCode::CREATED, Json(shown)))
}

/// Revokes an app password.
///
/// Nobody logs in with it any more, and who did is refused the next message.
#[utoipa::path(delete, path = "/v1/app-passwords/{app_password}",
    params(("app_password" = PublicId, Path, description = "Its id.")),
    responses((status = 204, description = "It is revoked.")))]
pub async fn revoke(State(broker): State<Broker>, writer: Writer, Id(id): Id, _: Params<Nothing>) -> Result<StatusCode, Problem> {
    app_password::revoke(&broker.desk, writer.user_id(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}
