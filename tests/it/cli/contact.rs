//! `postern contact`.

use super::support::Installation;

#[test]
fn a_contact_is_made_listed_and_blocked() {
    let installation = Installation::with_user();
    let shop = installation.alias(&["shop.example", "--name", "shop"]);
    assert_eq!(installation.run(&["contact", "list", &shop]).ok(), "no contacts yet\n");
    let reverse = installation.run(&["contact", "new", &shop, "boss@corp.example"]).ok();
    assert!(reverse.starts_with("reply+") && reverse.ends_with("@you.example\n") && reverse.lines().count() == 1, "{reverse}");
    let made = installation.run(&["contact", "new", &shop, "boss@corp.example", "--json"]).json();
    assert_eq!((&made["reverse_address"], &made["blocked"]), (&reverse.trim().into(), &false.into()));
    let said = installation.run(&["contact", "block", &shop, "boss@corp.example"]).ok();
    assert_eq!(said, format!("boss@corp.example is blocked at {shop}\n"));
    let table = installation.run(&["contact", "list", &shop]).ok();
    let row: Vec<&str> = table.lines().nth(1).unwrap().split_whitespace().take(3).collect();
    assert_eq!(row, ["boss@corp.example", reverse.trim(), "yes"]);
    let said = installation.run(&["contact", "unblock", &shop, "boss@corp.example"]).ok();
    assert_eq!(said, format!("boss@corp.example may write to {shop}\n"));
    let said = installation.run(&["contact", "unblock", &shop, "boss@corp.example"]).ok();
    assert_eq!(said, format!("boss@corp.example was not blocked at {shop}\n"));
}

#[test]
fn what_is_no_contact_is_said() {
    let installation = Installation::with_user();
    let shop = installation.alias(&["shop.example"]);
    let error = |words: &[&str]| installation.run(words).error();
    assert!(error(&["contact", "new", &shop, &shop]).contains("itself"));
    assert!(error(&["contact", "new", &shop, "reply+x@you.example"]).contains("reverse"));
    assert!(error(&["contact", "new", &shop, "ann@inbox.example"]).contains("your own mailbox"));
    assert_eq!(error(&["contact", "list", "no.such@you.example"]), "this user has no such alias");
    assert_eq!(error(&["contact", "unblock", &shop, "x@lg.example"]), "the alias has no contact of this address");
}
