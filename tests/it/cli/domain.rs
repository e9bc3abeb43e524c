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
