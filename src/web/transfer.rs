//! `/transfer`: aliases from elsewhere in, and everything out.
//!
//! A file is looked at before anything happens: the page says what would come of it, and only then it is done. Between the
//! two the file waits in the database. An export is only for somebody who just proved who they are.

mod list;

use std::io;

use askama::Template;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use super::chrome::Chrome;
use super::failure::Failure;
use super::form::{Asked, Checked, MENDABLE};
use super::pages;
use super::session::{Confirmed, SignedIn};
use super::upload::Uploaded;
use crate::model::DomainName;
use crate::service::broker::Broker;
use crate::service::domain;
use crate::service::export::{self, ExportError, NameKeyIs};
use crate::service::import::gate::Busy;
use crate::service::import::report::{Line, Summary};
use crate::service::import::{self, ImportError, Job, Source, Watch};
use crate::service::import::{sniff, upload};

use list::List;

/// Rows a page shows of those that are worth a look.
const SHOWN: usize = 100;

const SAID: [(&str, &str); 2] = [
    ("dropped", "Nothing was imported, and the file is gone."),
    ("gone", "The file is not here any more: it was imported, or it waited for more than an hour. Choose it again."),
];

/// The routes.
pub fn routes() -> Router<Broker> {
    Router::new()
        .route("/transfer", get(page).post(take))
        .route("/transfer/look", get(look))
        .route("/transfer/import", post(bring))
        .route("/transfer/list", get(list::download))
        .route("/transfer/drop", post(forget))
        .route("/transfer/export", get(download))
}

/// Where to begin.
#[derive(Debug, Template)]
#[template(path = "transfer.html", config = "src/web/askama.toml")]
struct Page {
    chrome: Chrome,
    /// Where aliases can be made.
    domains: Vec<String>,
    source: String,
    remap: String,
}

/// What would come of a file, or what came of it.
#[derive(Debug, Template)]
#[template(path = "transfer_result.html", config = "src/web/askama.toml")]
struct Outcomes {
    chrome: Chrome,
    /// Nothing was done yet.
    is_dry: bool,
    summary: Summary,
    /// Rows that are worth a look.
    lines: Vec<Line>,
    /// How many more there are.
    more: u64,
    /// Whether all of them can be downloaded.
    has_list: bool,
}

impl Outcomes {
    /// Whether there is anything to do.
    fn does_something(&self) -> bool {
        self.summary.made + self.summary.remapped > 0 || !self.summary.account.is_empty()
    }
}

/// Keeps the first rows that are worth a look.
#[derive(Default)]
struct Kept {
    lines: Vec<Line>,
    all: u64,
}

impl Watch for Kept {
    fn counted(&mut self, _rows: u64) {}

    fn lines(&mut self, lines: &[Line]) -> io::Result<()> {
        for line in lines.iter().filter(|line| line.is_notable()) {
            self.all += 1;
            if self.lines.len() < SHOWN {
                self.lines.push(line.clone());
            }
        }
        Ok(())
    }
}

async fn page(State(broker): State<Broker>, who: SignedIn, Asked(asked): Asked) -> Result<Response, Failure> {
    let chrome = who.chrome("Import and export").saying(asked.some("said"), &SAID);
    show(&broker, &who, StatusCode::OK, chrome, ("", "")).await
}

async fn show(
    broker: &Broker,
    who: &SignedIn,
    status: StatusCode,
    chrome: Chrome,
    (source, remap): (&str, &str),
) -> Result<Response, Failure> {
    let domains = domain::list_usable(&broker.desk, who.user_id()).await?;
    let domains = domains.into_iter().map(|domain| domain.name.to_string()).collect();
    Ok(pages::show(status, &Page { chrome, domains, source: source.into(), remap: remap.into() }))
}

/// A file comes in: it is read, so that what is wrong with it is said at once, and waits.
async fn take(State(broker): State<Broker>, Uploaded { who, fields, file }: Uploaded) -> Result<Response, Failure> {
    let (source, remap) = (fields.text("source"), fields.some("remap"));
    let wrong = |text: String| {
        let chrome = who.chrome("Import and export").but(text);
        show(&broker, &who, MENDABLE, chrome, (source, remap.unwrap_or_default()))
    };
    let Ok(kind) = source.parse::<Source>() else { return wrong("Say where the file comes from.".into()).await };
    if file.is_empty() {
        return wrong("Choose the file to import; the one you chose is empty, or none was chosen.".into()).await;
    }
    if let Some(looks) = sniff::mismatch(&file, kind) {
        let text = format!(
            "This looks like a file of {}, and you said that it comes from {}. The former is chosen below now: choose the file \
             again, and look at it.",
            looks.name(),
            kind.name()
        );
        let chrome = who.chrome("Import and export").but(text);
        return show(&broker, &who, MENDABLE, chrome, (looks.as_str(), remap.unwrap_or_default())).await;
    }
    let Ok(to) = remap.map(DomainName::parse).transpose() else {
        return wrong("Choose one of the domains in the list.".into()).await;
    };
    // Before it is kept: it takes the place of a file that may be on its way in just now, and what came of that would take
    // the place of this one.
    let _pass = match broker.imports.enter(who.user_id()) {
        Ok(pass) => pass,
        Err(busy) => return wrong(busy.to_string()).await,
    };
    upload::keep(&broker.desk, who.user_id(), kind, to, file).await?;
    let Some(job) = upload::find(&broker.desk, who.user_id(), true).await? else { return Ok(who.go("transfer?said=gone")) };
    match import::run(&broker.desk, who.user_id(), &job, &mut ()).await {
        Ok(_) => Ok(who.go("transfer/look")),
        Err(ImportError::Storage(error)) => Err(error.into()),
        Err(error) => {
            upload::forget(&broker.desk, who.user_id()).await?;
            wrong(sentence(&error)).await
        }
    }
}

