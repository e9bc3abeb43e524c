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
