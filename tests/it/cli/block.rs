//! `postern block`.

use super::support::Installation;

#[test]
fn senders_are_blocked_everywhere_or_at_one_alias_and_let_in_again() {
    let installation = Installation::with_user();
    let shop = installation.alias(&["shop.example", "--name", "shop"]);
    assert_eq!(installation.run(&["block", "list"]).ok(), "nobody is blocked\n");
    assert_eq!(installation.run(&["block", "add", "Ads.example"]).ok(), "ads.example is blocked at all your aliases\n");
    assert_eq!(installation.run(&["block", "add", "@ads.example"]).ok(), "ads.example is blocked already at all your aliases\n");
    let words = ["block", "add", "news@lg.example", "--alias", &shop];
    assert_eq!(installation.run(&words).ok(), format!("news@lg.example is blocked at {shop}\n"));
    let listed = installation.run(&["block", "list", "--json"]).json();
    assert_eq!((&listed[0]["sender"], &listed[0]["alias"]), (&"ads.example".into(), &serde_json::Value::Null));
    assert_eq!((&listed[1]["sender"], &listed[1]["alias"]), (&"news@lg.example".into(), &shop.as_str().into()));
    let words = ["block", "remove", "news@lg.example", "--alias", &shop];
    assert_eq!(installation.run(&words).ok(), format!("news@lg.example may write again at {shop}\n"));
    assert_eq!(installation.run(&["block", "remove", "x@lg.example", "--json"]).json()["changed"], false);
    let error = installation.run(&["block", "add", "ads.example", "--alias", &shop]).error();
    assert_eq!(error, "a domain can be blocked at all aliases only");
}
