//! The last seven days in figures.

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::caller::Caller;
use super::error::ApiError;
use crate::model::api_token::Scope;
use crate::service::broker::Broker;
use crate::service::overview;

const DAYS: u16 = 7;

/// Day by day, the oldest first; names of weekdays, today's last.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Chart {
    forwards_data: Vec<i64>,
    replies_data: Vec<i64>,
    /// What is written first is counted with the replies.
    sends_data: Vec<i64>,
    labels: Vec<&'static str>,
    /// Forwards, replies, sends.
    outbound_message_totals: [i64; 3],
    inbound_rejections_data: Vec<i64>,
    inbound_quarantined_data: Vec<i64>,
    outbound_bounces_data: Vec<i64>,
    failed_deliveries_total: i64,
}

/// `GET /api/v1/chart-data`
pub async fn show(State(broker): State<Broker>, caller: Caller) -> Result<Json<Chart>, ApiError> {
    caller.need(Scope::Read)?;
    let days = overview::last_days(&broker.desk, caller.user_id(), DAYS).await?;
    let forwards: Vec<i64> = days.iter().map(|(_, counts)| counts.forwarded).collect();
    let replies: Vec<i64> = days.iter().map(|(_, counts)| counts.replied).collect();
    let bounces: Vec<i64> = days.iter().map(|(_, counts)| counts.failed).collect();
    let none = vec![0; days.len()];
    Ok(Json(Chart {
        outbound_message_totals: [forwards.iter().sum(), replies.iter().sum(), 0],
        failed_deliveries_total: bounces.iter().sum(),
        forwards_data: forwards,
        replies_data: replies,
        sends_data: none.clone(),
        labels: days.iter().map(|(day, _)| weekday(*day)).collect(),
        inbound_rejections_data: none.clone(),
        inbound_quarantined_data: none,
        outbound_bounces_data: bounces,
    }))
}

/// The weekday of a day since the epoch, which was a Thursday.
fn weekday(day: i64) -> &'static str {
    match day.rem_euclid(7) {
        0 => "Thursday",
        1 => "Friday",
        2 => "Saturday",
        3 => "Sunday",
        4 => "Monday",
        5 => "Tuesday",
        _ => "Wednesday",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_their_names() {
        assert_eq!((weekday(0), weekday(-1), weekday(19_000)), ("Thursday", "Wednesday", "Saturday"));
    }
}
