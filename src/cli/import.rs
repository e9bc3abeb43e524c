//! `postern import simplelogin|addy|relay|csv|postern`.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::model::Address;
use crate::service::import::report::{Line, Outcome, Report, Summary};
use crate::service::import::{self, ImportError, Input, Job, ReadError, Source, Watch};

use super::args::{ImportCommand, ImportFile};
use super::desk;
use super::failure::Failure;
use super::output::{Output, printable};

/// What a file may unpack to: the operator's own machine, but not all of its disk.
const LARGEST: u64 = 8 * 1024 * 1024 * 1024;
/// Rows between two lines of progress where there is no terminal.
const STEP: u64 = 10_000;
/// Rows shown of those that were moved or skipped.
const SHOWN: usize = 20;

/// What came of an import, here or on an instance elsewhere.
#[derive(Debug, Serialize, Deserialize)]
pub struct Done {
    dry_run: bool,
    #[serde(flatten)]
    summary: Summary,
    pub(super) lines: Vec<Line>,
    /// Rows that an instance elsewhere did not tell of: there were too many.
    pub(super) lines_left_out: u64,
}

/// Runs one of them.
pub fn run(
    config: &Config,
    user: Option<&Address>,
    command: ImportCommand,
    json: bool,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let (source, file, trust) = chosen(command);
    let ImportFile { file, dry_run, remap, report } = file;
    // Before anything is done: a report that can't be written is noticed too late afterwards.
    let report = report.as_deref().map(begin_report).transpose()?;
    let open: Arc<dyn Fn() -> io::Result<Input> + Send + Sync> = Arc::new(move || open(&file));
    let job = Job { source, open, limit: LARGEST, dry_run, trust, private: config.outbound.allow_private_targets, remap };
    desk::with(config, async |desk| {
        let user = desk::user(desk, user).await?;
        let mut watch = Watcher { bar: None, total: 0, done: 0, keeps_all: json, kept: Vec::new(), report };
        let summary = import::run(desk, user.id, &job, &mut watch).await.map_err(failed)?;
        watch.end()?;
        print_done(&Done { dry_run, summary, lines: watch.kept, lines_left_out: 0 }, output)
    })
}

/// Where the file comes from, and whether its owner vouches for it.
pub fn chosen(command: ImportCommand) -> (Source, ImportFile, bool) {
    match command {
        ImportCommand::SimpleLogin(file) => (Source::SimpleLogin, file, false),
        ImportCommand::Addy(file) => (Source::Addy, file, false),
        ImportCommand::Relay(file) => (Source::Relay, file, false),
        ImportCommand::Csv(file) => (Source::Plain, file, false),
        ImportCommand::Postern(export) => (Source::Own, export.file, export.trust),
    }
}

/// Whether people are shown what came of a row.
pub fn says_more(line: &Line) -> bool {
    matches!(line.outcome, Outcome::Skipped | Outcome::Remapped)
}

/// Shows what came of it.
pub fn print_done(done: &Done, output: &mut Output<'_>) -> Result<(), Failure> {
    Ok(output.show(done, |to| write_done(to, done))?)
}

fn open(path: &PathBuf) -> io::Result<Input> {
    Ok(Box::new(File::open(path)?))
}

/// A report on every row, with its headings.
pub fn begin_report(path: &Path) -> Result<Report<BufWriter<File>>, Failure> {
    let file = File::options().write(true).create(true).truncate(true).mode(0o600).open(path);
    let report = file.and_then(|file| Report::begin(BufWriter::new(file)));
    report.map_err(|error| Failure::new(format!("the report can't be written: {error}"), "choose another place for --report"))
}

/// Shows how far it is: a bar on a terminal, a line now and then elsewhere.
struct Watcher {
    bar: Option<ProgressBar>,
    total: u64,
    done: u64,
    keeps_all: bool,
    kept: Vec<Line>,
    report: Option<Report<BufWriter<File>>>,
}

