//! An alias is made: the one call of Bitwarden, and what extension and app offer on top of it.
//!
//! No client names the site. Password managers write its host into a sentence of the description, in the user's language,
//! so that it is found there by its shape.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;

use super::alias::{check_description, one};
use super::caller::Caller;
use super::error::ApiError;
use super::recipient;
use super::request::{Body, Data, filled, required};
use super::shape::AliasShape;
use crate::model::DomainName;
use crate::model::alias_name::NameFormat;
use crate::model::api_token::Scope;
use crate::model::site::Site;
use crate::service::alias::{self, NewAlias};
use crate::service::broker::Broker;

/// Recipients of one alias.
const MOST_RECIPIENTS: usize = 10;

/// What an alias is asked for with.
#[derive(Debug, Deserialize)]
pub struct New {
    #[serde(default, deserialize_with = "filled")]
    domain: Option<String>,
    #[serde(default, deserialize_with = "filled")]
    description: Option<String>,
    #[serde(default, deserialize_with = "filled")]
    format: Option<String>,
    #[serde(default, deserialize_with = "filled")]
    local_part: Option<String>,
    recipient_ids: Option<Vec<String>>,
}

/// `POST /api/v1/aliases`
pub async fn create(
    State(broker): State<Broker>,
    caller: Caller,
    Body(new): Body<New>,
) -> Result<(StatusCode, Json<Data<AliasShape>>), ApiError> {
    caller.need(Scope::AliasCreate)?;
    let (format, chosen) = name(new.format.as_deref(), new.local_part)?;
    check_description(new.description.as_deref())?;
    let domain = new.domain.ok_or_else(|| required("domain"))?;
    let domain = DomainName::parse(&domain).map_err(|_| ApiError::invalid("domain", "The selected domain is invalid."))?;
    let recipients = new.recipient_ids.unwrap_or_default();
    if recipients.len() > MOST_RECIPIENTS {
        let most = format!("The recipient ids field must not have more than {MOST_RECIPIENTS} items.");
        return Err(ApiError::invalid("recipient_ids", most));
    }
    let mailboxes = if recipients.is_empty() { Vec::new() } else { recipient::pick(&broker, &caller, recipients).await? };
    if !broker.tokens.may_create(caller.0.token.id, broker.now()) {
        return Err(ApiError::too_many(std::time::Duration::from_mins(1), None));
    }
    let new = NewAlias {
        user: caller.user_id(),
        site: new.description.as_deref().and_then(Site::find_in),
        domain: Some(domain),
        format,
        chosen,
        note: new.description.unwrap_or_default(),
        mailboxes: mailboxes.into_iter().map(|mailbox| mailbox.address).collect(),
        expires_at: None,
        max_messages: None,
    };
    let made = alias::create(&broker.desk, new).await?;
    Ok((StatusCode::CREATED, one(&broker, &caller, made.uuid).await?))
}

/// How the name is made. Without a format it is made from the site, as everywhere here; names of people are words.
fn name(format: Option<&str>, local_part: Option<String>) -> Result<(NameFormat, Option<String>), ApiError> {
    match format {
        None => Ok((NameFormat::Site, None)),
        Some("random_characters") => Ok((NameFormat::Random, None)),
        Some("uuid") => Ok((NameFormat::Uuid, None)),
        Some("random_words" | "random_male_name" | "random_female_name" | "random_noun") => Ok((NameFormat::Words, None)),
        Some("custom") => {
            let chosen = local_part.ok_or_else(|| required("local_part"))?;
            Ok((NameFormat::default(), Some(chosen)))
        }
        Some(_) => Err(ApiError::invalid("format", "The selected format is invalid.")),
    }
}
