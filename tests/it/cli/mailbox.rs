//! `postern mailbox`.

use super::support::Installation;

#[test]
fn a_mailbox_is_added_listed_and_removed() {
    let installation = Installation::with_user();
    let added = installation.run(&["mailbox", "add", "Work@inbox.example", "--json"]).json();
    assert_eq!(added["address"], "Work@inbox.example");
    assert_eq!((&added["verified_at"], &added["default"]), (&serde_json::Value::Null, &serde_json::json!(false)));
    let table = installation.run(&["mailbox", "list"]).ok();
    let cells: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().take(3).collect()).collect();
    assert_eq!(
        cells,
        [["ADDRESS", "VERIFIED", "DEFAULT"], ["ann@inbox.example", "yes", "yes"], ["Work@inbox.example", "no", "no"]]
    );
    assert_eq!(installation.run(&["mailbox", "add", "work@inbox.example"]).error(), "this mailbox is there already");
    let error = installation.run(&["mailbox", "add", "me@more.example"]).error();
    assert_eq!(error, "this address is on a domain of this instance");
    assert_eq!(installation.run(&["mailbox", "remove", "work@inbox.example"]).ok(), "work@inbox.example is removed\n");
    assert_eq!(installation.run(&["mailbox", "remove", "work@inbox.example"]).error(), "there is no such mailbox");
    assert_eq!(installation.run(&["mailbox", "remove", "ann@inbox.example"]).error(), "this is the default mailbox");
}

#[test]
fn moving_a_mailbox_takes_all_aliases_along() {
    let installation = Installation::with_user();
    let address = installation.alias(&["lg.com"]);
    let said = installation.run(&["mailbox", "move", "ann@inbox.example", "ann@new.example", "--verified"]).ok();
    assert_eq!(
        said,
        "every alias that forwarded to ann@inbox.example forwards to ann@new.example now\nmail is forwarded to ann@new.example\n"
    );
    let shown = installation.run(&["alias", "show", &address, "--json"]).json();
    assert_eq!(shown["mailboxes"], serde_json::json!(["ann@new.example"]));
    let error = installation.run(&["mailbox", "move", "ann@inbox.example", "x@new.example"]).error();
    assert_eq!(error, "there is no such mailbox");
}

#[test]
fn a_mailbox_moves_when_the_link_is_followed_unless_the_operator_vouches() {
    let installation = Installation::with_user();
    let address = installation.alias(&["lg.com"]);
    let behind = || installation.run(&["alias", "show", &address, "--json"]).json()["mailboxes"].clone();
    let (old, new) = ("ann@inbox.example", "ann@new.example");
    let said = installation.run(&["mailbox", "move", old, new]).ok();
    assert_eq!(
        said,
        "a link is on its way to ann@new.example; mail goes to ann@inbox.example until it is followed\n\
         by its owner, signed in; or finish it with `postern mailbox move ann@inbox.example ann@new.example --now`\n\
         cancel it with `postern mailbox cancel-move ann@inbox.example`\n"
    );
    assert_eq!(behind(), serde_json::json!([old]));
    let error = installation.run(&["mailbox", "move", old, "other@new.example"]).error();
    assert_eq!(error, "one of these mailboxes is being moved already");
    let error = installation.run(&["mailbox", "move", old, "Ann@Inbox.example"]).error();
    assert_eq!(error, "mail goes to this address already");
    assert_eq!(installation.run(&["mailbox", "cancel-move", old]).ok(), "mail keeps going to ann@inbox.example\n");
    assert_eq!(installation.run(&["mailbox", "cancel-move", old]).error(), "this mailbox is not being moved");
    installation.run(&["mailbox", "move", old, new, "--now", "--sign-in"]).ok();
    assert_eq!(behind(), serde_json::json!([new]));
    assert!(installation.run(&["user", "list"]).ok().contains(new), "the address to sign in with followed");
}

#[test]
fn adding_a_mailbox_mails_a_link_unless_the_operator_vouches() {
    let installation = Installation::with_user();
    let said = installation.run(&["mailbox", "add", "work@inbox.example"]).ok();
    assert!(said.starts_with("a link that verifies it is on its way to work@inbox.example\n"), "{said}");
    let queue = installation.run(&["queue", "list", "--json"]).ok();
    assert!(queue.contains("work@inbox.example"), "{queue}");
    let said = installation.run(&["mailbox", "add", "home@inbox.example", "--verified"]).ok();
    assert_eq!(said, "mail is forwarded to home@inbox.example\n");
}

#[test]
fn whoever_adds_a_domain_with_mailboxes_on_it_is_warned() {
    let installation = Installation::with_user();
    assert!(!installation.run(&["domain", "add", "third.example"]).ok().contains("WARNING"));
    let said = installation.run(&["domain", "add", "inbox.example"]).ok();
    assert!(said.contains("WARNING: 1 mailboxes are on inbox.example"), "{said}");
}

#[test]
fn the_only_mailbox_of_an_alias_stays() {
    let installation = Installation::with_user();
    installation.run(&["mailbox", "add", "work@inbox.example", "--verified"]).ok();
    installation.alias(&["lg.com", "--mailbox", "work@inbox.example"]);
    let error = installation.run(&["mailbox", "remove", "work@inbox.example"]).error();
    assert_eq!(error, "this is the only mailbox of 1 aliases");
}

#[test]
fn a_mailbox_is_shown_and_tested_and_its_server_has_the_word() {
    let installation = Installation::with(
        "[instance]\nhostname = \"mail.you.example\"\ndomains = [\"you.example\"]\n\
         [outbound]\nmode = \"smarthost\"\nsmarthost = \"smtp://127.0.0.1:1\"\n[dkim]\nsign = false\n",
    );
    installation.run(&["user", "add", "ann@inbox.example", "--verified"]).ok();
    assert_eq!(installation.run(&["mailbox", "show", "ann@inbox.example"]).ok(), "mail is forwarded to ann@inbox.example\n");
    let shown = installation.run(&["mailbox", "show", "ann@inbox.example", "--json"]).json();
    assert_eq!(shown["paused"], serde_json::Value::Null);
    assert_eq!(installation.run(&["mailbox", "test", "bob@inbox.example"]).error(), "there is no such mailbox");
    let error = installation.run(&["mailbox", "test", "ann@inbox.example"]).error();
    assert!(error.starts_with("the test message was not taken (4."), "{error}");
    installation.run(&["mailbox", "add", "new@inbox.example"]).ok();
    assert_eq!(installation.run(&["mailbox", "test", "new@inbox.example"]).error(), "this mailbox is not verified");
}
