//! The names of all metrics, what they count, and the recorder that keeps them for Prometheus.
//!
//! The text is served by `web::metrics` on a listener of its own (`metrics.listen`), so that it is never on the address
//! the pages are on.

use std::time::Duration;

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// SMTP connections, by `result`: `accepted`, `turned_away`.
pub const SMTP_CONNECTIONS: &str = "postern_smtp_connections_total";
/// Messages at the end of data, by `answer`: `2xx`, `4xx`, `5xx`.
pub const SMTP_MESSAGES: &str = "postern_smtp_messages_total";
/// Messages by `dmarc` (`pass`, `fail`, `none`, `temperror`, `permerror`) and `verdict` (`delivered`, `warned`, `refused`, `put_off`).
pub const SENDER_AUTH: &str = "postern_sender_auth_total";
/// How long finding out about a sender took.
pub const SENDER_AUTH_SECONDS: &str = "postern_sender_auth_seconds";
/// Hand-offs to the next hop, by `outcome`: `delivered`, `refused`, `deferred`, `withdrawn`.
pub const HANDOFFS: &str = "postern_handoffs_total";
/// How long one hand-off took.
pub const HANDOFF_SECONDS: &str = "postern_handoff_seconds";
/// Deliveries that wait in the queue.
pub const QUEUE_WAITING: &str = "postern_queue_waiting";
/// Deliveries held for their owners' decision.
pub const QUEUE_HELD: &str = "postern_queue_held";
/// Age of the oldest waiting delivery.
pub const QUEUE_OLDEST_SECONDS: &str = "postern_queue_oldest_seconds";
/// Deliveries given up, by `reason`: `refused`, `expired`.
pub const QUEUE_ENDED: &str = "postern_queue_ended_total";
/// Delivery status notifications made for senders.
pub const NOTICES: &str = "postern_notices_total";

/// Prepares the recorder for all metrics of the process; its text comes from [`PrometheusHandle::render`].
///
/// `stop` ends the task that folds away old samples.
pub fn install(tasks: &TaskTracker, stop: CancellationToken) -> Result<PrometheusHandle, BuildError> {
    let handle = builder()?.install_recorder()?;
    describe();
    let kept = handle.clone();
    tasks.spawn(async move {
        while stop.run_until_cancelled(tokio::time::sleep(Duration::from_secs(5))).await.is_some() {
            kept.run_upkeep();
        }
    });
    Ok(handle)
}

/// Seconds go into buckets that are the same for ever, so that many nodes can be added up.
fn builder() -> Result<PrometheusBuilder, BuildError> {
    PrometheusBuilder::new().set_buckets_for_metric(
        Matcher::Suffix("_seconds".into()),
        &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 60.0],
    )
}

fn describe() {
    describe_counter!(SMTP_CONNECTIONS, "SMTP connections by result");
    describe_counter!(SMTP_MESSAGES, "Messages at the end of data by class of answer");
    describe_counter!(SENDER_AUTH, "Messages by DMARC result and what became of them");
    describe_histogram!(SENDER_AUTH_SECONDS, Unit::Seconds, "How long finding out about a sender took");
    describe_counter!(HANDOFFS, "Hand-offs to the next hop by outcome");
    describe_histogram!(HANDOFF_SECONDS, Unit::Seconds, "How long one hand-off took");
    describe_gauge!(QUEUE_WAITING, "Deliveries that wait in the queue");
    describe_gauge!(QUEUE_HELD, "Deliveries held for their owners' decision");
    describe_gauge!(QUEUE_OLDEST_SECONDS, Unit::Seconds, "Age of the oldest waiting delivery");
    describe_counter!(QUEUE_ENDED, "Deliveries given up by reason");
    describe_counter!(NOTICES, "Delivery status notifications made for senders");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_names_what_was_counted_and_says_what_it_is() {
        let recorder = builder().unwrap().build_recorder();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            describe();
            metrics::counter!(HANDOFFS, "outcome" => "delivered").increment(2);
            metrics::histogram!(HANDOFF_SECONDS).record(0.02);
        });
        let text = handle.render();
        assert!(text.contains("postern_handoffs_total{outcome=\"delivered\"} 2"), "{text}");
        assert!(text.contains("# HELP postern_handoffs_total Hand-offs to the next hop by outcome"), "{text}");
        assert!(text.contains("postern_handoff_seconds_bucket{le=\"0.025\"} 1"), "{text}");
    }
}
