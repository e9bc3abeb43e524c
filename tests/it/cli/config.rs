//! `postern config`, and settings from the environment.

use super::support::Installation;

#[test]
fn the_settings_in_force_are_shown_with_passwords_masked() {
    let installation = Installation::new();
    let variables = [
        ("POSTERN__DATABASE__URL", "postgres://ann:s3cret@db/postern"),
        ("POSTERN__OUTBOUND__MODE", "smarthost"),
        ("POSTERN__OUTBOUND__SMARTHOST", "smtp://ann:s3cret@relay.example:587"),
        ("POSTERN__OUTBOUND__INLINE_DEADLINE", "7s"),
        ("POSTERN__INSTANCE__DOMAINS", r#"["a.example", "b.example"]"#),
        ("POSTERN__SMTP__MAX_RECIPIENTS", "7"),
        ("POSTERN__OUTBOUND__DEADLINES__CONNECT", "9s"),
    ];
    let document = installation.run_in(&variables, &["config", "--json"]).json();
    assert_eq!(document["instance"]["hostname"], "mail.you.example");
    assert_eq!(document["instance"]["domains"], serde_json::json!(["a.example", "b.example"]));
    assert_eq!(document["database"]["url"], "postgres://ann:********@db/postern");
    assert_eq!(document["outbound"]["smarthost"], "smtp://ann:********@relay.example:587");
    assert_eq!(document["outbound"]["inline_deadline"], "7s");
    assert_eq!(document["outbound"]["deadlines"]["connect"], "9s");
    assert_eq!(document["smtp"]["max_recipients"], 7);
    let text = installation.run_in(&variables, &["config"]).ok();
    assert!(!text.contains("s3cret"), "{text}");
    let read: toml::Table = toml::from_str(&text).unwrap();
    assert_eq!(read["smtp"]["max_recipients"].as_integer(), Some(7));
}

#[test]
fn an_unknown_key_is_an_error_that_names_key_and_file() {
    let installation = Installation::with("[smtp]\nlisten_on = \"x\"\n");
    let error = installation.run(&["config"]).error();
    assert_eq!(error, "there is no setting smtp.listen_on in postern.toml");
    let error = Installation::new().run_in(&[("POSTERN__SMTP__LISTEN_ON", "x")], &["config"]).error();
    assert_eq!(error, "there is no setting smtp.listen_on in the environment");
}

#[test]
fn settings_that_make_no_sense_are_shown_and_then_refused() {
    let run = Installation::with("").run(&["config"]);
    assert!(run.status == 1 && run.out.contains("[instance]"), "{run:?}");
    assert_eq!(run.err, "error: instance.hostname is not set\nhint: write for example hostname = \"mail.you.example\"\n");
    let run = Installation::new().run_in(&[("POSTERN__LOG__LEVEL", "a=b=c")], &["config"]);
    assert!(run.status == 1 && run.err.starts_with("error: log.level = "), "{run:?}");
}

#[test]
fn the_settings_file_is_named_by_option_variable_or_place() {
    let installation = Installation::new();
    let other = installation.path().join("other.toml");
    std::fs::write(&other, "[instance]\nhostname = \"other.example\"\ndomains = [\"other.example\"]\n").unwrap();
    let other = other.to_str().unwrap();
    assert!(installation.run(&["config"]).ok().contains("mail.you.example"));
    assert!(installation.run(&["config", "--config", other]).ok().contains("other.example"));
    assert!(installation.run_in(&[("POSTERN_CONFIG", other)], &["config"]).ok().contains("other.example"));
    let error = installation.run(&["config", "--config", "nowhere.toml"]).error();
    assert!(error.starts_with("the settings file nowhere.toml can't be read"), "{error}");
}
