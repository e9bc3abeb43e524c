//! What comes from elsewhere, and what is taken away.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::service::import::Remap;

/// `postern import …`
#[derive(Debug, Subcommand)]
pub enum ImportCommand {
    /// SimpleLogin: its CSV of aliases, its JSON, or the ZIP archive it mails
    #[command(name = "simplelogin")]
    SimpleLogin(ImportFile),
    /// addy.io: its CSV of aliases
    Addy(ImportFile),
    /// Firefox Relay: masks as JSON or CSV
    Relay(ImportFile),
    /// A table of your own with a column "address" or "site"
    Csv(ImportFile),
    /// An export of Postern
    Postern(ImportExport),
}

/// What is read, and how.
#[derive(Debug, Args)]
pub struct ImportFile {
    /// The file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Say what would happen, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Make aliases whose domain is not yours here on this one, under the same name; OLD=DOMAIN for those of one domain
    #[arg(long, value_name = "DOMAIN")]
    pub remap: Vec<Remap>,
    /// Write what came of each row to this file, as CSV
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

/// `postern import postern …`
#[derive(Debug, Args)]
pub struct ImportExport {
    /// What is read, and how.
    #[command(flatten)]
    pub file: ImportFile,
    /// You vouch for it: mailboxes stay verified, and domains of the user's own are added as proven
    #[arg(long)]
    pub trust: bool,
}

/// `postern export …`
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Where the archive goes
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
    /// Replace a file that is there
    #[arg(long)]
    pub force: bool,
}
