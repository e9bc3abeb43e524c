//! What came of every row: made, made under another address, there already, skipped and why.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;

use serde::{Deserialize, Serialize};

use super::text;

/// What came of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// There was no such alias, now there is.
    Made,
    /// The same, under another address than it had.
    Remapped,
    /// This user has it.
    There,
    /// Nothing happened.
    Skipped,
}

impl Outcome {
    /// As in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Made => "made",
            Self::Remapped => "remapped",
            Self::There => "there",
            Self::Skipped => "skipped",
        }
    }
}

/// Why a row was skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Its address is none.
    BadAddress,
    /// Neither address nor site.
    Nothing,
    /// The local part can't be had on that domain.
    BadName,
    /// It belongs to the instance.
    Reserved,
    /// Not a domain of this user here.
    ForeignDomain,
    /// No domain to make a new one on.
    NoDomain,
    /// It was deleted where it comes from.
    Deleted,
    /// Its state is none that is known.
    UnknownState,
    /// Somebody else has it.
    Taken,
    /// It was handed out before and is gone.
    Retired,
    /// It stands in the file before.
    Twice,
}

impl Reason {
    /// For people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadAddress => "the address is not valid",
            Self::Nothing => "there is neither an address nor a site",
            Self::BadName => "the name has characters that names on this domain can't have",
            Self::Reserved => "the name is reserved for the instance",
            Self::ForeignDomain => "its domain is not one of yours here",
            Self::NoDomain => "there is no domain to make it on",
            Self::Deleted => "it was deleted where it comes from",
            Self::UnknownState => "its state is none of active, locked, paused, killed",
            Self::Taken => "somebody else has this address",
            Self::Retired => "the address was in use once and is gone for good",
            Self::Twice => "it stands in the file twice",
        }
    }
}

/// What could not be kept of an alias that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Remark {
    /// Some inboxes are not there.
    Mailboxes,
    /// The note was too long.
    NoteCut,
    /// The display name is none.
    DisplayName,
    /// A label is none.
    Tags,
}

impl Remark {
    /// For people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mailboxes => "not all of its mailboxes are there; it forwards to those that are, or to the default one",
            Self::NoteCut => "its note was longer than 10000 letters and was cut",
            Self::DisplayName => "its display name can't be used and was left out",
            Self::Tags => "not all of its labels can be kept: there are too many, or one is too long",
        }
    }
}

/// A sentence for people: one of ours, or one that an instance elsewhere said.
pub type Sentence = Cow<'static, str>;

/// What came of one row.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Line {
    /// Which row of the file, from 1.
    pub row: u64,
    /// The address in the file; the site where there was none.
    pub address: String,
    /// What came of it.
    pub outcome: Outcome,
    /// Why it was skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Sentence>,
    /// The address it has now, where that is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_address: Option<String>,
    /// What could not be kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<Sentence>,
}

impl Line {
    /// A skipped one.
    pub fn skipped(row: u64, address: String, reason: Reason) -> Self {
        let (outcome, reason) = (Outcome::Skipped, Some(reason.as_str().into()));
        Self { row, address, outcome, reason, new_address: None, remarks: Vec::new() }
    }

    /// Whether its owner wants to know of it: it was skipped, it is another address now, or something could not be kept.
    pub fn is_notable(&self) -> bool {
        matches!(self.outcome, Outcome::Skipped | Outcome::Remapped) || self.new_address.is_some() || !self.remarks.is_empty()
    }
}

/// All rows counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Rows of the file.
    pub rows: u64,
    /// Made under their addresses.
    pub made: u64,
    /// Made under other addresses.
    pub remapped: u64,
    /// There already.
    pub there: u64,
    /// Skipped.
    pub skipped: u64,
    /// Why, and how many each.
    pub reasons: BTreeMap<Sentence, u64>,
    /// What could not be kept of those that were made.
    pub remarks: BTreeMap<Sentence, u64>,
    /// Contacts with a new reverse address, because the one they had is in use here or belongs to another service.
    pub contacts_renewed: u64,
    /// What the file does not hold.
    #[serde(default)]
    pub notes: Vec<Sentence>,
    /// What happened to settings, mailboxes, domains.
    pub account: Vec<String>,
}

impl Summary {
    /// Counts these.
    pub fn count(&mut self, lines: &[Line]) {
        for line in lines {
            self.rows += 1;
            match line.outcome {
                Outcome::Made => self.made += 1,
                Outcome::Remapped => self.remapped += 1,
                Outcome::There => self.there += 1,
                Outcome::Skipped => self.skipped += 1,
            }
            if let Some(reason) = &line.reason {
                *self.reasons.entry(reason.clone()).or_default() += 1;
            }
            for remark in &line.remarks {
                *self.remarks.entry(remark.clone()).or_default() += 1;
            }
        }
    }
}

/// Writes lines as a table.
pub struct Report<W: io::Write>(csv::Writer<W>);

impl<W: io::Write> Report<W> {
    /// Begins with the headings.
    pub fn begin(to: W) -> io::Result<Self> {
        let mut writer = csv::Writer::from_writer(to);
        writer.write_record(["row", "address", "outcome", "reason", "new_address", "remarks"]).map_err(io::Error::from)?;
        Ok(Self(writer))
    }

    /// Adds lines.
    pub fn add(&mut self, lines: &[Line]) -> io::Result<()> {
        for line in lines {
            let (row, address) = (line.row.to_string(), text::guard(&line.address));
            let (reason, new) = (line.reason.as_deref().unwrap_or_default(), line.new_address.as_deref().unwrap_or_default());
            let fields = [&row, &address, line.outcome.as_str(), reason, new, &line.remarks.join("; ")];
            self.0.write_record(fields).map_err(io::Error::from)?;
        }
        Ok(())
    }

    /// Writes what is left, and gives the writer back.
    pub fn end(self) -> io::Result<W> {
        self.0.into_inner().map_err(csv::IntoInnerError::into_error)
    }
}
