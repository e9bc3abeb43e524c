//! Aliases made: with a drawn name (the one call of password managers), or with a chosen beginning and an offered ending.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;

use super::caller::Caller;
use super::error::ApiError;
use super::request::{Body, Params};
use super::shape::NewAliasShape;
use crate::model::Address;
use crate::model::alias_name::NameFormat;
use crate::model::api_token::Scope;
use crate::model::client_setting::Generator;
use crate::model::id::AliasId;
use crate::service::alias::{self, NewAlias};
use crate::service::alias_change::{self, Change};
use crate::service::broker::Broker;
use crate::service::{alias_options, alias_page, client_setting, mailbox};

type Made = Result<(StatusCode, Json<NewAliasShape>), ApiError>;

/// What a drawn alias is asked for with.
#[derive(Debug, Deserialize)]
pub struct Drawn {
    note: Option<String>,
}

/// `POST /api/alias/random/new`. Every call makes a new alias: whoever asks twice for one site wants another.
pub async fn random(State(broker): State<Broker>, caller: Caller, params: Params, Body(drawn): Body<Drawn>) -> Made {
    admit(&broker, &caller)?;
    let settings = client_setting::get(&broker.desk, caller.user_id()).await?;
    let format = match params.get("mode") {
        None | Some("") if settings.generator == Generator::Uuid => NameFormat::Uuid,
        None | Some("") => NameFormat::Site,
        Some("word") => NameFormat::Words,
        Some("uuid") => NameFormat::Uuid,
        Some(mode) => return Err(ApiError::bad_request(format!("{mode} must be either word or uuid"))),
    };
    let site = params.site();
    // Without a site, three words are easier to tell apart than sixteen symbols.
    let format = if format == NameFormat::Site && site.is_none() { NameFormat::Words } else { format };
    let new = NewAlias { format, domain: settings.domain, note: drawn.note.unwrap_or_default(), ..blank(&caller, &params) };
    make(&broker, &caller, new, None).await
}

/// What an alias with a chosen name is asked for with.
#[derive(Debug, Deserialize)]
pub struct Chosen {
    alias_prefix: Option<String>,
    signed_suffix: Option<String>,
    note: Option<String>,
    name: Option<String>,
    mailbox_ids: Option<Vec<i64>>,
}

/// `POST /api/v2/alias/custom/new`: forwards to the default mailbox.
pub async fn custom_v2(State(broker): State<Broker>, caller: Caller, params: Params, Body(chosen): Body<Chosen>) -> Made {
    admit(&broker, &caller)?;
    custom(&broker, &caller, &params, chosen, Vec::new()).await
}

/// `POST /api/v3/alias/custom/new`: forwards to the named mailboxes.
pub async fn custom_v3(State(broker): State<Broker>, caller: Caller, params: Params, Body(chosen): Body<Chosen>) -> Made {
    admit(&broker, &caller)?;
    let ids = chosen.mailbox_ids.clone().unwrap_or_default();
    if ids.is_empty() {
        return Err(ApiError::bad_request("At least one mailbox must be selected"));
    }
    let all = mailbox::list(&broker.desk, caller.user_id()).await?;
    let find = |id: i64| all.iter().find(|mailbox| mailbox.id.0 == id).map(|mailbox| mailbox.address.clone());
    let mailboxes: Option<Vec<Address>> = ids.into_iter().map(find).collect();
    let mailboxes = mailboxes.ok_or_else(|| ApiError::bad_request("there is no such mailbox"))?;
    custom(&broker, &caller, &params, chosen, mailboxes).await
}

async fn custom(broker: &Broker, caller: &Caller, params: &Params, chosen: Chosen, mailboxes: Vec<Address>) -> Made {
    let prefix = alias_options::plain_prefix(&chosen.alias_prefix.unwrap_or_default());
    if prefix.is_empty() {
        return Err(ApiError::bad_request("alias prefix must not be empty"));
    }
    let signed = chosen.signed_suffix.unwrap_or_default();
    let ending = alias_options::open(&broker.keys.bounce, caller.user_id(), &signed, broker.now())?;
    let new = NewAlias {
        chosen: Some(format!("{prefix}{}", ending.local)),
        domain: Some(ending.domain),
        note: chosen.note.unwrap_or_default(),
        mailboxes,
        ..blank(caller, params)
    };
    make(broker, caller, new, chosen.name).await
}

/// Goes on only with a key that may make aliases and did not make too many of them just now.
fn admit(broker: &Broker, caller: &Caller) -> Result<(), ApiError> {
    caller.need(Scope::AliasCreate)?;
    if broker.tokens.may_create(caller.0.token.id, broker.now()) { Ok(()) } else { Err(ApiError::too_many()) }
}

fn blank(caller: &Caller, params: &Params) -> NewAlias {
    NewAlias {
        user: caller.user_id(),
        site: params.site(),
        domain: None,
        format: NameFormat::default(),
        chosen: None,
        note: String::new(),
        mailboxes: Vec::new(),
        expires_at: None,
        max_messages: None,
    }
}

async fn make(broker: &Broker, caller: &Caller, new: NewAlias, name: Option<String>) -> Made {
    let named = Change { display_name: name.map(Some), note: Some(new.note.clone()), ..Change::default() };
    let named = alias_change::check(named)?;
    let user = caller.user_id();
    let id: AliasId = alias::create(&broker.desk, new).await?.id;
    if named.display_name.is_some() {
        alias_change::change(&broker.desk, user, id, named).await?;
    }
    let listed = alias_page::get(&broker.desk, user, id).await?;
    Ok((StatusCode::CREATED, Json(NewAliasShape::of(&listed, broker.now()))))
}
