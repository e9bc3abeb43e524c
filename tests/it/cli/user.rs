//! `postern user`.

use super::support::Installation;

#[test]
fn a_user_is_added_listed_and_removed() {
    let installation = Installation::new();
    assert_eq!(installation.run(&["user", "list"]).ok(), "no users yet\n");
    let said = installation.run(&["user", "add", "Ann@inbox.example", "--verified"]).ok();
    assert_eq!(said, "ann@inbox.example is a user now\nmail is forwarded to Ann@inbox.example\n");
    let said = installation.run(&["user", "add", "bob@inbox.example", "--admin"]).ok();
    assert!(said.contains("nothing is forwarded to bob@inbox.example until it is verified"), "{said}");

    let users = installation.run(&["user", "list", "--json"]).json();
    let emails: Vec<_> = users.as_array().unwrap().iter().map(|user| (&user["email"], &user["admin"])).collect();
    assert_eq!(serde_json::json!(emails), serde_json::json!([["ann@inbox.example", false], ["bob@inbox.example", true]]));
    assert!(users[0]["created_at"].as_str().unwrap().ends_with('Z'));
    let table = installation.run(&["user", "list"]).ok();
    assert!(table.starts_with("EMAIL ") && table.lines().count() == 3, "{table}");

    installation.run(&["alias", "new", "lg.com", "--user", "ann@inbox.example"]).ok();
    let removed = installation.run(&["user", "remove", "ann@inbox.example", "--json"]).json();
    assert_eq!(removed, serde_json::json!({ "removed": "ann@inbox.example", "retired_aliases": 1 }));
    assert_eq!(installation.run(&["user", "remove", "ann@inbox.example"]).error(), "there is no user with this address");
}

#[test]
fn a_user_that_can_not_be_is_refused() {
    let installation = Installation::new();
    installation.run(&["user", "add", "ann@inbox.example"]).ok();
    let error = installation.run(&["user", "add", "ANN@inbox.example"]).error();
    assert_eq!(error, "there is a user with this address already");
    let error = installation.run(&["user", "add", "ann@you.example"]).error();
    assert_eq!(error, "this address is on a domain of this instance");
}

#[test]
fn whose_it_is_must_be_said_only_when_there_are_several() {
    let installation = Installation::new();
    assert_eq!(installation.run(&["alias", "list"]).error(), "there is no user yet");
    installation.run(&["user", "add", "ann@inbox.example"]).ok();
    assert_eq!(installation.run(&["alias", "list"]).ok(), "no aliases\n");
    installation.run(&["user", "add", "bob@inbox.example"]).ok();
    assert_eq!(installation.run(&["alias", "list"]).error(), "there are several users");
    assert_eq!(installation.run(&["alias", "list", "--user", "bob@inbox.example"]).ok(), "no aliases\n");
    let error = installation.run(&["--user", "eve@inbox.example", "alias", "list"]).error();
    assert_eq!(error, "there is no user with this address");
}

#[test]
fn what_happens_to_a_user_s_mail_is_their_choice() {
    let installation = Installation::with_user();
    let listed = installation.run(&["user", "list", "--json"]).json();
    assert_eq!((&listed[0]["on_quarantine"], &listed[0]["replace_quoted"]), (&"tag".into(), &false.into()));
    let said = installation.run(&["user", "set", "--on-quarantine", "hold", "--replace-quoted", "on"]).ok();
    assert_eq!(said, "ann@inbox.example: on-quarantine hold, replace-quoted on\n");
    let set = installation.run(&["user", "set", "--user", "ann@inbox.example", "--replace-quoted", "off", "--json"]).json();
    assert_eq!((&set["on_quarantine"], &set["replace_quoted"]), (&"hold".into(), &false.into()));
}
