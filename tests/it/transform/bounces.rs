//! Every message of `tests/corpus/bounces/`: what it says, and of whom.

use std::fs;

use postern::model::Severity;
use postern::transform::report::{self, Report};

use crate::support::app::MAILBOX;

/// File, status and severity; whether it names the mailbox in a place made for it.
const FAILURES: &[(&str, &str, Severity, bool)] = &[
    ("postfix-dsn", "5.1.1", Severity::Hard, true),
    ("postfix-text", "5.2.1", Severity::Hard, false),
    ("qmail", "5.1.1", Severity::Hard, false),
    ("qmail-timeout", "4.4.1", Severity::Soft, false),
    ("exim", "5.1.1", Severity::Hard, true),
    ("exim-quota", "5.2.2", Severity::Soft, true),
    ("exchange-without-status", "5.1.10", Severity::Hard, false),
    ("exchange-odd-case", "5.1.1", Severity::Hard, true),
    ("report-without-type", "5.2.2", Severity::Soft, true),
    ("plain-550", "5.1.1", Severity::Hard, false),
    ("notes", "5.1.1", Severity::Hard, false),
    ("spam-refusal", "5.7.1", Severity::Soft, true),
    ("expired", "4.4.7", Severity::Soft, true),
    ("other-hop", "5.1.1", Severity::Hard, false),
    ("unknown-words", "5.0.0", Severity::Unknown, false),
];

fn read(name: &str) -> Report {
    report::read(&fs::read(format!("tests/corpus/bounces/{name}.eml")).unwrap())
}

#[test]
fn every_bounce_of_the_corpus_is_understood() {
    for (name, status, severity, names) in FAILURES {
        let Report::Failed(failed) = read(name) else { panic!("{name} is a failure, not {:?}", read(name)) };
        assert_eq!((failed.status.as_str(), failed.severity), (*status, *severity), "{name}: {failed:?}");
        let named = failed.recipients.iter().any(|recipient| recipient.eq_ignore_ascii_case(MAILBOX));
        assert_eq!(named, *names, "{name}: {failed:?}");
    }
    for name in ["postfix-delayed", "exim-warning"] {
        assert_eq!(read(name), Report::Progress, "{name}");
    }
    for name in ["vacation", "read-receipt"] {
        assert_eq!(read(name), Report::Automatic, "{name}");
    }
    let files = fs::read_dir("tests/corpus/bounces").unwrap().count();
    assert_eq!(files, FAILURES.len() + 4, "a file of the corpus is not tested");
}

#[test]
fn a_bounce_cut_anywhere_is_answered() {
    for (name, ..) in FAILURES {
        let whole = fs::read(format!("tests/corpus/bounces/{name}.eml")).unwrap();
        for end in 0..whole.len() {
            let _answer = report::read(&whole[..end]);
        }
    }
}
