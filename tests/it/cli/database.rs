//! Databases that can't be opened.

use super::support::Installation;

#[test]
fn a_missing_folder_for_the_database_is_said_to_be_missing() {
    let settings = "[instance]\nhostname = \"mail.you.example\"\ndomains = [\"you.example\"]\ndata_dir = \"/nowhere/postern\"\n";
    let run = Installation::with(settings).run(&["user", "list"]);
    assert!(run.err.contains("does the folder exist"), "{}", run.err);
    let error = run.error();
    assert!(error.starts_with("database.url: the database can't be opened"), "{error}");
}

#[test]
fn a_server_that_is_not_there_is_an_error_without_the_password() {
    let url = "postgres://ann:s3cret@127.0.0.1:1/postern";
    let run = Installation::new().run_in(&[("POSTERN__DATABASE__URL", url)], &["user", "list"]);
    assert!(!run.err.contains("s3cret"), "{}", run.err);
    assert!(run.error().starts_with("database.url: the database can't be opened"));
}

#[test]
fn settings_are_checked_before_the_database_is_made() {
    let installation = Installation::with("");
    assert_eq!(installation.run(&["user", "list"]).error(), "instance.hostname is not set");
    assert_eq!(installation.run(&["serve"]).error(), "instance.hostname is not set");
    assert!(!installation.path().join("postern.db").exists());
}

#[test]
fn the_database_is_made_in_the_data_folder_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let installation = Installation::with_user();
    let mode = std::fs::metadata(installation.path().join("postern.db")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
