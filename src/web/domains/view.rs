//! A record as people see it who never saw one: what it is for, how it stands, what to paste where.

use crate::service::domain_check::{Record, Status};

/// A record.
#[derive(Debug)]
pub struct RecordView {
    /// What it is for.
    pub purpose: &'static str,
    /// How it stands, in words.
    pub state: &'static str,
    /// The same for the look of the word.
    pub look: &'static str,
    /// Its name, with the dot at the end.
    pub name: String,
    /// Its type.
    pub kind: &'static str,
    /// Its value in one piece, as the forms of DNS providers want it.
    pub value: String,
    /// The whole as a line of a zone file.
    pub line: String,
    /// What is wrong, as a sentence.
    pub note: Option<String>,
    /// What stands there now, where that is something else.
    pub live: Vec<String>,
}

impl RecordView {
    /// Of what was found.
    pub fn of(record: Record) -> Self {
        let (state, look) = match record.status {
            Status::Ok => ("fine", "good"),
            Status::Missing => ("not there yet", "bad"),
            Status::Wrong => ("has to be changed", "bad"),
            Status::Unknown => ("could not be asked now", "plain"),
        };
        let line = format!("{} {} {}", record.name, record.kind, record.data);
        let live = record.live.into_iter().filter(|live| *live != record.value).collect();
        Self {
            purpose: record.purpose,
            state,
            look,
            name: record.name,
            kind: record.kind,
            value: record.value,
            line,
            note: record.note.map(|note| sentence(&note)),
            live,
        }
    }
}

/// A remark as a sentence.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first: String = chars.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
    format!("{first}{}.", chars.as_str().trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remark_becomes_a_sentence() {
        assert_eq!(sentence("it points elsewhere; change it"), "It points elsewhere; change it.");
        assert_eq!(sentence("asked.example. is asked first."), "Asked.example. is asked first.");
        assert_eq!(sentence(""), ".");
    }
}
