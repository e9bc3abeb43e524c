//! Health: is the process up, and would it take mail?
//!
//! A load balancer or a start-up script asks `/readyz`; it is 200 once every expected listener is open and the database
//! answers, and 503 again from the moment shutdown begins. The body names no address and no cause: who is asking is
//! not known.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

pub use crate::service::readiness::{Readiness, Report};

/// `GET /healthz`: 200 while the process is up.
pub async fn healthz() -> Json<serde_json::Value> {
    Json(serde_json::json!({ "up": true }))
}

/// `GET /readyz`: 200 when mail would be taken, else 503.
pub async fn readyz(State(readiness): State<Readiness>) -> (StatusCode, Json<Report>) {
    let report = readiness.report().await;
    let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(report))
}
