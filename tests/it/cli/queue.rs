//! `postern queue`.

use super::support::Installation;

#[test]
fn an_empty_queue_is_said_to_be_empty() {
    let installation = Installation::with_user();
    assert_eq!(installation.run(&["queue", "list"]).ok(), "the queue is empty\n");
    assert_eq!(installation.run(&["queue", "list", "--json"]).json(), serde_json::json!([]));
    assert_eq!(installation.run(&["queue", "retry"]).ok(), "0 deliveries are due now\n");
    for words in [&["queue", "show", "7"][..], &["queue", "retry", "7"], &["queue", "drop", "7"]] {
        assert_eq!(installation.run(words).error(), "there is no such delivery: it was delivered, or never was");
    }
}
