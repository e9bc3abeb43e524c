//! `postern invite`.

use super::support::Installation;

#[test]
fn an_invitation_is_shown_once_listed_and_taken_back() {
    let settings =
        "[instance]\nhostname = \"mail.you.example\"\ndomains = [\"you.example\"]\npublic_url = \"https://post.you.example/\"\n";
    let installation = Installation::with(&format!("{settings}registration = \"invite\"\n"));
    let made = installation.run(&["invite", "new", "--note", "Ann", "--expires", "2d", "--json"]).json();
    let link = made["link"].as_str().unwrap();
    assert!(link.starts_with("https://post.you.example/invite/") && link.len() > 60, "{link}");
    let listed = installation.run(&["invite", "list", "--json"]).json();
    assert_eq!((listed[0]["note"].as_str(), listed[0]["state"].as_str()), (Some("Ann"), Some("open")));
    assert_eq!(listed[0].get("link"), None);
    let id = made["id"].as_str().unwrap();
    assert_eq!(installation.run(&["invite", "revoke", id]).ok(), format!("invitation {id} does not work any more\n"));
    assert_eq!(installation.run(&["invite", "revoke", id]).error(), "there is no such invitation that was not used");
    assert_eq!(installation.run(&["invite", "list"]).ok(), "no invitations\n");
    let error = installation.run(&["invite", "new", "--expires", "1000d"]).error();
    assert!(error.contains("a year at the most"), "{error}");
    assert!(!installation.run(&["invite", "new"]).ok().contains("registration"));
    let closed = Installation::with(settings);
    assert!(closed.run(&["invite", "new"]).ok().contains("registration = \"invite\""));
}
