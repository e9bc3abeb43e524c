//! Metrics in Prometheus' text form, for the listener `metrics.listen`.

use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::middleware;
use axum::response::IntoResponse;
use axum::routing::get;

use super::{headers, problem};

/// The routes of the metrics listener; `render` gives the present text (`PrometheusHandle::render`).
pub fn router(render: impl Fn() -> String + Clone + Send + Sync + 'static) -> Router {
    let text = move || {
        let text = render();
        async move {
            let content_type = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
            ([(CONTENT_TYPE, content_type)], text).into_response()
        }
    };
    Router::new().route("/metrics", get(text)).fallback(problem::not_found).layer(middleware::map_response(headers::secure))
}
