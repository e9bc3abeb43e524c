//! The account, and which version of the original this API follows: what the Android app asks first of all.

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::caller::Caller;
use super::domain::FORMAT;
use super::error::ApiError;
use super::request::Data;
use super::token::moment;
use crate::model::api_token::Scope;
use crate::service::broker::Broker;
use crate::service::{domain, mailbox, overview};

/// The account. There are no plans: what a plan would limit has no limit, which is a zero, or more than anybody needs.
#[derive(Debug, Serialize)]
pub struct Account {
    id: String,
    username: String,
    from_name: Option<String>,
    email_subject: Option<String>,
    banner_location: &'static str,
    spam_warning_behaviour: &'static str,
    bandwidth: i64,
    bandwidth_limit: i64,
    username_count: i64,
    username_limit: i64,
    default_username_id: String,
    default_recipient_id: String,
    default_alias_domain: String,
    default_alias_format: &'static str,
    alias_separator: &'static str,
    recipient_count: usize,
    active_domain_count: usize,
    active_shared_domain_alias_count: i64,
    active_rule_count: i64,
    total_emails_forwarded: i64,
    total_emails_blocked: i64,
    total_emails_replied: i64,
    total_emails_sent: i64,
    total_aliases: i64,
    total_active_aliases: i64,
    total_inactive_aliases: i64,
    total_pinned_aliases: i64,
    total_deleted_aliases: i64,
    created_at: String,
    updated_at: String,
}

/// `GET /api/v1/account-details`
pub async fn show(State(broker): State<Broker>, caller: Caller) -> Result<Json<Data<Account>>, ApiError> {
    caller.need(Scope::Read)?;
    let (desk, user) = (&broker.desk, caller.user());
    let domains = domain::list_usable(desk, user.id).await?;
    let mailboxes = mailbox::list(desk, user.id).await?;
    let counts = overview::state_counts(desk, user.id).await?;
    let total = overview::figures(desk, user.id).await?.total;
    let default = mailboxes.iter().find(|mailbox| mailbox.is_default).or(mailboxes.first());
    let created = moment(user.created_at);
    Ok(Json(Data {
        data: Account {
            id: user.uuid.to_string(),
            username: user.email.local().to_owned(),
            from_name: None,
            email_subject: None,
            banner_location: "off",
            spam_warning_behaviour: "banner",
            bandwidth: 0,
            bandwidth_limit: 0,
            username_count: 1,
            username_limit: 1,
            default_username_id: user.uuid.to_string(),
            default_recipient_id: default.map(|mailbox| mailbox.uuid.to_string()).unwrap_or_default(),
            default_alias_domain: domains.first().map(|domain| domain.name.to_string()).unwrap_or_default(),
            default_alias_format: FORMAT,
            alias_separator: ".",
            recipient_count: mailboxes.len(),
            active_domain_count: domains.iter().filter(|domain| domain.user_id.is_some()).count(),
            active_shared_domain_alias_count: 0,
            active_rule_count: 0,
            total_emails_forwarded: total.forwarded,
            total_emails_blocked: total.blocked,
            total_emails_replied: total.replied,
            total_emails_sent: 0,
            total_aliases: counts.active + counts.paused + counts.killed,
            total_active_aliases: counts.active,
            total_inactive_aliases: counts.paused,
            total_pinned_aliases: counts.pinned,
            total_deleted_aliases: counts.killed,
            created_at: created.clone(),
            updated_at: created,
        },
    }))
}

/// A version.
#[derive(Debug, Serialize)]
pub struct Version {
    #[serde(rename = "version")]
    text: &'static str,
    major: u32,
    minor: u32,
    patch: u32,
}

/// `GET /api/v1/app-version`: of the original, whose clients refuse to work with what is older than they need.
pub async fn version(_: Caller) -> Json<Version> {
    Json(Version { text: "1.6.1", major: 1, minor: 6, patch: 1 })
}
