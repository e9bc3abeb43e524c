//! Help and wrong usage.

use super::support::Installation;

#[test]
fn without_a_command_there_is_help_on_standard_output() {
    let help = Installation::new().run(&[]).ok();
    assert!(help.contains("Usage: postern") && help.contains("config"), "{help}");
    assert_eq!(help, Installation::new().run(&["--help"]).ok());
    assert!(Installation::new().run(&["--version"]).ok().starts_with("postern "));
}

#[test]
fn wrong_usage_is_status_2_and_says_what_is_wrong() {
    for words in [&["frobnicate"][..], &["config", "extra"], &["--user", "ann", "config"], &["--config"]] {
        let run = Installation::new().run(words);
        assert_eq!((run.status, run.out.as_str()), (2, ""), "{words:?}");
        assert!(run.err.starts_with("error: "), "{}", run.err);
    }
}

#[test]
fn every_command_the_readme_shows_exists() {
    let readme = std::fs::read_to_string("README.md").unwrap();
    let mut seen = 0;
    for line in readme.lines().filter_map(|line| line.strip_prefix("$ postern ")) {
        let shown = line.split('#').next().unwrap();
        let words: Vec<&str> = shown.split_whitespace().chain(["--help"]).collect();
        Installation::new().run(&words).ok();
        seen += 1;
    }
    assert!(seen > 5, "the README shows how to use it");
}
