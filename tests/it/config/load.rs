//! The loader: what a mistake in the file is called, and secrets from files.

use std::path::{Path, PathBuf};

use postern::config::Config;

fn file(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn complaint(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "postern.toml", text);
    let line = Config::load(Some(&path)).unwrap_err().to_string();
    assert!(!line.contains('\n'), "{line}");
    line.replace(path.to_str().unwrap(), "FILE")
}

#[test]
fn an_unknown_key_is_named_with_its_section_and_file() {
    let line = complaint("[instance]\nhostnam = \"x.example\"\n");
    assert!(line.starts_with("there is no setting instance.hostnam in FILE; "), "{line}");
    let line = complaint("[instanc]\nhostname = \"x.example\"\n");
    assert!(line.starts_with("there is no setting instanc in FILE; "), "{line}");
    let line = complaint("[outbound.deadlines]\nconect = \"1s\"\n");
    assert!(line.starts_with("there is no setting outbound.deadlines.conect in FILE; "), "{line}");
}

#[test]
fn a_wrong_value_is_named_with_what_would_be_right() {
    let line = complaint("[outbound]\ninline_deadline = \"soon\"\n");
    assert!(line.starts_with("outbound.inline_deadline in FILE has a wrong value: ") && line.contains("20s"), "{line}");
    let line = complaint("[smtp]\nmax_recipients = \"many\"\n");
    assert!(line.starts_with("smtp.max_recipients in FILE has a wrong value: "), "{line}");
    let line = complaint("[smtp\n");
    assert!(line.starts_with("the settings can't be read in FILE: "), "{line}");
}

#[test]
fn a_missing_file_is_said_to_be_missing() {
    let line = Config::load(Some(Path::new("/nowhere/postern.toml"))).unwrap_err().to_string();
    assert!(line.starts_with("the settings file /nowhere/postern.toml can't be read"), "{line}");
}

#[test]
fn secrets_come_from_files_without_white_space_around_them() {
    let folder = tempfile::tempdir().unwrap();
    let database = file(folder.path(), "database", "postgres://u:p@h/d\n");
    let smarthost = file(folder.path(), "smarthost", "  smtp://u:p@relay.example:587 \n\n");
    let text = format!("[database]\nurl_file = {database:?}\n[outbound]\nmode = \"smarthost\"\nsmarthost_file = {smarthost:?}\n");
    let config = Config::load(Some(&file(folder.path(), "postern.toml", &text))).unwrap();
    assert_eq!(config.database.url, "postgres://u:p@h/d");
    assert_eq!(config.outbound.smarthost, "smtp://u:p@relay.example:587");

    let text = "[database]\nurl_file = \"/nowhere/secret\"\n";
    let line = Config::load(Some(&file(folder.path(), "postern.toml", text))).unwrap_err().to_string();
    assert!(line.starts_with("database.url_file: /nowhere/secret can't be read"), "{line}");
}
