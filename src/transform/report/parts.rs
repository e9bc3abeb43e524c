//! The parts of a report that are read: its header, its text, its machine-readable part (RFC 2046 §5.1, RFC 6522 §3).
//!
//! A scanner over lines that knows as much of MIME as reports need. A part with a message in it, or with its header
//! alone, is passed over up to the boundary that ends it.

use data_encoding::BASE64;

/// Octets of text that are kept; what a server has to say stands at its beginning.
const MOST_TEXT: usize = 16 * 1024;
/// Octets of a machine-readable part that are kept.
const MOST_STATUS: usize = 64 * 1024;
/// Boundaries nested in one another.
const DEEPEST: usize = 6;

/// A message to a bounce address, taken apart.
#[derive(Debug, Default)]
pub(super) struct Message {
    /// Top-level header fields, unfolded; names and values in lower case.
    pub header: Vec<(String, String)>,
    /// The first plain text for people.
    pub text: String,
    /// All other text: pages, and what somebody may have attached.
    pub rest: String,
    /// The machine-readable part.
    pub status: Option<String>,
    /// Whether it is a report of another sort: a read receipt (RFC 8098), a complaint (RFC 5965).
    pub is_receipt: bool,
    /// What Exim says of the recipients in the header.
    pub failed_recipients: Vec<String>,
}

impl Message {
    /// The value of the first field of that name.
    pub fn field(&self, name: &str) -> &str {
        self.header.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }
}

/// What is done with the lines of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Header,
    Text,
    Page,
    Status,
    Passed,
}

#[derive(Debug)]
struct Part {
    header: String,
    body: String,
    sort: Sort,
    base64: bool,
}

impl Part {
    fn new() -> Self {
        Self { header: String::new(), body: String::new(), sort: Sort::Header, base64: false }
    }
}

/// Takes a message apart; never fails.
pub(super) fn split(start: &[u8]) -> Message {
    let text = String::from_utf8_lossy(start);
    let mut message = Message::default();
    let mut boundaries: Vec<String> = Vec::new();
    let mut part = Part::new();
    let mut is_top = true;
    for line in text.lines() {
        if is_boundary(line, &boundaries) {
            close(&mut message, std::mem::replace(&mut part, Part::new()));
            continue;
        }
        if part.sort != Sort::Header {
            let most = if part.sort == Sort::Status { MOST_STATUS } else { MOST_TEXT };
            if part.sort != Sort::Passed && part.body.len() + line.len() < most {
                part.body.push_str(line);
                part.body.push('\n');
            }
        } else if !line.is_empty() {
            if part.header.len() + line.len() < MOST_STATUS {
                part.header.push_str(line);
                part.header.push('\n');
            }
        } else {
            let header = fields(&part.header);
            let kind = value(&header, "content-type");
            part.base64 = value(&header, "content-transfer-encoding") == "base64";
            part.sort = sort(&kind);
            if let Some(boundary) = original_boundary(&part.header).filter(|_| kind.starts_with("multipart/"))
                && boundaries.len() < DEEPEST
            {
                boundaries.push(boundary);
                part.sort = Sort::Passed;
            }
            message.is_receipt |= kind.contains("disposition-notification") || kind.contains("feedback-report");
            if std::mem::take(&mut is_top) {
                message.failed_recipients = recipients(&value(&header, "x-failed-recipients"));
                message.header = header;
            }
        }
    }
    if std::mem::take(&mut is_top) {
        message.header = fields(&part.header);
    } else {
        close(&mut message, part);
    }
    message
}

fn recipients(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|one| !one.is_empty()).take(super::MOST_RECIPIENTS).map(str::to_owned).collect()
}

fn sort(kind: &str) -> Sort {
    let name = kind.split(';').next().unwrap_or_default().trim();
    match name {
        "message/delivery-status" | "message/global-delivery-status" => Sort::Status,
        "" | "text" | "text/plain" | "multipart/alternative" => Sort::Text,
        "text/html" => Sort::Page,
        // Without a boundary it can't be taken apart: then it is text.
        name if name.starts_with("multipart/") => Sort::Text,
        _ => Sort::Passed,
    }
}

fn close(message: &mut Message, part: Part) {
    let body = if part.base64 { decoded(&part.body) } else { part.body };
    match part.sort {
        Sort::Status => {
            let status = message.status.get_or_insert_default();
            status.push_str(&body);
            status.push('\n');
        }
        Sort::Text if message.text.is_empty() => message.text = body,
        Sort::Text | Sort::Page if message.rest.len() + body.len() <= MOST_TEXT * 2 => message.rest.push_str(&body),
        Sort::Text | Sort::Page | Sort::Header | Sort::Passed => {}
    }
}

fn decoded(body: &str) -> String {
    let letters: Vec<u8> = body.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    // Cut off in the middle of a group, most likely: what is whole is read.
    let whole = letters.get(..letters.len() / 4 * 4).unwrap_or_default();
    BASE64.decode(whole).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

fn is_boundary(line: &str, boundaries: &[String]) -> bool {
    line.strip_prefix("--").is_some_and(|rest| {
        let rest = rest.trim_end();
        boundaries.iter().any(|boundary| rest == boundary || rest.strip_suffix("--") == Some(boundary))
    })
}

/// The boundary as it is written: case matters here, and only here.
fn original_boundary(header: &str) -> Option<String> {
    let field = unfold(header).into_iter().find(|field| field.to_ascii_lowercase().starts_with("content-type:"))?;
    let at = field.to_ascii_lowercase().find("boundary")?;
    let value = field.get(at..)?.split_once('=')?.1.trim_start();
    let boundary = match value.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?,
        None => value.split([';', ' ', '\t']).next()?,
    };
    (!boundary.is_empty()).then(|| boundary.to_owned())
}

fn value(header: &[(String, String)], name: &str) -> String {
    header.iter().find(|(found, _)| found == name).map(|(_, value)| value.clone()).unwrap_or_default()
}

fn fields(header: &str) -> Vec<(String, String)> {
    let lower = unfold(header).into_iter().map(|field| field.to_lowercase());
    lower
        .filter_map(|field| field.split_once(':').map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())))
        .collect()
}

/// Lines with their continuations put behind them; an empty line stays one.
pub(super) fn unfold(text: &str) -> Vec<String> {
    let mut fields: Vec<String> = Vec::new();
    for line in text.lines() {
        match fields.last_mut() {
            Some(last) if line.starts_with([' ', '\t']) && !line.trim().is_empty() && !last.is_empty() => {
                last.push(' ');
                last.push_str(line.trim());
            }
            _ => fields.push(line.trim_end().to_owned()),
        }
    }
    fields
}
