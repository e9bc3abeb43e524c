//! `/v1/imports`: aliases from elsewhere, or an export of ours, as the body of one request.
//!
//! There is no `Idempotency-Key`: a file that comes a second time finds everything there and changes nothing, whether the
//! first time ended or was cut off. What was looked at (`dry_run`) is not kept either; the file is sent again to do it.
//!
//! Nothing is taken on trust here: that is the operator's, on the command line of the instance.

use std::collections::BTreeMap;
use std::io::{self, Cursor};
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Bytes, HttpBody};
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::caller::Writer;
use super::problem::Problem;
use super::request::Params;
use crate::model::id::UserId;
use crate::service::broker::Broker;
use crate::service::import::gate::Busy;
use crate::service::import::report::{Line, Outcome, Sentence, Summary};
use crate::service::import::upload::{LARGEST, UNPACKED};
use crate::service::import::{self, ImportError, Input, Job, ReadError, Remap, Source, Watch};

/// Rows an answer tells of at the most.
const MOST_LINES: usize = 50_000;
/// Domains that aliases are moved from at the most.
const MOST_REMAPS: usize = 100;
/// How long a file may take to arrive.
const PATIENCE: Duration = Duration::from_mins(10);

/// Where a file comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ImportFormat)]
pub enum Format {
    /// SimpleLogin: CSV of aliases, JSON, or the ZIP archive it mails.
    SimpleLogin,
    /// addy.io: CSV of aliases.
    Addy,
    /// Firefox Relay: masks as JSON or CSV.
    Relay,
    /// A table of one's own with a column `address` or `site`.
    Csv,
    /// An export of Postern: the archive, or its `postern.json`.
    Postern,
}

impl From<Format> for Source {
    fn from(format: Format) -> Self {
        match format {
            Format::SimpleLogin => Self::SimpleLogin,
            Format::Addy => Self::Addy,
            Format::Relay => Self::Relay,
            Format::Csv => Self::Plain,
            Format::Postern => Self::Own,
        }
    }
}

/// Of which rows is told what came of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ImportLines)]
enum Lines {
    /// Those that were skipped, that have another address now, or of which something could not be kept.
    Notable,
    /// Each.
    All,
}

/// How a file is brought in.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct How {
    /// Where the file comes from.
    #[param(inline, example = "csv")]
    format: Format,
    /// Only say what would happen, and change nothing.
    dry_run: Option<bool>,
    /// Where aliases are made whose domain is not the user's here, under the same names: `you.example`, or
    /// `old.example=you.example` for those of one domain; several with commas between. They are skipped when it is left out.
    #[param(example = "you.example")]
    remap: Option<String>,
    /// Of which rows is told what came of them: `notable` ones when it is left out.
    #[param(inline)]
    lines: Option<Lines>,
}

