//! `postern export`: everything a user has, in one archive.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal};
use std::path::Path;

use indicatif::ProgressBar;
use serde::Serialize;
use tempfile::NamedTempFile;

use crate::config::Config;
use crate::model::Address;
use crate::service::export::{self, ExportError, NameKeyIs};

use super::args::ExportArgs;
use super::desk;
use super::failure::Failure;
use super::output::{Output, printable};

#[derive(Serialize)]
struct Written {
    file: String,
    aliases: u64,
    left_out: Vec<String>,
}

/// Writes it beside its place and moves it there when it is whole.
pub fn run(config: &Config, user: Option<&Address>, args: &ExportArgs, output: &mut Output<'_>) -> Result<(), Failure> {
    let temporary = begin(args)?;
    let bar = if io::stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    let aliases = desk::with(config, async |desk| {
        let user = desk::user(desk, user).await?;
        let mut went = |count: u64| bar.set_message(format!("{count} aliases"));
        export::write(desk, user.id, NameKeyIs::In, BufWriter::new(temporary.as_file()), &mut went).await.map_err(failed)
    })?;
    bar.finish_and_clear();
    end(temporary, args, aliases, Vec::new(), output)
}

/// A file beside the place where the archive goes, readable for nobody else from the first byte on: temporary files are
/// made so.
pub fn begin(args: &ExportArgs) -> Result<NamedTempFile, Failure> {
    let to = args.to.as_path();
    if !args.force && to.exists() {
        return Err(there(to));
    }
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    NamedTempFile::new_in(folder).map_err(|error| not_written(&error))
}

/// Puts a whole archive in its place, and tells of it.
pub fn end(
    temporary: NamedTempFile,
    args: &ExportArgs,
    aliases: u64,
    left_out: Vec<String>,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    keep(temporary, &args.to, args.force)?;
    let written = Written { file: args.to.display().to_string(), aliases, left_out };
    Ok(output.show(&written, |to| {
        writeln!(to, "{} aliases and everything else are in {}", written.aliases, written.file)?;
        if !written.left_out.is_empty() {
            let left_out = written.left_out.join(", ");
            writeln!(to, "but {}: that needs a token with the scopes read and account", printable(&left_out))?;
        }
        writeln!(to, "keep it safe: it names your inboxes and everyone you write with")
    })?)
}

fn keep(temporary: NamedTempFile, to: &Path, force: bool) -> Result<(), Failure> {
    temporary.as_file().sync_all().map_err(|error| not_written(&error))?;
    let kept = if force { temporary.persist(to) } else { temporary.persist_noclobber(to) };
    kept.map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => there(to),
        _ => not_written(&error.error),
    })?;
    // The name is on the disk when its folder is.
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| not_written(&error))
}

fn there(to: &Path) -> Failure {
    Failure::new(format!("{} is there already", to.display()), "choose another name, or replace it with --force")
}

/// Why there is no archive.
pub fn not_written(error: &io::Error) -> Failure {
    Failure::new(
        format!("the archive can't be written: {error}"),
        "is the folder there, may this user write to it, is there space?",
    )
}

fn failed(error: ExportError) -> Failure {
    match error {
        ExportError::Unknown => Failure::new("there is no such user", "see `postern user list`"),
        ExportError::Io(error) => not_written(&error),
        ExportError::Storage(error) => error.into(),
    }
}
