//! `postern import …` and `postern export` on an instance elsewhere: a file goes there, or comes from there.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{ProgressBar, ProgressStyle};

use super::super::args::{ExportArgs, ImportCommand, ImportFile};
use super::super::export;
use super::super::failure::Failure;
use super::super::import::{self, Done};
use super::super::output::Output;
use super::client::Client;
use super::fault::FetchError;
use crate::service::export::look;
use crate::service::import::upload::LARGEST;

/// Bytes between two lines of progress where there is no terminal.
const STEP: u64 = 8 * 1024 * 1024;

/// Sends a file and tells what came of it.
pub async fn run_import(client: &Client, command: ImportCommand, json: bool, output: &mut Output<'_>) -> Result<(), Failure> {
    let (source, ImportFile { file, dry_run, remap, report }, _) = import::chosen(command);
    // Before anything is done: a report that can't be written is noticed too late afterwards.
    let report = report.as_deref().map(import::begin_report).transpose()?;
    let content = read(&file)?;
    let tells_all = json || report.is_some();
    let mut query = vec![("format", source.as_str().to_owned()), ("dry_run", dry_run.to_string())];
    query.push(("lines", if tells_all { "all" } else { "notable" }.to_owned()));
    if !remap.is_empty() {
        let all: Vec<String> = remap.iter().map(ToString::to_string).collect();
        query.push(("remap", all.join(",")));
    }
    let total = content.len() as u64;
    let progress = Progress::begin("sent");
    let (shown, told) = (progress.clone(), progress.clone());
    let went = move |gone| {
        told.at(gone, Some(total));
        if gone == total {
            told.wait("the instance reads the file");
        }
    };
    let done: Result<Done, _> = client.send(&["imports"], &query, content, went).await;
    shown.end();
    let mut done = done?;
    if let Some(mut report) = report {
        report.add(&done.lines)?;
        report.end()?.flush()?;
    }
    if !json {
        done.lines.retain(import::says_more);
        done.lines_left_out *= u64::from(tells_all);
    }
    import::print_done(&done, output)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let read = File::open(path).and_then(|file| {
        let mut content = Vec::new();
        file.take(LARGEST as u64 + 1).read_to_end(&mut content)?;
        Ok(content)
    });
    let content = read.map_err(|error| {
        Failure::new(format!("the file can't be read: {error}"), "is the path right, and may this user read it?")
    })?;
    if content.len() > LARGEST {
        let hint = "split it, or run the command on the instance itself, which takes more";
        return Err(Failure::new("the file is larger than the 32 MiB that an instance takes from elsewhere", hint));
    }
    Ok(content)
}

/// Fetches the archive.
pub async fn run_export(client: &Client, args: &ExportArgs, output: &mut Output<'_>) -> Result<(), Failure> {
    let temporary = export::begin(args)?;
    let progress = Progress::begin("received");
    progress.wait("the instance writes the archive");
    let fetched = client.fetch(&["export"], BufWriter::new(temporary.as_file()), |done, total| progress.at(done, total)).await;
    progress.end();
    fetched.map_err(|error| match error {
        FetchError::Fault(fault) => fault.into(),
        FetchError::Disk(error) => export::not_written(&error),
    })?;
    let about = look(temporary.as_file()).ok_or_else(|| {
        Failure::new("what came is no whole export of Postern", "try again; is the instance as new as this program?")
    })?;
    export::end(temporary, args, about.aliases, about.left_out, output)
}

/// How far a file is: a bar on a terminal, a line now and then elsewhere.
#[derive(Clone)]
struct Progress {
    bar: Option<ProgressBar>,
    /// How many steps were told of.
    steps: Arc<AtomicU64>,
    verb: &'static str,
}

impl Progress {
    fn begin(verb: &'static str) -> Self {
        let bar = io::stderr().is_terminal().then(|| ProgressBar::new(0));
        Self { bar, steps: Arc::default(), verb }
    }

    fn at(&self, done: u64, total: Option<u64>) {
        const MIB: u64 = 1024 * 1024;
        match &self.bar {
            Some(bar) => {
                let style = ProgressStyle::with_template("{wide_bar} {bytes} of {total_bytes}, {eta} left");
                if bar.length() != total || bar.position() == 0 {
                    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
                    bar.set_length(total.unwrap_or(done));
                }
                bar.set_position(done);
            }
            // Nobody has to look.
            None if self.steps.fetch_max(done / STEP, Ordering::Relaxed) < done / STEP => {
                let of = total.map(|total| format!(" of {}", total.div_ceil(MIB))).unwrap_or_default();
                writeln!(io::stderr(), "{}{of} MiB {}", done / MIB, self.verb).unwrap_or_default();
            }
            None => {}
        }
    }

    /// Something takes a while, and nobody knows how long.
    fn wait(&self, what: &'static str) {
        if let Some(bar) = &self.bar {
            bar.set_style(ProgressStyle::default_spinner());
            bar.set_message(what);
            bar.enable_steady_tick(std::time::Duration::from_millis(200));
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