/// A file, as it is.
#[derive(Debug, ToSchema)]
#[schema(as = ImportFile, value_type = String, format = Binary)]
pub struct FileShape(#[expect(dead_code, reason = "it describes bytes that are taken as they are")] Vec<u8>);

/// What came of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ImportOutcome)]
pub enum OutcomeShape {
    /// There was no such alias, now there is.
    Made,
    /// The same, under another address than it had.
    Remapped,
    /// The user has it already; it stays as it is.
    There,
    /// Nothing happened.
    Skipped,
}

/// What came of a row of the file.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ImportLine)]
pub struct LineShape {
    /// Which row: the first below the headings of a table, or the first alias of a document, is 1.
    row: u64,
    /// The address in the file; the site where there was none.
    #[schema(example = "old@elsewhere.example")]
    address: String,
    /// What came of it.
    outcome: OutcomeShape,
    /// Why it was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "its domain is not one of yours here")]
    reason: Option<String>,
    /// The address it has now, where that is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    new_address: Option<String>,
    /// What could not be kept.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    remarks: Vec<String>,
}

impl From<Line> for LineShape {
    fn from(line: Line) -> Self {
        Self {
            row: line.row,
            address: line.address,
            outcome: match line.outcome {
                Outcome::Made => OutcomeShape::Made,
                Outcome::Remapped => OutcomeShape::Remapped,
                Outcome::There => OutcomeShape::There,
                Outcome::Skipped => OutcomeShape::Skipped,
            },
            reason: line.reason.map(Sentence::into_owned),
            new_address: line.new_address,
            remarks: line.remarks.into_iter().map(Sentence::into_owned).collect(),
        }
    }
}

/// What came of a file.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ImportReport)]
pub struct ReportShape {
    /// Whether nothing was done: it only would.
    dry_run: bool,
    /// Aliases in the file.
    rows: u64,
    /// Made under their addresses.
    made: u64,
    /// Made under other addresses.
    remapped: u64,
    /// There already.
    there: u64,
    /// Skipped.
    skipped: u64,
    /// Why some were skipped, and how many each.
    reasons: BTreeMap<String, u64>,
    /// What could not be kept of those that were made, and of how many.
    remarks: BTreeMap<String, u64>,
    /// Correspondents with a new reverse address, because the one they had is in use here or belongs to another service.
    contacts_renewed: u64,
    /// What the file does not hold.
    notes: Vec<String>,
    /// What happened besides aliases, a sentence each.
    account: Vec<String>,
    /// Rows, in their order.
    lines: Vec<LineShape>,
    /// Rows that should be there and are not: an answer has 50,000 at the most.
    lines_left_out: u64,
}

impl ReportShape {
    fn of(dry_run: bool, summary: Summary, kept: Kept) -> Self {
        let owned =
            |counts: BTreeMap<Sentence, u64>| counts.into_iter().map(|(text, count)| (text.into_owned(), count)).collect();
        Self {
            dry_run,
            rows: summary.rows,
            made: summary.made,
            remapped: summary.remapped,
            there: summary.there,
            skipped: summary.skipped,
            reasons: owned(summary.reasons),
            remarks: owned(summary.remarks),
            contacts_renewed: summary.contacts_renewed,
            notes: summary.notes.into_iter().map(Sentence::into_owned).collect(),
            account: summary.account,
            lines: kept.lines,
            lines_left_out: kept.left_out,
        }
    }
}

/// The rows that are told of.
struct Kept {
    of: Lines,
    lines: Vec<LineShape>,
    left_out: u64,
}

impl Watch for Kept {
    fn counted(&mut self, _rows: u64) {}

    fn lines(&mut self, lines: &[Line]) -> io::Result<()> {
        for line in lines.iter().filter(|line| self.of == Lines::All || line.is_notable()) {
            if self.lines.len() < MOST_LINES {
                self.lines.push(line.clone().into());
            } else {
                self.left_out += 1;
            }
        }
        Ok(())
    }
}

/// Brings a file in.
///
/// The body is the file itself, at most 32 MiB, which may unpack to 256 MiB. Nothing is done unless all of it can be read;
/// then aliases are made some hundred at a time. Sent again, also after it was cut off, it changes nothing of what is there:
/// an alias the user has stays as it is, and so does everything else but the settings in an export of Postern. Mailboxes that
/// an export names have to be verified anew, domains proven first, webhooks turned on.
#[utoipa::path(post, path = "/v1/imports", params(How),
    request_body(content = FileShape, content_type = "application/octet-stream", description = "The file."),
    responses((status = 200, description = "What came of it, or would.", body = ReportShape),
        (status = 408, description = "The file did not arrive within ten minutes."),
        (status = 409, description = "An import or export of the user is under way."),
        (status = 413, description = "The file is too large, or unpacks to too much."),
        (status = 415, description = "The body is not announced as application/octet-stream."),
        (status = 422, description = "The file can't be read; where, and the fix, are named.")))]
pub async fn import(
    State(broker): State<Broker>,
    writer: Writer,
    Params(how): Params<How>,
    request: Request,
) -> Result<Json<ReportShape>, Problem> {
    let (user, dry_run) = (writer.user_id(), how.dry_run.unwrap_or(false));
    let remap = remaps(how.remap.as_deref())?;
    let file = receive(&broker, user, request).await?;
    let job = Job {
        source: how.format.into(),
        open: Arc::new(move || Ok(Box::new(Cursor::new(file.clone())) as Input)),
        limit: UNPACKED,
        dry_run,
        trust: false,
        private: broker.outbound.poster().may_be_private(),
        remap,
    };
    let mut kept = Kept { of: how.lines.unwrap_or(Lines::Notable), lines: Vec::new(), left_out: 0 };
    let _pass = broker.imports.enter(user).map_err(busy)?;
    let summary = import::run(&broker.desk, user, &job, &mut kept).await?;
    Ok(Json(ReportShape::of(dry_run, summary, kept)))
}

