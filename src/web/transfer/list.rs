//! The whole list of what became of the rows of a file, as a table to download: a page shows the first of them only, and
//! whoever changes their address at a thousand sites needs them all.
//!
//! Before the import it is made anew from the file; after it, it takes the place of the file and is gone with it.

use std::io;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use super::wait;
use crate::service::broker::Broker;
use crate::service::import::report::{Line, Outcome, Report};
use crate::service::import::{self, Job, Watch, upload};
use crate::web::failure::Failure;
use crate::web::session::SignedIn;

/// Bytes of a list at the most, about: it is made in memory.
const LARGEST: usize = 16 * 1024 * 1024;
/// Bytes of a line besides its addresses, about.
const LINE: usize = 100;

/// Writes the list while a file is read, and hands what it sees on to another.
pub(super) struct List<W> {
    /// The other.
    pub inner: W,
    /// `None` after it could not be written, which nothing that grows in memory does.
    report: Option<Report<Vec<u8>>>,
    size: usize,
}

impl<W: Watch> List<W> {
    /// An empty list.
    pub(super) fn begin(inner: W) -> Self {
        Self { inner, report: Report::begin(Vec::new()).ok(), size: 0 }
    }

    /// The list as a file; `None` when nothing is in it, or it is too large to be kept.
    pub(super) fn end(self) -> (W, Option<Vec<u8>>) {
        let is_fit = (1..=LARGEST).contains(&self.size);
        let table = self.report.and_then(|report| report.end().ok());
        (self.inner, table.filter(|_| is_fit))
    }
}

impl<W: Watch> Watch for List<W> {
    fn counted(&mut self, rows: u64) {
        self.inner.counted(rows);
    }

    fn lines(&mut self, lines: &[Line]) -> io::Result<()> {
        for line in lines.iter().filter(|line| is_listed(line)) {
            self.size += LINE + line.address.len() + line.new_address.as_ref().map_or(0, String::len);
            if let (Some(report), true) = (&mut self.report, self.size <= LARGEST) {
                report.add(std::slice::from_ref(line))?;
            }
        }
        self.inner.lines(lines)
    }
}

/// Whether its owner has to know of it.
fn is_listed(line: &Line) -> bool {
    matches!(line.outcome, Outcome::Skipped | Outcome::Remapped) || line.new_address.is_some() || !line.remarks.is_empty()
}

/// The list of the file that waits, or of the one that was brought in last.
pub(super) async fn download(State(broker): State<Broker>, who: SignedIn) -> Result<Response, Failure> {
    if let Some(table) = upload::find_result(&broker.desk, who.user_id()).await? {
        return Ok(file(table));
    }
    let Some(job) = upload::find(&broker.desk, who.user_id(), true).await? else { return Ok(who.go("transfer?said=gone")) };
    let job = Job { private: broker.outbound.poster().may_be_private(), ..job };
    let _pass = match broker.imports.enter(who.user_id()) {
        Ok(pass) => pass,
        Err(busy) => return wait(&broker, &who, busy).await,
    };
    let mut list = List::begin(());
    match import::run(&broker.desk, who.user_id(), &job, &mut list).await {
        Ok(_) => {}
        Err(import::ImportError::Storage(error)) => return Err(error.into()),
        // The page says what is wrong with the file.
        Err(_) => return Ok(who.go("transfer/look")),
    }
    let ((), table) = list.end();
    Ok(table.map_or_else(|| who.go("transfer/look"), file))
}

fn file(table: Vec<u8>) -> Response {
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8"),
        (CONTENT_DISPOSITION, "attachment; filename=postern-import.csv"),
        (CACHE_CONTROL, "no-store"),
    ];
    (headers, table).into_response()
}
