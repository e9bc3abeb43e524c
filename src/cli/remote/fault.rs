//! What an instance refuses, and what becomes of it on standard error: its own words are the error line.

use serde::Deserialize;

use super::super::failure::Failure;
use super::MAKE_A_TOKEN;
use crate::model::api_token::Scope;

/// Longest part of a refusal that is shown, in characters.
const LONGEST: usize = 500;

/// Why there is no answer to work with.
#[derive(Debug)]
pub enum Fault {
    /// The instance says no (RFC 9457).
    Refused {
        /// The status of its answer.
        status: u16,
        /// Its words.
        detail: String,
    },
    /// Something else.
    Failed(Failure),
}

/// Why a file did not come.
#[derive(Debug)]
pub enum FetchError {
    /// It was not sent, or not all of it.
    Fault(Fault),
    /// There is no room for it here.
    Disk(std::io::Error),
}

impl From<Fault> for FetchError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// The part of a problem that is for people.
#[derive(Deserialize)]
struct Problem {
    detail: String,
}

impl Fault {
    /// Reads a refusal; `None` when it is none of Postern's.
    pub fn read(status: u16, body: &[u8]) -> Option<Self> {
        let problem: Problem = serde_json::from_slice(body).ok()?;
        let detail = problem.detail.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
        Some(Self::Refused { status, detail })
    }

    /// Another answer when the thing is not there.
    pub fn or_missing(self, missing: impl FnOnce() -> Failure) -> Failure {
        match self {
            Self::Refused { status: 404, .. } => missing(),
            other => other.into(),
        }
    }
}

/// How to come by what a token was too little for.
fn wider(detail: &str) -> String {
    match detail.rsplit_once("the scope ") {
        Some((_, scope)) if scope.parse::<Scope>().is_ok() => {
            // Alone it would be too little for everything else.
            let with = if scope == Scope::Account.as_str() { "--scope write " } else { "" };
            format!(
                "make a token with {with}--scope {scope} on the instance (`postern token new --name \"my laptop\" {with}--scope \
                 {scope}`), or on its page for programs"
            )
        }
        _ => "ask whoever administers the instance".to_owned(),
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        let (status, detail) = match fault {
            Fault::Failed(failure) => return failure,
            Fault::Refused { status, detail } => (status, detail),
        };
        match status {
            401 => Self::new("the instance does not take this token", MAKE_A_TOKEN),
            403 => {
                let hint = wider(&detail);
                Self::new(detail, hint)
            }
            404 => Self::new(detail, "see the list of such things"),
            429 => Self::new(detail, "wait, then try again"),
            500.. => Self::new(detail, "try again; if that does not help, tell who runs the instance"),
            _ => Self::new(detail, "change that, then try again"),
        }
    }
}
