//! What happened at an alias: `/v1/aliases/{alias}/activity` by day, `/v1/aliases/{alias}/senders` by sender.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::caller::Reader;
use super::page::Page;
use super::problem::Problem;
use super::request::{Id, Nothing, Params, PublicId};
use super::routes::{Access, Routes};
use super::shape::{Counts, date};
use crate::model::Timestamp;
use crate::model::api_token::Scope;
use crate::model::sighting;
use crate::service::alias_activity;
use crate::service::broker::Broker;

/// Days shown when nothing is said, and at the most.
const USUAL_DAYS: u16 = 30;
const MOST_DAYS: u16 = 366;

/// All routes.
pub fn routes(routes: Routes) -> Routes {
    routes
        .noun("Activity", "What happened at an alias.")
        .on::<__path_days, _, _>(Access::Needs(Scope::Read), days)
        .on::<__path_senders, _, _>(Access::Needs(Scope::Read), senders)
}

/// How far back.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Back {
    /// How many days, today among them: 1 to 366; 30 when it is left out.
    #[param(minimum = 1, maximum = 366)]
    days: Option<u16>,
}

/// What one day counted.
#[derive(Debug, Serialize, ToSchema)]
pub struct Day {
    /// The day (UTC).
    #[schema(format = Date)]
    date: String,
    /// What it counted.
    counts: Counts,
}

/// Shows what an alias counted by day.
///
/// The oldest day first; days on which nothing happened are left out.
#[utoipa::path(get, path = "/v1/aliases/{alias}/activity",
    params(("alias" = PublicId, Path, description = "The alias's id."), Back),
    responses((status = 200, description = "The days.", body = Page<Day>)))]
pub async fn days(
    State(broker): State<Broker>,
    reader: Reader,
    Id(id): Id,
    Params(back): Params<Back>,
) -> Result<Json<Page<Day>>, Problem> {
    let days = back.days.unwrap_or(USUAL_DAYS);
    if !(1..=MOST_DAYS).contains(&days) {
        return Err(Problem::bad_query(format!("days: 1 to {MOST_DAYS}")));
    }
    let counted = alias_activity::days(&broker.desk, reader.user_id(), id, days).await?;
    let days = counted.into_iter().map(|(day, counts)| Day { date: date(day), counts: Counts::of(counts) }).collect();
    Ok(Json(Page::whole(days)))
}

/// How far it is proven who a sender is.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Proof {
    /// By a signature of its domain.
    Dkim,
    /// By the address it sent from.
    Spf,
    /// Not at all.
    None,
    /// Nobody checked.
    Unasked,
}

impl From<sighting::Proof> for Proof {
    fn from(proof: sighting::Proof) -> Self {
        match proof {
            sighting::Proof::Dkim => Self::Dkim,
            sighting::Proof::Spf => Self::Spf,
            sighting::Proof::None => Self::None,
            sighting::Proof::Unasked => Self::Unasked,
        }
    }
}

/// Who wrote to an alias.
#[derive(Debug, Serialize, ToSchema)]
pub struct Sender {
    /// The registrable domain of the author; null for all those together for whom there was no room.
    #[schema(example = "lg.com")]
    organisation: Option<String>,
    /// How far that is proven.
    proof: Proof,
    /// The domain whose signature proves it; null without one.
    #[schema(example = "mail.lg.com")]
    signer: Option<String>,
    /// When it first wrote.
    #[schema(format = DateTime)]
    first_seen_at: String,
    /// When it last wrote.
    #[schema(format = DateTime)]
    last_seen_at: String,
    /// How many messages.
    messages: i64,
}

/// Shows who wrote to an alias.
///
/// The last first, a hundred at the most.
#[utoipa::path(get, path = "/v1/aliases/{alias}/senders", params(("alias" = PublicId, Path, description = "The alias's id.")),
    responses((status = 200, description = "The senders.", body = Page<Sender>)))]
pub async fn senders(
    State(broker): State<Broker>,
    reader: Reader,
    Id(id): Id,
    _: Params<Nothing>,
) -> Result<Json<Page<Sender>>, Problem> {
    let seen = alias_activity::senders(&broker.desk, reader.user_id(), id).await?;
    let named = |text: String| (!text.is_empty()).then_some(text);
    let sender = |(key, seen): (sighting::SightingKey, sighting::Seen)| Sender {
        organisation: named(key.organisation),
        proof: key.proof.into(),
        signer: named(key.signer),
        first_seen_at: Timestamp::to_rfc3339(seen.first),
        last_seen_at: Timestamp::to_rfc3339(seen.last),
        messages: seen.messages,
    };
    Ok(Json(Page::whole(seen.into_iter().map(sender).collect())))
}
