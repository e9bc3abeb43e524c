//! Whom the user wants nothing from, at whichever alias. How often a block was met is not counted by block.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::caller::Caller;
use super::error::ApiError;
use super::page::Wanted;
use super::request::{Body, Data, Id, Params, filled, ids, required};
use super::token::moment;
use crate::model::api_token::Scope;
use crate::model::block::{Block, Sender};
use crate::model::user::User;
use crate::model::{Address, DomainName};
use crate::service::block;
use crate::service::broker::Broker;

/// Values of one request.
const MOST_VALUES: usize = 50;
/// Ids of one request.
const MOST_IDS: usize = 500;
/// Longest text that is searched for, in characters.
const LONGEST_SEARCH: usize = 100;

/// A block.
#[derive(Debug, Serialize)]
pub struct BlockShape {
    id: String,
    user_id: String,
    value: String,
    r#type: &'static str,
    blocked: i64,
    last_blocked: Option<String>,
    created_at: String,
    updated_at: String,
}

impl BlockShape {
    fn of(block: &Block, user: &User) -> Self {
        let created = moment(block.created_at);
        let (value, kind) = match &block.sender {
            Sender::Address(address) => (address.folded(), "email"),
            Sender::Domain(domain) => (domain.to_string(), "domain"),
        };
        Self {
            id: block.uuid.to_string(),
            user_id: user.uuid.to_string(),
            value,
            r#type: kind,
            blocked: 0,
            last_blocked: None,
            created_at: created.clone(),
            updated_at: created,
        }
    }
}

async fn shapes(broker: &Broker, caller: &Caller) -> Result<Vec<BlockShape>, ApiError> {
    let blocks = block::everywhere(&broker.desk, caller.user_id()).await?;
    Ok(blocks.iter().map(|block| BlockShape::of(block, caller.user())).collect())
}

