//! `postern token`.

use super::support::Installation;

#[test]
fn a_token_is_shown_once_listed_and_revoked() {
    let installation = Installation::with_user();
    let made = installation.run(&["token", "new", "--name", "phone", "--scope", "alias:create", "--json"]).json();
    assert_eq!((made["scopes"].as_str(), made["token"].as_str().map(str::len)), (Some("alias:create"), Some(56)));
    let listed = installation.run(&["token", "list", "--json"]).json();
    assert_eq!((listed[0]["name"].as_str(), listed[0].get("token")), (Some("phone"), None));
    let id = made["id"].to_string();
    assert_eq!(installation.run(&["token", "revoke", &id]).ok(), format!("token {id} is revoked\n"));
    assert_eq!(installation.run(&["token", "revoke", &id]).error(), "there is no such token");
    assert_eq!(installation.run(&["token", "list"]).ok(), "no tokens\n");
}

#[test]
fn only_an_administrator_has_a_token_to_administer() {
    let installation = Installation::with_user();
    let words = ["token", "new", "--name", "x", "--scope", "admin"];
    assert_eq!(installation.run(&words).error(), "only the token of an administrator can have the scope admin");
    assert_eq!(installation.run(&["token", "list"]).ok(), "no tokens\n");
    installation.run(&["user", "add", "bob@inbox.example", "--admin"]).ok();
    let made = installation.run(&[&words[..], &["--user", "bob@inbox.example", "--json"]].concat()).json();
    assert_eq!(made["scopes"], "admin");
}
