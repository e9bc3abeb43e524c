//! Everything to take along, written while it is read: a million aliases are never in memory at once.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::stream;

use super::caller::Caller;
use super::error::ApiError;
use super::shape::is_enabled;
use crate::model::Timestamp;
use crate::model::api_token::Scope;
use crate::service::StorageError;
use crate::service::alias_page::{self, Cursor, Listed, PageFilter, PageOrder, PageStart};
use crate::service::broker::Broker;

/// Aliases read at once.
const AT_ONCE: u32 = 500;

/// `GET /api/export/aliases`: CSV.
pub async fn aliases(State(broker): State<Broker>, caller: Caller) -> Result<Response, ApiError> {
    caller.need(Scope::Read)?;
    let now = broker.now();
    let body =
        written(broker, caller, "alias,note,enabled,mailboxes\r\n".into(), String::new(), move |listed, _| row(listed, now));
    let headers = [(CONTENT_TYPE, "text/csv; charset=utf-8"), (CONTENT_DISPOSITION, "attachment; filename=aliases.csv")];
    Ok((headers, body).into_response())
}

/// `GET /api/export/data`: JSON.
pub async fn data(State(broker): State<Broker>, caller: Caller) -> Result<Response, ApiError> {
    caller.need(Scope::Read)?;
    let now = broker.now();
    let email = serde_json::json!({ "name": "", "email": caller.0.user.email.to_string() });
    let head = format!("{{\"account\":{email},\"notifications\":[],\"apps\":[],\"custom_domains\":[],\"aliases\":[");
    let body = written(broker, caller, head, "]}".into(), move |listed, is_first| {
        let alias = serde_json::json!({
            "email": listed.alias.address.to_string(),
            "enabled": is_enabled(&listed.alias, now),
            "note": listed.alias.note,
        });
        format!("{}{alias}", if is_first { "" } else { "," })
    });
    Ok(([(CONTENT_TYPE, "application/json")], body).into_response())
}

/// Where a document stands.
enum Place {
    Head,
    Rows(PageStart),
    End,
}

/// `head`, each alias as `shape` writes it (told whether it is the first), `tail`. When the database fails on the way the
/// connection breaks off, so that nobody takes a part for the whole.
fn written(
    broker: Broker,
    caller: Caller,
    head: String,
    tail: String,
    shape: impl Fn(&Listed, bool) -> String + Send + 'static,
) -> Body {
    let filter = PageFilter::alive(caller.user_id());
    let parts = stream::try_unfold((Place::Head, head, tail, shape, broker, filter), async |state| {
        let (place, head, tail, shape, broker, filter) = state;
        let start = match place {
            Place::Head => {
                let rest = (Place::Rows(PageStart::Offset(0)), String::new(), tail, shape, broker, filter);
                return Ok(Some((Bytes::from(head), rest)));
            }
            Place::Rows(start) => start,
            Place::End => return Ok::<_, StorageError>(None),
        };
        let page = alias_page::list(&broker.desk, &filter, PageOrder::Oldest, &start, AT_ONCE).await?;
        let Some(last) = page.last() else {
            return Ok(Some((Bytes::from(tail), (Place::End, head, String::new(), shape, broker, filter))));
        };
        let is_first = start == PageStart::Offset(0);
        let rows = page.iter().enumerate().map(|(number, listed)| shape(listed, is_first && number == 0));
        let rows: Vec<String> = rows.collect();
        let next = Place::Rows(PageStart::After(Cursor::after(last)));
        Ok(Some((Bytes::from(rows.concat()), (next, head, tail, shape, broker, filter))))
    });
    Body::from_stream(parts)
}

fn row(listed: &Listed, now: Timestamp) -> String {
    let mailboxes: Vec<String> = listed.mailboxes.iter().map(|mailbox| mailbox.address.to_string()).collect();
    let enabled = if is_enabled(&listed.alias, now) { "True" } else { "False" };
    let (address, note) = (listed.alias.address.to_string(), &listed.alias.note);
    format!("{},{},{enabled},{}\r\n", cell(&address), cell(note), cell(&mailboxes.join(" ")))
}

/// A field of RFC 4180. One that a spreadsheet would run as a formula gets an apostrophe in front.
fn cell(text: &str) -> String {
    let text = if text.starts_with(['=', '+', '-', '@', '\t']) { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_quoted_where_it_must_be_and_never_a_formula() {
        assert_eq!(cell("plain"), "plain");
        assert_eq!(cell("a,\"b\"\nc"), "\"a,\"\"b\"\"\nc\"");
        assert_eq!(cell("=1+1"), "'=1+1");
    }
}
