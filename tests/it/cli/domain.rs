//! `postern domain`.

use super::support::Installation;

#[test]
fn the_domains_of_the_settings_are_there_and_own_ones_can_be_added() {
    let installation = Installation::with_user();
    let said = installation.run(&["domain", "add", "Ann.example"]).ok();
    assert_eq!(
        said,
        "ann.example can hold aliases now; its MX record must point here: ann.example. MX 10 mail.you.example.\n\
         All records it needs: postern domain check ann.example\n"
    );
    let domains = installation.run(&["domain", "list", "--json"]).json();
    let names: Vec<_> = domains.as_array().unwrap().iter().map(|domain| (&domain["name"], &domain["shared"])).collect();
    assert_eq!(
        serde_json::json!(names),
        serde_json::json!([["you.example", true], ["more.example", true], ["ann.example", false]])
    );
    assert!(installation.alias(&["lg.com", "--domain", "ann.example"]).ends_with("@ann.example"));
    let error = installation.run(&["domain", "add", "you.example"]).error();
    assert_eq!(error, "this domain is on this instance already, perhaps for someone else");
}

/// An installation that looks names up in a file of its own.
fn with_zone(zone: &str) -> Installation {
    let installation = Installation::with(
        "[instance]\nhostname = \"mail.you.example\"\ndomains = [\"you.example\"]\n[dkim]\nalgorithms = [\"ed25519\"]\n\
         [dns]\nzone_file = \"zone\"\n",
    );
    std::fs::write(installation.path().join("zone"), zone).unwrap();
    installation
}

#[test]
fn the_records_a_domain_needs_are_printed_and_checked() {
    let installation = with_zone("mail.you.example. A 192.0.2.10\n");
    let found = installation.run(&["domain", "check", "you.example", "--json"]).json();
    assert_eq!(found["ok"], false);
    let lines: Vec<String> = found["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| {
            assert_eq!(record["status"], "missing");
            let word = |key: &str| record[key].as_str().unwrap().to_owned();
            format!("{} {} {}\n", word("name"), word("type"), word("data"))
        })
        .collect();
    let zone = lines.concat();
    std::fs::write(installation.path().join("zone"), format!("mail.you.example. A 192.0.2.10\n{zone}")).unwrap();
    assert_eq!(installation.run(&["domain", "check", "you.example", "--json"]).json()["ok"], true);
    let said = installation.run(&["domain", "check", "you.example"]).ok();
    for line in zone.lines() {
        assert!(said.contains(&format!("    {line}\n")), "{line} in {said}");
    }
    assert_eq!(said.matches("[ok] ").count(), 4, "{said}");
    let error = installation.run(&["domain", "check", "other.example"]).error();
    assert_eq!(error, "this domain is not on this instance");
}

#[test]
fn keys_are_rotated_in_steps() {
    let installation = with_zone("");
    let rotate = |more: &[&str]| installation.run(&[&["domain", "rotate-keys", "you.example"], more].concat());
    installation.run(&["domain", "check", "you.example"]).ok();
    assert_eq!(rotate(&["--activate"]).error(), "no keys wait to take over");
    let next = rotate(&["--json"]).json();
    assert_eq!((&next[0]["state"], &next[0]["algorithm"]), (&"next".into(), &"ed25519".into()));
    assert!(next[0].get("private_key").is_none());
    let said = rotate(&[]).ok();
    assert!(said.starts_with(&format!("[next] {} TXT \"v=DKIM1; k=ed25519; p=", next[0]["name"].as_str().unwrap())), "{said}");
    let keys = rotate(&["--activate", "--json"]).json();
    assert_eq!((&keys[0]["state"], &keys[1]["state"]), (&"retired".into(), &"active".into()));
    assert_eq!(keys[1]["selector"], next[0]["selector"]);
    assert_eq!(rotate(&["--remove"]).ok(), "no key is retired for long enough\n");
    assert_eq!(rotate(&["--remove", "--activate"]).status, 2);
}

