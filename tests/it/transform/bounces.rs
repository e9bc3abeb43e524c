//! Every message of `tests/corpus/bounces/`: what it says, and of whom.

use std::fs;

use postern::model::{Address, Severity};
use postern::transform::report::{self, Report};

use crate::support::app::MAILBOX;

/// File, status and severity for the mailbox.
const FAILURES: &[(&str, &str, Option<Severity>)] = &[
    ("postfix-dsn", "5.1.1", Some(Severity::Hard)),
    ("postfix-text", "5.2.1", Some(Severity::Hard)),
    ("qmail", "5.1.1", Some(Severity::Hard)),
    ("qmail-timeout", "4.4.1", Some(Severity::Soft)),
    ("exim", "5.1.0", Some(Severity::Unknown)),
    ("exim-quota", "5.2.2", Some(Severity::Soft)),
    ("exchange-without-status", "5.1.10", Some(Severity::Hard)),
    ("exchange-odd-case", "5.1.1", Some(Severity::Hard)),
    ("report-without-type", "5.2.2", Some(Severity::Soft)),
    ("plain-550", "5.1.1", Some(Severity::Hard)),
    ("notes", "5.1.1", Some(Severity::Hard)),
    ("spam-refusal", "5.7.1", Some(Severity::Soft)),
    ("expired", "4.4.7", Some(Severity::Soft)),
    // The mailbox was the original recipient, and forwards.
    ("other-hop", "5.1.1", None),
    ("unknown-words", "5.0.0", None),
];

fn read(name: &str) -> Report {
    report::read(&fs::read(format!("tests/corpus/bounces/{name}.eml")).unwrap())
}

#[test]
fn every_bounce_of_the_corpus_is_understood() {
    let (mailbox, moved): (Address, Address) = (MAILBOX.parse().unwrap(), "new.place@elsewhere.example".parse().unwrap());
    for (name, status, severity) in FAILURES {
        let Report::Failed(failed) = read(name) else { panic!("{name} is a failure, not {:?}", read(name)) };
        assert_eq!(failed.shown(&mailbox).status, *status, "{name}: {failed:?}");
        assert_eq!(failed.about(&mailbox).map(|said| said.severity), *severity, "{name}: {failed:?}");
        assert_eq!(failed.about(&moved), None, "{name}: not about what the mailbox is called today");
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
