//! What an alias with a chosen name can be made of.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::caller::Caller;
use super::error::ApiError;
use super::request::Params;
use crate::model::api_token::Scope;
use crate::service::alias_options::{self, Options};
use crate::service::broker::Broker;

async fn options(broker: &Broker, caller: &Caller, params: &Params) -> Result<Options, ApiError> {
    caller.need(Scope::AliasCreate)?;
    Ok(alias_options::options(&broker.desk, &broker.keys.bounce, caller.user_id(), params.site().as_ref()).await?)
}

fn answer(caller: &Caller, params: &Params, options: &Options, suffixes: Vec<Value>) -> Json<Value> {
    let mut answer = json!({ "can_create": true, "prefix_suggestion": options.prefix, "suffixes": suffixes });
    // Which aliases there are is for keys that may see them.
    let there = options.there.as_ref().filter(|_| caller.0.token.scopes.allow(Scope::Read));
    if let (Some(there), Some(fields)) = (there, answer.as_object_mut()) {
        let hostname = params.get("hostname").unwrap_or_default();
        fields.insert("recommendation".into(), json!({ "alias": there.alias.address.to_string(), "hostname": hostname }));
    }
    Json(answer)
}

/// `GET /api/v4/alias/options`: each ending a pair of what is shown and what is sent back.
pub async fn v4(State(broker): State<Broker>, caller: Caller, params: Params) -> Result<Json<Value>, ApiError> {
    let options = options(&broker, &caller, &params).await?;
    let pairs = options.endings.iter().map(|(ending, signed)| json!([ending.text(), signed])).collect();
    Ok(answer(&caller, &params, &options, pairs))
}

/// `GET /api/v5/alias/options`: each ending an object.
pub async fn v5(State(broker): State<Broker>, caller: Caller, params: Params) -> Result<Json<Value>, ApiError> {
    let options = options(&broker, &caller, &params).await?;
    let objects = options.endings.iter().map(|(ending, signed)| {
        json!({ "suffix": ending.text(), "signed_suffix": signed, "is_custom": ending.is_own, "is_premium": false })
    });
    let objects = objects.collect();
    Ok(answer(&caller, &params, &options, objects))
}
