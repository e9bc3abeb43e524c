//! `postern app-password`, and what sending from a domain of one's own makes.

use super::support::Installation;

#[test]
fn an_app_password_is_shown_once_with_the_settings_for_a_mail_program() {
    let installation = Installation::with(
        "[instance]\nhostname = \"mail.you.example\"\ndomains = [\"you.example\"]\n\
         [smtp]\nsubmission = [\"0.0.0.0:587\"]\nsubmissions = [\"0.0.0.0:465\"]\ntls_cert = \"cert.pem\"\ntls_key = \"key.pem\"\n",
    );
    installation.run(&["user", "add", "ann@inbox.example", "--verified"]).ok();
    let said = installation.run(&["app-password", "new", "phone"]).ok();
    let lines: Vec<Vec<&str>> = said.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!((lines[0][0], lines[0][1].len(), lines[0][1].split('-').count()), ("password", 29, 6), "{said}");
    assert_eq!(
        lines[1..],
        [
            vec!["user", "name", "ann@inbox.example"],
            vec!["server", "mail.you.example"],
            vec!["port", "465", "with", "SSL/TLS"],
            vec!["port", "587", "with", "STARTTLS"],
        ]
    );
    let made = installation.run(&["app-password", "new", "laptop", "--json"]).json();
    assert_eq!((&made["name"], &made["tls_ports"]), (&"laptop".into(), &serde_json::json!([465])));
    let listed = installation.run(&["app-password", "list", "--json"]).json();
    let names: Vec<_> = listed.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["phone", "laptop"]);
    assert!(listed[0].get("password").is_none() && listed[0]["last_used_at"].is_null());
    let id = made["id"].as_str().unwrap();
    assert_eq!(installation.run(&["app-password", "revoke", id]).ok(), format!("{id} is revoked\n"));
    assert_eq!(installation.run(&["app-password", "revoke", id]).error(), "there is no such app password");
    for name in [" ", "pho\u{1b}[2Jne", "two\nlines", &"x".repeat(101)] {
        let error = installation.run(&["app-password", "new", name]).error();
        assert_eq!(error, "the name of an app password has 1 to 100 characters and no control characters");
    }
}

#[test]
fn without_a_port_for_users_it_says_how_to_open_one() {
    let installation = Installation::with_user();
    let said = installation.run(&["app-password", "new", "phone"]).ok();
    assert!(said.ends_with("no port takes it yet: set smtp.submissions, for example [\"0.0.0.0:465\"]\n"), "{said}");
}

#[test]
fn ports_for_users_need_a_certificate() {
    let installation = Installation::with(
        "[instance]\nhostname = \"mail.you.example\"\ndomains = [\"you.example\"]\n[smtp]\nsubmissions = [\"0.0.0.0:465\"]\n",
    );
    assert_eq!(installation.run(&["user", "list"]).error(), "smtp.submissions is set and smtp.tls_cert is not");
}

#[test]
fn sending_makes_aliases_of_one_s_own_domain_only_when_told_so() {
    let installation = Installation::with_user();
    installation.run(&["domain", "add", "ann.example", "--user", "ann@inbox.example"]).ok();
    let said = installation.run(&["domain", "make-by-sending", "ann.example", "yes"]).ok();
    assert_eq!(said, "sending from an address of ann.example makes the alias when there is none\n");
    let view = installation.run(&["domain", "make-by-sending", "ann.example", "no", "--json"]).json();
    assert_eq!(view, serde_json::json!({"domain": "ann.example", "make_by_sending": false}));
    let error = installation.run(&["domain", "make-by-sending", "you.example", "yes"]).error();
    assert_eq!(error, "there is no such domain of this user's own");
}
