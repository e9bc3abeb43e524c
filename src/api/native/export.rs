//! `/v1/export`: everything a user has, as one archive.
//!
//! It is made in full before the first byte goes out, so that what arrives is whole or visibly cut off. It needs `read`: it
//! holds what can be read one by one. The key that signs names takes the scope `account`, here as at `/v1/name-key`, and is
//! left out for a token without it: names are taken for the owner's own long after a token was revoked.

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use utoipa::ToSchema;

use super::caller::Reader;
use super::import::busy;
use super::problem::Problem;
use super::request::{Nothing, Params};
use super::routes::{Access, Routes};
use crate::model::api_token::Scope;
use crate::service::broker::Broker;
use crate::service::export::{self, ExportError, NameKeyIs};

/// All routes.
pub fn routes(routes: Routes) -> Routes {
    let about = "Aliases from elsewhere in, and everything out. The forms of the files are described in docs/import-export.md.";
    routes
        .noun("Transfer", about)
        .on::<__path_export, _, _>(Access::Needs(Scope::Read), export)
        .on::<super::import::__path_import, _, _>(Access::Needs(Scope::Write), super::import::import)
}

/// A ZIP archive.
#[derive(Debug, ToSchema)]
#[schema(as = Archive, value_type = String, format = Binary)]
pub struct ArchiveShape(#[expect(dead_code, reason = "it describes bytes that are sent as they are")] Vec<u8>);

impl From<ExportError> for Problem {
    fn from(error: ExportError) -> Self {
        match error {
            // Removed since the token was looked at.
            ExportError::Unknown => Self::unauthorized(),
            ExportError::Io(error) => {
                tracing::error!(%error, "an export could not be written to a temporary file");
                Self::unavailable("the archive could not be written; try again, and if that does not help, tell the operator")
            }
            ExportError::Storage(error) => error.into(),
        }
    }
}

/// Takes everything away.
///
/// One ZIP archive: `postern.json` with all the user has, `aliases.csv` for other programs, `about.json`, `README.txt`. An
/// import brings it back as it was. There are no passwords, tokens or letters in it. The key that signs names made without
/// network is in it for a token with the scopes `read` and `account`; for one with `read` alone it is not, and `about.json`
/// says so under `left_out`.
#[utoipa::path(get, path = "/v1/export",
    responses((status = 200, description = "The archive.", content_type = "application/zip", body = ArchiveShape),
        (status = 409, description = "An import or export of the user is under way.")))]
pub async fn export(State(broker): State<Broker>, reader: Reader, _: Params<Nothing>) -> Result<Response, Problem> {
    let user = reader.user_id();
    let key = if reader.0.token.scopes.allow(Scope::Account) { NameKeyIs::In } else { NameKeyIs::LeftOut };
    let pass = broker.imports.enter(user).map_err(busy)?;
    let made = export::make(&broker.desk, user, key, &broker.rules.data_dir).await?;
    let headers = [
        (CONTENT_TYPE, "application/zip".to_owned()),
        (CONTENT_DISPOSITION, "attachment; filename=postern-export.zip".to_owned()),
        (CONTENT_LENGTH, made.length.to_string()),
        (CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((headers, Body::from_stream(made.pieces(pass))).into_response())
}
