//! `postern mailbox key`.

use super::support::Installation;

const GOOD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keys/plain.asc");
const EXPIRED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keys/ends.asc");
const FINGERPRINT: &str = "4F209A2A2DC02A37EA5D60686CDA4704AD2B681C";

#[test]
fn a_key_is_set_shown_and_removed() {
    let installation = Installation::with_user();
    let key = |more: &[&str]| installation.run(&[&["mailbox", "key", "ann@inbox.example"], more].concat());
    assert_eq!(key(&[]).error(), "this mailbox has no key");
    let said = key(&["--set", GOOD]).ok();
    assert_eq!(said, format!("mail for ann@inbox.example is encrypted with the key {FINGERPRINT}\nit does not expire\n"));
    key(&["--set", GOOD, "--hide-subject"]).ok();
    let shown = key(&["--json"]).json();
    assert_eq!((&shown["fingerprint"], &shown["hide_subject"]), (&FINGERPRINT.into(), &true.into()));
    assert_eq!((&shown["user_ids"], &shown["problem"]), (&1.into(), &serde_json::Value::Null));
    assert_eq!(key(&["--remove"]).ok(), "mail for ann@inbox.example is not encrypted any more\n");
    assert_eq!(key(&["--remove"]).error(), "this mailbox has no key");
}

#[test]
fn what_is_no_good_key_is_refused_and_the_one_before_stays() {
    let installation = Installation::with_user();
    let set = |file: &str| installation.run(&["mailbox", "key", "ann@inbox.example", "--set", file]);
    set(GOOD).ok();
    assert_eq!(set(EXPIRED).error(), "the key expired on 2023-12-31");
    assert_eq!(set(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).error(), "this is not an OpenPGP public key");
    assert!(set("nowhere.asc").error().starts_with("nowhere.asc can't be read"));
    assert_eq!(installation.run(&["mailbox", "key", "ann@inbox.example", "--json"]).json()["fingerprint"], FINGERPRINT);
    assert_eq!(installation.run(&["mailbox", "key", "x@inbox.example", "--set", GOOD]).error(), "there is no such mailbox");
}
