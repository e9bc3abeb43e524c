//! Aliases that come from elsewhere: from SimpleLogin, addy.io and Firefox Relay, from a table, from our own export.
//!
//! One file per format turns bytes into [`Row`]s and knows nothing else; `plan` says what is to be done with a row,
//! `apply` does it, some hundred rows in one transaction. A file is read twice: once to see that all of it can be read and
//! how much there is, and again to do it. What was done stays done when an import is cut off, and running it again finds
//! that there.
//!
//! An address is kept where its domain can be used here. Elsewhere only its owner can move it: `remap` makes it anew on
//! another domain, and the report says which address it has now.

mod account;
mod addy;
mod apply;
mod archive;
pub mod gate;
mod json;
mod meter;
mod own;
mod plain;
mod plan;
mod relay;
pub mod report;
mod simplelogin;
pub mod sniff;
mod table;
#[cfg(test)]
mod tests;
mod text;
pub mod upload;

use std::io::{self, Read, Seek};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Desk;
use crate::model::alias::AliasState;
use crate::model::id::UserId;
use crate::model::site::Site;
use crate::model::words::UnknownWord;
use crate::model::{DomainName, Timestamp, transfer};
use crate::storage;

use account::Prepared;
use meter::Meter;
use plan::Plan;
use report::{Line, Summary};

pub(super) use plain::COLUMNS;
pub(super) use text::guard;

/// Rows in one transaction.
const BATCH: usize = 500;
/// Contacts, days and senders in one transaction, about.
const BATCH_WEIGHT: usize = 20_000;
/// Bytes of texts in one transaction, about.
const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// Batches read ahead.
const AHEAD: usize = 2;

/// Where aliases come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// SimpleLogin: CSV, JSON, or the archive of an account.
    SimpleLogin,
    /// addy.io: CSV.
    Addy,
    /// Firefox Relay: JSON or CSV.
    Relay,
    /// A table with a column `address` or `site`.
    Plain,
    /// Our own export.
    Own,
}

impl Source {
    const WORDS: [(Self, &'static str); 5] = [
        (Self::SimpleLogin, "simplelogin"),
        (Self::Addy, "addy"),
        (Self::Relay, "relay"),
        (Self::Plain, "csv"),
        (Self::Own, "postern"),
    ];

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::SimpleLogin => "SimpleLogin",
            Self::Addy => "addy.io",
            Self::Relay => "Firefox Relay",
            Self::Plain => "a table of your own",
            Self::Own => "Postern",
        }
    }

    /// The word on the command line and in tables.
    pub fn as_str(self) -> &'static str {
        Self::WORDS.iter().find(|(source, _)| *source == self).map_or("csv", |(_, word)| word)
    }
}

impl std::str::FromStr for Source {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::WORDS.iter().find(|(_, word)| *word == text).map(|(source, _)| *source).ok_or(UnknownWord)
    }
}

/// Where a file comes from can be read in any order.
pub trait ReadSeek: Read + Seek + Send {}
impl<T: Read + Seek + Send> ReadSeek for T {}

/// An open file.
pub type Input = Box<dyn ReadSeek>;

/// An alias on a domain that is not here is made on another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remap {
    /// Only those on this domain.
    pub from: Option<DomainName>,
    /// Where they are made.
    pub to: DomainName,
}

/// Why a text says nowhere to make aliases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a domain: give one like you.example, or old.example=you.example for those of one domain")]
pub struct RemapError;

/// `you.example`, or `old.example=you.example`.
impl std::str::FromStr for Remap {
    type Err = RemapError;
    fn from_str(text: &str) -> Result<Self, RemapError> {
        let parse = |text: &str| DomainName::parse(text.trim()).map_err(|_| RemapError);
        match text.split_once('=') {
            Some((from, to)) => Ok(Self { from: Some(parse(from)?), to: parse(to)? }),
            None => Ok(Self { from: None, to: parse(text)? }),
        }
    }
}

