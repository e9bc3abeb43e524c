//! `postern import` and `postern export`.

use std::os::unix::fs::PermissionsExt;

use super::support::Installation;

const TABLE: &str = "address,note\nshop@you.example,x\nold@elsewhere.example,y\nbad\n";

#[test]
fn an_import_says_what_came_of_every_row_and_can_be_tried_first() {
    let installation = Installation::with_user();
    let path = |name: &str| installation.path().join(name);
    std::fs::write(path("aliases.csv"), TABLE).unwrap();
    let tried = installation.run(&["import", "csv", "aliases.csv", "--dry-run"]).ok();
    assert!(tried.starts_with("3 aliases in the file: 1 would be made, 0 under another address, 0 there already, 2 skipped\n"));
    assert!(tried.contains("  1 skipped: the address is not valid\n") && tried.contains("leave out --dry-run"), "{tried}");
    assert_eq!(installation.run(&["alias", "list"]).ok(), "no aliases\n");
    let words = ["import", "csv", "aliases.csv", "--remap", "more.example", "--report", "report.csv"];
    let done = installation.run(&words).ok();
    assert!(done.contains("old@elsewhere.example -> old@more.example\n"), "{done}");
    let report = std::fs::read_to_string(path("report.csv")).unwrap();
    assert_eq!(report.lines().nth(2).unwrap(), "2,old@elsewhere.example,remapped,,old@more.example,");
    let again = installation.run(&["import", "csv", "aliases.csv", "--remap", "elsewhere.example=more.example", "--json"]).json();
    assert_eq!((&again["there"], &again["skipped"], &again["dry_run"]), (&2.into(), &1.into(), &false.into()));
    assert_eq!(again["lines"][2]["reason"], "the address is not valid");
}

#[test]
fn what_was_exported_is_imported_elsewhere_and_exported_again_the_same() {
    let installation = Installation::with_user();
    installation.run(&["alias", "new", "lg.com", "--note", "tv"]).ok();
    let said = installation.run(&["export", "--to", "all.zip"]).ok();
    assert!(said.starts_with("1 aliases and everything else are in all.zip\n"), "{said}");
    let archive = installation.path().join("all.zip");
    assert_eq!(archive.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert!(installation.run(&["export", "--to", "all.zip"]).error().contains("is there already"));
    installation.run(&["export", "--to", "all.zip", "--force"]).ok();

    let other = Installation::new();
    other.run(&["user", "add", "ann@inbox.example"]).ok();
    other.run(&["import", "postern", archive.to_str().unwrap(), "--trust"]).ok();
    other.run(&["export", "--to", "again.zip"]).ok();
    let part = |path: &std::path::Path, name: &str| {
        let mut archive = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
        std::io::read_to_string(archive.by_name(name).unwrap()).unwrap()
    };
    for name in ["postern.json", "aliases.csv"] {
        assert_eq!(part(&archive, name), part(&other.path().join("again.zip"), name));
    }
    assert!(other.run(&["mailbox", "list"]).ok().contains("ann@inbox.example"));
}

#[test]
fn what_can_not_be_read_or_written_is_said() {
    let installation = Installation::with_user();
    std::fs::write(installation.path().join("x.csv"), "a,b\n").unwrap();
    let error = |words: &[&str]| installation.run(words).error();
    assert!(error(&["import", "csv", "x.csv"]).contains("one must be called address or site"));
    assert!(error(&["import", "csv", "none.csv"]).contains("can't be read"));
    assert!(error(&["import", "postern", "x.csv"]).contains("no JSON"));
    assert!(error(&["import", "csv", "x.csv", "--report", "none/x.csv"]).contains("report"));
    std::fs::write(installation.path().join("y.csv"), "address\n").unwrap();
    assert!(error(&["import", "csv", "y.csv", "--remap", "their.example"]).contains("their.example is not a domain"));
    assert!(error(&["export", "--to", "none/all.zip"]).contains("can't be written"));
    for words in [
        &["import", "gmail", "x"][..],
        &["import", "csv", "x", "--trust"],
        &["export"],
        &["import", "csv", "x", "--remap", "a b"],
    ] {
        assert_eq!(installation.run(words).status, 2);
    }
}
