//! `postern hold`, and the choice that makes it needed.

use super::support::Installation;

#[test]
fn nothing_is_held_until_something_is() {
    let installation = Installation::with_user();
    assert_eq!(installation.run(&["hold", "list"]).ok(), "nothing is held\n");
    assert_eq!(installation.run(&["hold", "list", "--json"]).json(), serde_json::json!([]));
    for command in ["show", "release", "drop"] {
        assert_eq!(installation.run(&["hold", command, "7"]).error(), "there is no such held message");
    }
}