/// What would happen.
async fn look(State(broker): State<Broker>, who: SignedIn) -> Result<Response, Failure> {
    let Some(job) = upload::find(&broker.desk, who.user_id(), true).await? else { return Ok(who.go("transfer?said=gone")) };
    let job = Job { private: broker.outbound.poster().may_be_private(), ..job };
    match broker.imports.enter(who.user_id()) {
        Ok(_pass) => run(&broker, &who, &job, who.chrome("What would be imported")).await,
        Err(busy) => wait(&broker, &who, busy).await,
    }
}

/// It happens.
async fn bring(State(broker): State<Broker>, Checked { who, .. }: Checked) -> Result<Response, Failure> {
    // Before it is read: what is put away afterwards is what was read.
    let _pass = match broker.imports.enter(who.user_id()) {
        Ok(pass) => pass,
        Err(busy) => return wait(&broker, &who, busy).await,
    };
    let Some(job) = upload::find(&broker.desk, who.user_id(), false).await? else { return Ok(who.go("transfer?said=gone")) };
    let job = Job { private: broker.outbound.poster().may_be_private(), ..job };
    run(&broker, &who, &job, who.chrome("Imported")).await
}

/// The file stays where it is meanwhile.
async fn wait(broker: &Broker, who: &SignedIn, busy: Busy) -> Result<Response, Failure> {
    let chrome = who.chrome("Import and export").but(busy.to_string());
    show(broker, who, StatusCode::CONFLICT, chrome, ("", "")).await
}

/// What came of a file takes its place, or nothing does: it can't be brought in twice.
async fn put_away(broker: &Broker, who: &SignedIn, table: Option<Vec<u8>>) -> bool {
    let (has_list, user) = (table.is_some(), who.user_id());
    let put = match table {
        Some(table) => upload::keep_result(&broker.desk, user, table).await,
        None => upload::forget(&broker.desk, user).await,
    };
    if let Err(error) = &put {
        tracing::warn!(%error, "a file that was imported could not be forgotten; it goes by itself");
    }
    has_list && put.is_ok()
}

async fn run(broker: &Broker, who: &SignedIn, job: &Job, chrome: Chrome) -> Result<Response, Failure> {
    let mut list = List::begin(Kept::default());
    match import::run(&broker.desk, who.user_id(), job, &mut list).await {
        Ok(summary) => {
            let (kept, table) = list.end();
            let has_list = if job.dry_run { table.is_some() } else { put_away(broker, who, table).await };
            let more = kept.all.saturating_sub(kept.lines.len() as u64);
            let page = Outcomes { chrome, is_dry: job.dry_run, summary, lines: kept.lines, more, has_list };
            Ok(pages::show(StatusCode::OK, &page))
        }
        Err(ImportError::Storage(error)) => Err(error.into()),
        Err(error) => wrong_file(broker, who, job, &error).await,
    }
}

async fn wrong_file(broker: &Broker, who: &SignedIn, job: &Job, error: &ImportError) -> Result<Response, Failure> {
    let chrome = who.chrome("Import and export").but(sentence(error));
    show(broker, who, MENDABLE, chrome, (job.source.as_str(), "")).await
}

/// What is wrong with a file, as a sentence.
fn sentence(error: &ImportError) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}. Nothing was imported.", letters.as_str())
}

async fn forget(State(broker): State<Broker>, Checked { who, .. }: Checked) -> Result<Response, Failure> {
    upload::forget(&broker.desk, who.user_id()).await?;
    Ok(who.go("transfer?said=dropped"))
}

/// Everything, as one file: made in full before the first byte goes out, so that what arrives is whole.
async fn download(State(broker): State<Broker>, Confirmed(who): Confirmed) -> Result<Response, Failure> {
    let pass = match broker.imports.enter(who.user_id()) {
        Ok(pass) => pass,
        Err(busy) => return wait(&broker, &who, busy).await,
    };
    let made = match export::make(&broker.desk, who.user_id(), NameKeyIs::In, &broker.rules.data_dir).await {
        Ok(made) => made,
        Err(ExportError::Storage(error)) => return Err(error.into()),
        Err(ExportError::Unknown) => return Err(Failure::NotFound),
        Err(ExportError::Io(error)) => {
            tracing::error!(%error, "an export could not be written to a temporary file");
            let text = format!("The export could not be written: {error}. Please tell whoever runs this Postern.");
            let chrome = who.chrome("Import and export").but(text);
            return show(&broker, &who, StatusCode::INSUFFICIENT_STORAGE, chrome, ("", "")).await;
        }
    };
    let headers = [
        (CONTENT_TYPE, "application/zip".to_owned()),
        (CONTENT_DISPOSITION, "attachment; filename=postern-export.zip".to_owned()),
        (CONTENT_LENGTH, made.length.to_string()),
        (CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((headers, Body::from_stream(made.pieces(pass))).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_a_sentence() {
        let error = ImportError::Read(import::ReadError::Empty);
        assert_eq!(sentence(&error), "The file is empty. Nothing was imported.");
    }
}
