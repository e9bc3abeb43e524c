//! `postern alias`: the life of an alias.

use super::support::Installation;

#[test]
fn an_alias_is_made_for_the_site_of_any_of_its_pages() {
    let installation = Installation::with_user();
    let alias = installation.run(&["alias", "new", "https://www.lg.com/uk/promo", "--note", "a phone", "--json"]).json();
    let address = alias["address"].as_str().unwrap();
    assert!(address.starts_with("lg.") && address.ends_with("@you.example"), "{address}");
    assert_eq!((&alias["site"], &alias["state"], &alias["note"]), (&"lg.com".into(), &"active".into(), &"a phone".into()));
    assert!(alias["created_at"].as_str().unwrap().ends_with('Z'));
    // For people it is the address alone, ready to be copied.
    let said = installation.run(&["alias", "new", "lg.com"]).ok();
    assert!(said.ends_with("@you.example\n") && said.lines().count() == 1, "{said}");
}

#[test]
fn form_place_and_end_of_life_can_be_chosen() {
    let installation = Installation::with_user();
    let new = |words: &[&str]| installation.run(&[&["alias", "new", "shop.example.com", "--json"], words].concat()).json();
    assert_eq!(new(&["--name", "My.Shop", "--domain", "more.example"])["address"], "my.shop@more.example");
    assert_eq!(new(&["--format", "uuid"])["address"].as_str().unwrap().len(), 36 + "@you.example".len());
    assert_eq!(new(&["--format", "words"])["address"].as_str().unwrap().matches('-').count(), 3);
    let short = new(&["--expires", "30d", "--max-messages", "3"]);
    assert_eq!(short["max_messages"], 3);
    assert!(short["expires_at"].as_str().unwrap() > short["created_at"].as_str().unwrap(), "{short}");
}

#[test]
fn aliases_are_listed_newest_first_and_by_site_and_state() {
    let installation = Installation::with_user();
    let first = installation.alias(&["lg.com"]);
    let second = installation.alias(&["news.example.org"]);
    installation.run(&["alias", "kill", &first]).ok();
    let list = |words: &[&str]| -> Vec<String> {
        let document = installation.run(&[&["alias", "list", "--json"], words].concat()).json();
        document.as_array().unwrap().iter().map(|alias| alias["address"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(list(&[]), [second.clone(), first.clone()]);
    assert_eq!(list(&["--site", "https://lg.com"]), std::slice::from_ref(&first));
    assert_eq!(list(&["--state", "active"]), [second]);
    assert_eq!(list(&["--site", "lg.com", "--state", "active"]), [""; 0]);
    let table = installation.run(&["alias", "list", "--state", "killed"]).ok();
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().take(3).collect()).collect();
    assert_eq!(rows, [vec!["ADDRESS", "SITE", "STATE"], vec![first.as_str(), "lg.com", "killed"]]);
}

#[test]
fn an_alias_is_paused_killed_and_revived() {
    let installation = Installation::with_user();
    let address = installation.alias(&["lg.com"]);
    assert_eq!(installation.run(&["alias", "pause", &address]).ok(), format!("{address} is paused\n"));
    assert_eq!(installation.run(&["alias", "kill", &address.to_uppercase()]).ok(), format!("{address} is killed\n"));
    assert_eq!(installation.run(&["alias", "kill", &address]).ok(), format!("{address} is killed already\n"));
    let revived = installation.run(&["alias", "revive", &address, "--json"]).json();
    assert_eq!((&revived["state"], &revived["changed"], &revived["cancelled"]), (&"active".into(), &true.into(), &0.into()));
}

#[test]
fn an_alias_is_shown_with_where_it_goes_and_what_it_did() {
    let installation = Installation::with_user();
    let address = installation.alias(&["lg.com", "--note", "bell\u{7}"]);
    let shown = installation.run(&["alias", "show", &address, "--json"]).json();
    assert_eq!(shown["mailboxes"], serde_json::json!(["ann@inbox.example"]));
    assert_eq!(shown["total"]["forwarded"], 0);
    assert_eq!(shown["undelivered"], serde_json::json!([]));
    let text = installation.run(&["alias", "show", &address]).ok();
    assert!(text.contains(&format!("address     {address}\nsite        lg.com\nstate       active since ")), "{text}");
    assert!(text.contains("note        bell\u{fffd}\n"), "{text}");
}

#[test]
fn what_can_not_be_made_or_is_not_there_is_said() {
    let installation = Installation::with_user();
    let made = installation.alias(&["lg.com"]);
    let name = made.split('@').next().unwrap();
    let error = |words: &[&str]| installation.run(words).error();
    assert!(error(&["alias", "new", "lg.com", "--name", name]).contains("taken"));
    assert!(error(&["alias", "new", "lg.com", "--name", "postmaster"]).contains("reserved"));
    assert!(error(&["alias", "new", "lg.com", "--domain", "their.example"]).contains("no such domain"));
    assert!(error(&["alias", "new", "lg.com", "--mailbox", "x@inbox.example"]).contains("no such mailbox"));
    assert!(error(&["alias", "new", "lg.com", "--expires", "0s"]).contains("past"));
    installation.run(&["mailbox", "add", "new@inbox.example"]).ok();
    assert!(error(&["alias", "new", "lg.com", "--mailbox", "new@inbox.example"]).contains("not verified"));
    for command in ["show", "pause", "kill", "revive"] {
        assert_eq!(error(&["alias", command, "no.such@you.example"]), "this user has no such alias");
    }
}

#[test]
fn the_display_name_and_the_note_are_changed_and_taken_away() {
    let installation = Installation::with_user();
    let address = installation.alias(&["lg.com", "--note", "a phone"]);
    let edit = |words: &[&str]| installation.run(&[&["alias", "edit", &address, "--json"], words].concat());
    let edited = edit(&["--display-name", " Jane Roe "]).json();
    assert_eq!((&edited["display_name"], &edited["note"]), (&"Jane Roe".into(), &"a phone".into()));
    assert!(installation.run(&["alias", "show", &address]).ok().contains("shown as    Jane Roe\n"));
    let edited = edit(&["--no-display-name", "--note", ""]).json();
    assert_eq!((&edited["display_name"], &edited["note"]), (&serde_json::Value::Null, &"".into()));
    assert_eq!(installation.run(&["alias", "edit", &address, "--note", "x"]).ok(), format!("{address} is changed\n"));
    assert_eq!(edit(&["--display-name", "a@b.example"]).error(), "a display name holds no address");
    let unknown = installation.run(&["alias", "edit", "no.such@you.example", "--note", "x"]);
    assert_eq!(unknown.error(), "this user has no such alias");
}