impl std::fmt::Display for Remap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.from {
            Some(from) => write!(f, "{from}={}", self.to),
            None => self.to.fmt(f),
        }
    }
}

/// What is to be brought in, and how.
#[derive(Clone)]
pub struct Job {
    /// Where it comes from.
    pub source: Source,
    /// Opens the file; asked twice.
    pub open: Arc<dyn Fn() -> io::Result<Input> + Send + Sync>,
    /// Bytes at the most, unpacked.
    pub limit: u64,
    /// Only say what would happen.
    pub dry_run: bool,
    /// The operator vouches for it: mailboxes stay verified, domains stay the user's.
    pub trust: bool,
    /// Whether webhooks may lead into the network this instance is in.
    pub private: bool,
    /// Where aliases go whose domain is not here.
    pub remap: Vec<Remap>,
}

/// What a file says of an alias.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "they are the columns of docs/import-export.md")]
pub struct Row {
    /// Which row of the file, from 1.
    pub number: u64,
    /// As it stands there; empty: one is drawn for the site.
    pub address: String,
    pub site: Option<Site>,
    pub wanted: Wanted,
    pub note: String,
    pub display_name: String,
    pub mailboxes: Vec<String>,
    pub tags: Vec<String>,
    pub created_at: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
    pub max_messages: Option<i64>,
    pub pinned: bool,
    pub contacts: Vec<transfer::Contact>,
    /// The rest of it, where it is one of ours.
    pub whole: Option<transfer::Alias>,
}

impl Default for Row {
    fn default() -> Self {
        Self {
            number: 0,
            address: String::new(),
            site: None,
            wanted: Wanted::State(AliasState::Active),
            note: String::new(),
            display_name: String::new(),
            mailboxes: Vec::new(),
            tags: Vec::new(),
            created_at: None,
            expires_at: None,
            max_messages: None,
            pinned: false,
            contacts: Vec::new(),
            whole: None,
        }
    }
}

impl Row {
    /// How much memory it takes, about.
    fn bytes(&self) -> usize {
        let lists = self.mailboxes.iter().chain(&self.tags).map(String::len).sum::<usize>();
        let contacts = self.contacts.iter().map(|contact| contact.address.len() + contact.token.len()).sum::<usize>();
        let whole = self.whole.as_ref().map_or(0, |whole| {
            let seen = whole.sightings.iter().map(|seen| seen.organisation.len() + seen.signer.len() + seen.proof.len());
            whole.note.len() + seen.sum::<usize>()
        });
        self.address.len() + self.note.len() + self.display_name.len() + lists + contacts + whole
    }

    /// How much is written with it.
    fn weight(&self) -> usize {
        1 + self.contacts.len() + self.whole.as_ref().map_or(0, |whole| whole.activity.len() + whole.sightings.len())
    }
}

/// What an alias is to do with mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// This.
    State(AliasState),
    /// It was deleted.
    Deleted,
    /// A word nobody knows.
    Unknown,
}

impl Wanted {
    /// What is off elsewhere is paused here: it can be turned on again.
    fn enabled(enabled: bool) -> Self {
        Self::State(if enabled { AliasState::Active } else { AliasState::Paused })
    }

    fn state(self) -> Option<AliasState> {
        match self {
            Self::State(state) => Some(state),
            Self::Deleted | Self::Unknown => None,
        }
    }
}

