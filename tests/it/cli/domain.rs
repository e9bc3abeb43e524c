//! `postern domain`.

use super::support::Installation;

#[test]
fn the_domains_of_the_settings_are_there_and_own_ones_can_be_added() {
    let installation = Installation::with_user();
    let said = installation.run(&["domain", "add", "Ann.example"]).ok();
    assert_eq!(said, "ann.example can hold aliases now; its MX record must point here: ann.example. MX 10 mail.you.example.\n");
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
