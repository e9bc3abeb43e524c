//! A reply's text may quote the owner's mailbox. Without the owner's wish the body is not touched and the quote is only
//! counted; with it the address is replaced in the text, and what is still there afterwards is counted.

use super::Standing;
use crate::model::{Address, Reply};
use crate::service::broker::{Broker, NO_ROOM};
use crate::service::forward::units::Arrival;
use crate::spool::{Collector, Content};
use crate::transform::quoted_address::Search;
use crate::transform::replace_quoted::Replacer;
use crate::transform::text_parts::{Finder, TextPart};

/// How much of a body is looked through at once.
const PIECE: usize = 64 * 1024;

/// A message with more text than this is not written by hand: it is left alone, and reported.
const MOST_TEXT: u64 = 1024 * 1024;

/// Whether the body holds one of the addresses.
pub(super) async fn is_in(body: &Content, mailboxes: &[Address]) -> Result<bool, Reply> {
    let mut searches: Vec<_> = mailboxes.iter().flat_map(Search::all_of).collect();
    let mut offset = 0;
    while offset < body.len() {
        let piece = body.read(offset, PIECE).await.map_err(|_| Reply::internal_error())?;
        offset += piece.len() as u64;
        for search in &mut searches {
            search.push(&piece);
        }
        if piece.is_empty() || searches.iter().any(Search::found) {
            break;
        }
    }
    Ok(searches.iter().any(Search::found))
}

/// The whole message with the addresses in its text replaced by the alias; `None` when nothing can be replaced.
pub(super) async fn replace(broker: &Broker, arrival: &Arrival<'_>, state: &Standing) -> Result<Option<Content>, Reply> {
    let body = arrival.body();
    let parts = text_parts(arrival, &body).await?;
    let size: u64 = parts.iter().map(|part| part.range.end - part.range.start).sum();
    if size > MOST_TEXT {
        return Ok(None);
    }
    let replacer = Replacer::new(&state.mailboxes, &state.alias.address);
    let mut out = broker.budget.collector();
    out.push(&arrival.original_header()).map_err(|_| NO_ROOM)?;
    let (mut at, mut changed) = (0, false);
    for part in parts {
        let length = usize::try_from(part.range.end - part.range.start).map_err(|_| Reply::internal_error())?;
        let text = body.read(part.range.start, length).await.map_err(|_| Reply::internal_error())?;
        let Some(text) = replacer.replace(&text, part.encoding) else { continue };
        copy(&body, at, part.range.start, &mut out).await?;
        out.push(&text).map_err(|_| NO_ROOM)?;
        (at, changed) = (part.range.end, true);
    }
    if !changed {
        return Ok(None);
    }
    copy(&body, at, body.len(), &mut out).await?;
    Ok(Some(out.finish()))
}

async fn text_parts(arrival: &Arrival<'_>, body: &Content) -> Result<Vec<TextPart>, Reply> {
    let field = |name: &'static str| arrival.header.named(arrival.start, name).next().map(|field| field.value(arrival.start));
    let mut finder = Finder::new(field("Content-Type"), field("Content-Transfer-Encoding"), field("Content-Disposition"));
    let mut offset = 0;
    while offset < body.len() {
        let piece = body.read(offset, PIECE).await.map_err(|_| Reply::internal_error())?;
        if piece.is_empty() {
            break;
        }
        offset += piece.len() as u64;
        finder.push(&piece);
    }
    Ok(finder.finish())
}

async fn copy(body: &Content, from: u64, to: u64, out: &mut Collector) -> Result<(), Reply> {
    let mut at = from;
    while at < to {
        let length = usize::try_from(to - at).unwrap_or(PIECE).min(PIECE);
        let piece = body.read(at, length).await.map_err(|_| Reply::internal_error())?;
        if piece.is_empty() {
            return Err(Reply::internal_error());
        }
        out.push(&piece).map_err(|_| NO_ROOM)?;
        at += piece.len() as u64;
    }
    Ok(())
}