impl Watch for Watcher {
    fn counted(&mut self, rows: u64) {
        self.total = rows;
        if io::stderr().is_terminal() {
            let style = ProgressStyle::with_template("{wide_bar} {pos} of {len} aliases, {eta} left");
            self.bar = Some(ProgressBar::new(rows).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())));
        }
    }

    fn lines(&mut self, lines: &[Line]) -> io::Result<()> {
        let before = self.done;
        self.done += lines.len() as u64;
        match &self.bar {
            Some(bar) => bar.set_position(self.done),
            None if before / STEP < self.done / STEP => {
                // Progress is told to whoever looks; nobody has to.
                writeln!(io::stderr(), "{} of {} aliases", self.done, self.total).unwrap_or_default();
            }
            None => {}
        }
        if let Some(report) = &mut self.report {
            report.add(lines)?;
        }
        if self.keeps_all {
            self.kept.extend_from_slice(lines);
        } else {
            let room = (SHOWN + 1).saturating_sub(self.kept.len());
            self.kept.extend(lines.iter().filter(|line| says_more(line)).take(room).cloned());
        }
        Ok(())
    }
}

impl Watcher {
    fn end(&mut self) -> Result<(), Failure> {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        if let Some(report) = self.report.take() {
            report.end()?.flush()?;
        }
        Ok(())
    }
}

fn write_done(to: &mut dyn Write, done: &Done) -> io::Result<()> {
    let Summary { rows, made, remapped, there, skipped, reasons, remarks, contacts_renewed, notes, account } = &done.summary;
    let made_is = if done.dry_run { "would be made" } else { "made" };
    for sentence in account {
        writeln!(to, "{}", printable(sentence))?;
    }
    writeln!(
        to,
        "{rows} aliases in the file: {made} {made_is}, {remapped} under another address, {there} there already, {skipped} skipped"
    )?;
    for (reason, count) in reasons {
        writeln!(to, "  {count} skipped: {reason}")?;
    }
    for (remark, count) in remarks {
        writeln!(to, "  {count} changed: {remark}")?;
    }
    if *contacts_renewed > 0 {
        writeln!(
            to,
            "  {contacts_renewed} correspondents have new reverse addresses: the old ones are in use here, or another service's"
        )?;
    }
    for line in done.lines.iter().take(SHOWN) {
        let address = printable(&line.address);
        match (&line.new_address, &line.reason) {
            (Some(new), _) => writeln!(to, "{address} -> {}", printable(new))?,
            (None, reason) => writeln!(to, "{address}: {}", reason.as_deref().unwrap_or_default())?,
        }
    }
    if done.lines.len() > SHOWN {
        writeln!(to, "… and more: --report FILE or --json lists all of them")?;
    }
    if done.lines_left_out > 0 {
        writeln!(to, "{} more rows are not told of: an instance elsewhere tells of so many at once", done.lines_left_out)?;
    }
    for note in notes {
        writeln!(to, "note: {note}")?;
    }
    if done.dry_run {
        writeln!(to, "nothing was changed: leave out --dry-run to do it")?;
    }
    Ok(())
}

fn failed(error: ImportError) -> Failure {
    let problem = error.to_string();
    match error {
        ImportError::Read(error) => Failure::new(problem, hint(&error)),
        ImportError::Remap(_) => Failure::new(problem, "see `postern domain list`"),
        ImportError::Storage(error) => error.into(),
    }
}

fn hint(error: &ReadError) -> &'static str {
    match error {
        ReadError::Io(_) => "is the path right, and may this user read it?",
        ReadError::TooLarge | ReadError::TooMany(_) => "is it the right file? split it if it really is so large",
        ReadError::Empty | ReadError::Encoding | ReadError::Columns(_) => {
            "see docs/import-export.md for the columns, and whether the right service was named"
        }
        ReadError::Archive | ReadError::NothingInside(_) | ReadError::Json { .. } => {
            "is it the file the service gave you, complete, and was the right service named? see docs/import-export.md"
        }
        ReadError::NotOurs | ReadError::Order | ReadError::Part { .. } => {
            "give the file that `postern export` wrote; its form stands in docs/import-export.md"
        }
        ReadError::Version => "update Postern on this machine first",
        ReadError::Stopped => "run it again: what is there already stays",
    }
}
