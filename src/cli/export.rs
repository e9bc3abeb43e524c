//! `postern export`: everything a user has, in one archive.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal};
use std::path::Path;

use indicatif::ProgressBar;
use serde::Serialize;
use tempfile::NamedTempFile;

use crate::config::Config;
use crate::model::Address;
use crate::service::export::{self, ExportError};

use super::args::ExportArgs;
use super::desk;
use super::failure::Failure;
use super::output::Output;

#[derive(Serialize)]
struct Written {
    file: String,
    aliases: u64,
}

/// Writes it beside its place and moves it there when it is whole.
pub fn run(config: &Config, user: Option<&Address>, args: &ExportArgs, output: &mut Output<'_>) -> Result<(), Failure> {
    let to = args.to.as_path();
    if !args.force && to.exists() {
        return Err(there(to));
    }
    // Readable for nobody else from the first byte on: temporary files are made so.
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let temporary = NamedTempFile::new_in(folder).map_err(|error| not_written(&error))?;
    let bar = if io::stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    let aliases = desk::with(config, async |desk| {
        let user = desk::user(desk, user).await?;
        let mut went = |count: u64| bar.set_message(format!("{count} aliases"));
        export::write(desk, user.id, BufWriter::new(temporary.as_file()), &mut went).await.map_err(failed)
    })?;
    bar.finish_and_clear();
    keep(temporary, to, args.force)?;
    let written = Written { file: to.display().to_string(), aliases };
    Ok(output.show(&written, |to| {
        writeln!(to, "{} aliases and everything else are in {}", written.aliases, written.file)?;
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

fn not_written(error: &io::Error) -> Failure {
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