fn remaps(text: Option<&str>) -> Result<Vec<Remap>, Problem> {
    let Some(text) = text else { return Ok(Vec::new()) };
    let remaps: Result<Vec<Remap>, _> = text.split(',').take(MOST_REMAPS + 1).map(str::parse).collect();
    let remaps = remaps.map_err(|error| Problem::bad_query(format!("remap: {error}")))?;
    if remaps.len() > MOST_REMAPS {
        return Err(Problem::bad_query(format!("remap: {MOST_REMAPS} domains at the most")));
    }
    Ok(remaps)
}

/// The file, whole.
async fn receive(broker: &Broker, user: UserId, mut request: Request) -> Result<Bytes, Problem> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/octet-stream") {
        let fix = "send the file itself as the body, with the header Content-Type: application/octet-stream";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Not a file", fix));
    }
    let refused = || too_large("a file has 32 MiB at the most; split it, or have the operator import it on the instance");
    // Said before it is sent, where its length is.
    if request.body().size_hint().lower() > LARGEST as u64 {
        return Err(refused());
    }
    let _pass = broker.imports.receive(user).map_err(busy)?;
    DefaultBodyLimit::max(LARGEST).apply(&mut request);
    match tokio::time::timeout(PATIENCE, Bytes::from_request(request, &())).await {
        Ok(Ok(file)) => Ok(file),
        Ok(Err(rejection)) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(refused()),
        Ok(Err(_)) => Err(Problem::new(StatusCode::BAD_REQUEST, "Bad body", "the file did not arrive whole; send it again")),
        Err(_) => Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "Too slow", "the file did not arrive in time; send it again")),
    }
}

fn too_large(fix: &str) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "Too large", fix)
}

/// Somebody imports or exports already.
pub(super) fn busy(busy: Busy) -> Problem {
    match busy {
        Busy::User => Problem::conflict("an import or export of yours is under way; wait until it is done, then ask again"),
        Busy::Others => Problem::unavailable("others import or export something just now; try again in a minute"),
    }
}

impl From<ImportError> for Problem {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Remap(domain) => {
                let fix = format!("remap: {domain} is not a domain you can use; GET /v1/domains lists those you can");
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid value", fix)
            }
            ImportError::Storage(error) => error.into(),
            ImportError::Read(ReadError::Stopped) => Self::unavailable("the import was stopped; send the file again to go on"),
            ImportError::Read(ReadError::TooLarge) => {
                too_large("the file unpacks to more than 256 MiB, or one row of it has more than 16 MiB; split it")
            }
            ImportError::Read(error) => {
                let detail = format!("{error}; {}", fix(&error));
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Unreadable file", detail)
            }
        }
    }
}

/// What is done about a file that can't be read.
fn fix(error: &ReadError) -> &'static str {
    match error {
        ReadError::Io(_) | ReadError::Archive | ReadError::Json { .. } => {
            "send it as the service gave it to you, whole, and name that service as format"
        }
        ReadError::Empty | ReadError::NothingInside(_) => "is it the right file, and is format right?",
        ReadError::Encoding | ReadError::Columns(_) => "mend that, or name the service it comes from as format",
        ReadError::NotOurs | ReadError::Order | ReadError::Part { .. } => "send what GET /v1/export gave, or mend that entry",
        ReadError::Version => "ask the operator to",
        ReadError::TooLarge | ReadError::TooMany(_) => "split it, if it really is so large",
        ReadError::Stopped => "send it again to go on",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn aliases_are_moved_where_the_query_says() {
        let name = |text: &str| text.parse::<crate::model::DomainName>().unwrap();
        let all = remaps(Some("you.example, Old.example=you.example")).unwrap();
        assert_eq!((all[0].from.as_ref(), &all[0].to), (None, &name("you.example")));
        assert_eq!(all[1].from, Some(name("old.example")));
        assert_eq!(all[1].to_string(), "old.example=you.example");
        for wrong in ["", ",", "a b", "=you.example", "you.example=", "a.example=b.example=c.example"] {
            assert!(remaps(Some(wrong)).unwrap_err().detail().starts_with("remap: not a domain"), "{wrong}");
        }
        assert!(remaps(Some(&vec!["you.example"; 101].join(","))).unwrap_err().detail().contains("at the most"));
    }

    proptest! {
        #[test]
        fn any_text_moves_aliases_or_is_refused(text in "\\PC{0,40}|[a-z.=,]{0,40}") {
            if let Ok(remaps) = remaps(Some(&text)) {
                let again: Vec<Remap> = remaps.iter().map(|remap| remap.to_string().parse().unwrap()).collect();
                prop_assert_eq!(remaps, again);
            }
        }
    }
}