/// What a reader finds.
#[derive(Debug)]
enum Sent {
    /// What an account has besides aliases; before the first of them.
    Belongings(Box<own::Belongings>),
    /// An alias.
    Row(Box<Row>),
    /// Something the file does not hold, for people.
    Note(&'static str),
}

type Found<'a> = &'a mut dyn FnMut(Sent) -> Result<(), ReadError>;

/// Why a file can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The disk, or the archive's checksum.
    #[error("the file can't be read: {0}")]
    Io(#[from] io::Error),
    /// It, or one row of it.
    #[error("the file is too large, or one row of it is")]
    TooLarge,
    /// Nothing in it.
    #[error("the file is empty")]
    Empty,
    /// Not text.
    #[error("the file is no text in UTF-8; save it as CSV in UTF-8")]
    Encoding,
    /// Not what was said.
    #[error("the first line of the file must name its columns, and one must be called {}", .0.join(" or "))]
    Columns(Vec<&'static str>),
    /// Damaged, encrypted, or packed in an unusual way.
    #[error("the file is no ZIP archive that can be read")]
    Archive,
    /// Some other archive.
    #[error("there is no {0} in the archive")]
    NothingInside(&'static str),
    /// Damaged, or something else.
    #[error("the file is no JSON that can be read: see line {line}, column {column}")]
    Json {
        /// Where.
        line: usize,
        /// Where in it.
        column: usize,
    },
    /// Another kind of JSON.
    #[error("the file is no export of Postern: it does not begin with its version")]
    NotOurs,
    /// From the future.
    #[error("the export was made by a newer version of Postern; update this one first")]
    Version,
    /// Somebody put it in another order.
    #[error("in an export everything else stands before the aliases, and in this file it does not")]
    Order,
    /// One part of it.
    #[error("entry {number} of {member} can't be read: {problem}")]
    Part {
        /// Of which list.
        member: &'static str,
        /// Which one.
        number: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// More than anybody has.
    #[error("the file has too many {0}")]
    TooMany(&'static str),
    /// Nobody listens any more.
    #[error("the import was stopped")]
    Stopped,
}

/// Why nothing, or not all, could be brought in.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Where aliases were to be moved.
    #[error("{0} is not a domain this user can use")]
    Remap(DomainName),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Who sees an import go on.
pub trait Watch: Send {
    /// How many rows there are.
    fn counted(&mut self, rows: u64);
    /// What came of the next ones.
    fn lines(&mut self, lines: &[Line]) -> io::Result<()>;
}

/// Nobody.
impl Watch for () {
    fn counted(&mut self, _rows: u64) {}
    fn lines(&mut self, _lines: &[Line]) -> io::Result<()> {
        Ok(())
    }
}

/// Reads a file of a source: what is in it, in its order.
fn read(source: Source, input: Input, limit: u64, stop: CancellationToken, found: Found<'_>) -> Result<(), ReadError> {
    let meter = Meter::new(limit.max(1), stop);
    let done = match source {
        Source::SimpleLogin => simplelogin::read(input, &meter, found),
        Source::Addy => addy::read(input, &meter, found),
        Source::Relay => relay::read(input, &meter, found),
        Source::Plain => plain::read(input, &meter, found),
        Source::Own => own::read(input, &meter, found),
    };
    done.map_err(|error| match error {
        _ if meter.is_stopped() => ReadError::Stopped,
        _ if meter.is_exceeded() => ReadError::TooLarge,
        error => error,
    })
}

/// What is done together.
enum Piece {
    Belongings(Box<own::Belongings>),
    Rows(Vec<Row>),
    Note(&'static str),
}

/// Brings a file in for a user: what came of it, counted; each row is told to `watch`.
///
/// Nothing is written unless the whole file can be read. A failure later leaves whole batches behind, and running it again
/// goes on from there. Reading ends when nobody waits for this any more.
pub async fn run(desk: &Desk, user: UserId, job: &Job, watch: &mut dyn Watch) -> Result<Summary, ImportError> {
    let stop = CancellationToken::new();
    let _stopping = stop.clone().drop_guard();
    watch.counted(count(job, stop.clone()).await?);
    let (send, mut pieces) = mpsc::channel(AHEAD);
    let again = job.clone();
    let reading = tokio::task::spawn_blocking(move || send_pieces(&again, stop, &send));
    let mut summary = Summary::default();
    let mut plan = None;
    while let Some(piece) = pieces.recv().await {
        match piece {
            Piece::Belongings(belongings) => {
                let Prepared { plan: ready, said } = account::bring(desk, user, *belongings, job).await?;
                plan = Some(ready);
                summary.account = said;
            }
            Piece::Note(note) => summary.notes.push(note.into()),
            Piece::Rows(rows) => {
                let plan = match &mut plan {
                    Some(plan) => plan,
                    none => none.insert(load(desk, user, job).await?),
                };
                let lines = batch(desk, plan, rows, job.dry_run, &mut summary).await?;
                summary.count(&lines);
                watch.lines(&lines).map_err(ReadError::Io)?;
            }
        }
    }
    if plan.is_none() {
        // Without a single row a wrong domain would not be noticed.
        load(desk, user, job).await?;
    }
    reading.await.unwrap_or(Err(ReadError::Stopped))?;
    Ok(summary)
}

/// Reads all of it for nothing but its length.
async fn count(job: &Job, stop: CancellationToken) -> Result<u64, ReadError> {
    let job = job.clone();
    let counting = tokio::task::spawn_blocking(move || {
        let mut rows = 0;
        read(job.source, (job.open)()?, job.limit, stop, &mut |sent| {
            rows += u64::from(matches!(sent, Sent::Row(_)));
            Ok(())
        })?;
        Ok(rows)
    });
    counting.await.unwrap_or(Err(ReadError::Stopped))
}

fn send_pieces(job: &Job, stop: CancellationToken, to: &mpsc::Sender<Piece>) -> Result<(), ReadError> {
    let send = |piece| to.blocking_send(piece).map_err(|_| ReadError::Stopped);
    let (mut rows, mut weight, mut bytes) = (Vec::new(), 0, 0);
    read(job.source, (job.open)()?, job.limit, stop, &mut |sent| {
        match sent {
            Sent::Belongings(belongings) => send(Piece::Belongings(belongings))?,
            Sent::Note(note) => send(Piece::Note(note))?,
            Sent::Row(row) => {
                weight += row.weight();
                bytes += row.bytes();
                rows.push(*row);
                if rows.len() >= BATCH || weight >= BATCH_WEIGHT || bytes >= BATCH_BYTES {
                    (weight, bytes) = (0, 0);
                    send(Piece::Rows(std::mem::take(&mut rows)))?;
                }
            }
        }
        Ok(())
    })?;
    if rows.is_empty() { Ok(()) } else { send(Piece::Rows(rows)) }
}

async fn load(desk: &Desk, user: UserId, job: &Job) -> Result<Plan, ImportError> {
    let tx = &mut desk.storage.read().await?;
    Plan::load(tx, user, &job.remap, desk.clock.now()).await?.map_err(ImportError::Remap)
}

/// What came of some rows, in their order.
async fn batch(
    desk: &Desk,
    plan: &mut Plan,
    rows: Vec<Row>,
    dry_run: bool,
    summary: &mut Summary,
) -> Result<Vec<Line>, storage::Error> {
    let user = plan.user;
    let (mut candidates, mut lines) = (Vec::new(), Vec::new());
    for row in rows {
        match plan.decide(row) {
            Ok(candidate) => candidates.push(candidate),
            Err(line) => lines.push(line),
        }
    }
    if candidates.is_empty() {
        return Ok(lines);
    }
    if dry_run {
        lines.extend(apply::look(&mut desk.storage.read().await?, user, candidates).await?);
    } else {
        let (now, chance) = (desk.clock.now(), desk.chance.clone());
        let write = desk.storage.write(move |tx| Box::pin(async move { apply::make(tx, user, candidates, now, &chance).await }));
        let applied = write.await?;
        summary.contacts_renewed += applied.contacts_renewed;
        lines.extend(applied.lines);
    }
    lines.sort_by_key(|line| line.row);
    Ok(lines)
}