/// `GET /api/v1/blocklist`
pub async fn list(State(broker): State<Broker>, caller: Caller, params: Params) -> Result<Json<Value>, ApiError> {
    caller.need(Scope::Read)?;
    let wanted = Wanted::of(&params)?;
    let mut all = shapes(&broker, &caller).await?;
    match params.get("filter[type]") {
        None => {}
        Some(kind @ ("email" | "domain")) => all.retain(|shape| shape.r#type == kind),
        Some(_) => return Err(ApiError::invalid("filter.type", "The selected filter.type is invalid.")),
    }
    if let Some(search) = params.get("filter[search]").map(str::to_lowercase) {
        if search.chars().count() > LONGEST_SEARCH {
            return Err(ApiError::invalid("filter.search", "The filter.search field is too long."));
        }
        all.retain(|shape| shape.value.contains(&search));
    }
    sort(&mut all, params.get("sort").unwrap_or("-created_at"))?;
    let total = i64::try_from(all.len()).unwrap_or(i64::MAX);
    let skipped = usize::try_from(wanted.offset()).unwrap_or(usize::MAX);
    let size = usize::try_from(wanted.size).unwrap_or(usize::MAX);
    let page: Vec<BlockShape> = all.into_iter().skip(skipped).take(size).collect();
    let base = format!("{}/api/v1/blocklist", broker.rules.public_url);
    Ok(Json(wanted.envelope(&page, total, &base, &params)))
}

/// They come oldest first.
fn sort(all: &mut [BlockShape], order: &str) -> Result<(), ApiError> {
    let (name, descending) = order.strip_prefix('-').map_or((order, false), |name| (name, true));
    match name {
        // None was met more often than another.
        "created_at" | "blocked" | "last_blocked" => {}
        "value" => all.sort_by(|a, b| a.value.cmp(&b.value)),
        _ => return Err(ApiError::invalid("sort", "The selected sort is invalid.")),
    }
    if descending {
        all.reverse();
    }
    Ok(())
}

fn parse(kind: &str, value: &str) -> Result<Sender, ApiError> {
    let invalid = |_| ApiError::invalid("value", format!("The value field must be a valid {kind}."));
    match kind {
        "email" => Address::parse(value.trim()).map(Sender::Address).map_err(invalid),
        "domain" => DomainName::parse(value.trim().trim_start_matches('@')).map(Sender::Domain).map_err(invalid),
        _ => Err(ApiError::invalid("type", "The selected type is invalid.")),
    }
}

/// One or several senders.
#[derive(Debug, Deserialize)]
pub struct New {
    #[serde(default, deserialize_with = "filled")]
    r#type: Option<String>,
    #[serde(default, deserialize_with = "filled")]
    value: Option<String>,
    values: Option<Vec<String>>,
}

/// `POST /api/v1/blocklist`
pub async fn create(
    State(broker): State<Broker>,
    caller: Caller,
    Body(new): Body<New>,
) -> Result<(StatusCode, Json<Data<BlockShape>>), ApiError> {
    caller.need(Scope::Write)?;
    let kind = new.r#type.ok_or_else(|| required("type"))?;
    let sender = parse(&kind, &new.value.ok_or_else(|| required("value"))?)?;
    if !block::add(&broker.desk, caller.user_id(), sender.clone()).await? {
        return Err(ApiError::invalid("value", "This is on your blocklist already."));
    }
    let all = block::everywhere(&broker.desk, caller.user_id()).await?;
    let made = all.iter().find(|block| block.sender.to_string() == sender.to_string()).ok_or_else(ApiError::not_found)?;
    Ok((StatusCode::CREATED, Json(Data { data: BlockShape::of(made, caller.user()) })))
}

/// `POST /api/v1/blocklist/store/bulk`
pub async fn create_many(
    State(broker): State<Broker>,
    caller: Caller,
    Body(new): Body<New>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    caller.need(Scope::Write)?;
    let kind = new.r#type.ok_or_else(|| required("type"))?;
    let values = new.values.filter(|values| !values.is_empty()).ok_or_else(|| required("values"))?;
    if values.len() > MOST_VALUES {
        return Err(ApiError::invalid("values", format!("The values field must not have more than {MOST_VALUES} items.")));
    }
    let senders: Vec<Sender> = values.iter().map(|value| parse(&kind, value)).collect::<Result<_, _>>()?;
    let mut added = Vec::new();
    let total = senders.len();
    for sender in senders {
        if block::add(&broker.desk, caller.user_id(), sender.clone()).await? {
            added.push(sender.to_string());
        }
    }
    let all = block::everywhere(&broker.desk, caller.user_id()).await?;
    let made = all.iter().filter(|block| added.contains(&block.sender.to_string()));
    let data: Vec<BlockShape> = made.map(|block| BlockShape::of(block, caller.user())).collect();
    let message = format!("{} added to blocklist", entries(data.len()));
    Ok((StatusCode::CREATED, Json(json!({ "skipped": total - added.len(), "data": data, "message": message }))))
}

fn entries(count: usize) -> String {
    if count == 1 { "1 entry".to_owned() } else { format!("{count} entries") }
}

/// `DELETE /api/v1/blocklist/{id}`
pub async fn delete(State(broker): State<Broker>, caller: Caller, Id(id): Id) -> Result<StatusCode, ApiError> {
    caller.need(Scope::Write)?;
    let all = block::everywhere(&broker.desk, caller.user_id()).await?;
    let found = all.into_iter().find(|block| block.uuid == id).ok_or_else(ApiError::not_found)?;
    block::remove(&broker.desk, caller.user_id(), found.sender).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which ones.
#[derive(Debug, Deserialize)]
pub struct Several {
    ids: Option<Vec<String>>,
}

/// `POST /api/v1/blocklist/delete/bulk`
pub async fn delete_many(
    State(broker): State<Broker>,
    caller: Caller,
    Body(several): Body<Several>,
) -> Result<Json<Value>, ApiError> {
    caller.need(Scope::Write)?;
    let wanted = ids(several.ids, "ids", MOST_IDS)?;
    let mut removed = Vec::new();
    for found in block::everywhere(&broker.desk, caller.user_id()).await? {
        if wanted.contains(&found.uuid) && block::remove(&broker.desk, caller.user_id(), found.sender).await? {
            removed.push(found.uuid.to_string());
        }
    }
    if removed.is_empty() {
        return Err(ApiError::new(StatusCode::NOT_FOUND, "No blocklist entries found"));
    }
    Ok(Json(json!({ "message": format!("{} removed from blocklist", entries(removed.len())), "ids": removed })))
}