#[test]
fn a_domain_is_claimed_proven_set_up_and_removed() {
    let installation = with_zone("mail.you.example. A 192.0.2.10\n");
    installation.run(&["user", "add", "ann@inbox.example", "--verified"]).ok();
    let claimed = installation.run(&["domain", "claim", "Own.example", "--json"]).json();
    assert_eq!((&claimed["domain"], &claimed["warning"]), (&"own.example".into(), &serde_json::Value::Null));
    let record = claimed["proof"]["value"].as_str().unwrap().to_owned();
    let said = installation.run(&["domain", "claim", "inbox.example"]).ok();
    assert!(said.contains("careful: mailboxes of yours are on this domain"), "{said}");
    assert!(said.contains("publish this record, then: postern domain check inbox.example"), "{said}");
    assert!(installation.run(&["domain", "list"]).ok().contains("nobody yet: not proven"));
    let error = installation.run(&["domain", "claim", "x.you.example"]).error();
    assert_eq!(error, "this name belongs to a domain of this instance");
    let error = installation.run(&["domain", "catch-all", "own.example", "on"]).error();
    assert_eq!(error, "there is no such domain of this user's own");
    let open = installation.run(&["domain", "check", "own.example", "--json"]).json();
    assert_eq!((&open["ok"], open["records"].as_array().unwrap().len()), (&false.into(), 4));

    std::fs::write(installation.path().join("zone"), format!("own.example. TXT \"{record}\"\n")).unwrap();
    let seen = installation.run(&["domain", "check", "own.example"]).ok();
    assert!(seen.starts_with("[ok] shows that the domain is yours\n") && seen.contains("_domainkey.own.example."), "{seen}");
    let said = installation.run(&["domain", "catch-all", "own.example", "pattern", "shop-*", "*.web"]).ok();
    assert_eq!(said, "the first message to a name of own.example like shop-* *.web makes the alias\n");
    let error = installation.run(&["domain", "catch-all", "own.example", "pattern"]).error();
    assert_eq!(error, "give at least one pattern, for example shop-*");
    let list = installation.run(&["domain", "list", "--json"]).json();
    assert_eq!(list[1]["catch_all_pattern"], "shop-* *.web");
    let alias = installation.alias(&["lg.com", "--domain", "own.example"]);
    assert!(installation.run(&["domain", "remove", "own.example"]).error().contains("still alive (1)"));
    installation.run(&["alias", "kill", &alias]).ok();
    assert_eq!(installation.run(&["domain", "remove", "own.example"]).ok(), "own.example is removed\n");
    assert_eq!(installation.run(&["domain", "remove", "inbox.example"]).ok(), "inbox.example is removed\n");
}

#[test]
fn a_name_is_signed_without_the_database_when_the_key_is_at_hand() {
    let installation = with_zone("");
    let path = installation.path();
    std::fs::write(path.join("key"), "aaaq eaye audaocajbifqydiob4ibceqt\n").unwrap();
    let file = path.join("key");
    let words = ["alias", "new", "https://www.lg.com/x", "--offline", "--key-file", file.to_str().unwrap()];
    assert_eq!(installation.run(&words).ok(), "lg.com.wmnhs2@you.example\n");
    let words = ["alias", "new", "lg.com", "--offline", "--key", "AAAQEAYEAUDAOCAJBIFQYDIOB4IBCEQT", "--domain", "alias.example"];
    assert_eq!(installation.run(&words).ok(), "lg.com.hkm5nc@alias.example\n");
    assert!(!path.join("postern.db").exists(), "no database was needed");

    installation.run(&["user", "add", "ann@inbox.example", "--verified"]).ok();
    let error = installation.run(&["alias", "new", "lg.com", "--offline"]).error();
    assert_eq!(error, "this user signs no names");
    let key = installation.run(&["user", "name-key", "--new"]).ok();
    assert_eq!(installation.run(&["user", "name-key"]).ok(), key);
    let name = installation.run(&["alias", "new", "lg.com", "--offline", "--json"]).json();
    std::fs::write(path.join("key"), &key).unwrap();
    let by_key = installation.run(&["alias", "new", "lg.com", "--offline", "--key-file", file.to_str().unwrap()]).ok();
    assert_eq!(by_key.trim_end(), name["address"]);
    assert_eq!(installation.run(&["alias", "list"]).ok(), "no aliases\n", "nothing was made");
    installation.run(&["user", "name-key", "--off"]).ok();
    assert!(installation.run(&["user", "name-key"]).ok().contains("signs no names"));
}
