//! A file that came by the page: kept for its owner between the look at what would happen and the word to do it.

use std::io::Cursor;
use std::sync::Arc;

use bytes::Bytes;

use super::{Desk, Input, Job, Remap, Source};
use crate::model::DomainName;
use crate::model::id::UserId;
use crate::storage;

/// The largest file that is taken over HTTP.
pub const LARGEST: usize = 32 * 1024 * 1024;
/// What it may unpack to.
pub const UNPACKED: u64 = 256 * 1024 * 1024;

/// Keeps a file for its owner, in place of one they gave before.
pub async fn keep(
    desk: &Desk,
    user: UserId,
    source: Source,
    remap: Option<DomainName>,
    content: Vec<u8>,
) -> Result<(), storage::Error> {
    let now = desk.clock.now();
    let upload =
        storage::upload::Upload { source: source.as_str().into(), remap: remap.map(|domain| domain.to_string()), content };
    desk.storage.write(move |tx| Box::pin(async move { storage::upload::put(tx, user, &upload, now).await })).await
}

/// What is to be done with the file a user gave; `None` when there is none any more.
pub async fn find(desk: &Desk, user: UserId, dry_run: bool) -> Result<Option<Job>, storage::Error> {
    let Some(upload) = storage::upload::find(&mut desk.storage.read().await?, user).await? else { return Ok(None) };
    let Ok(source) = upload.source.parse() else { return Ok(None) };
    let to = upload.remap.and_then(|domain| DomainName::parse(&domain).ok());
    let content = Bytes::from(upload.content);
    Ok(Some(Job {
        source,
        open: Arc::new(move || Ok(Box::new(Cursor::new(content.clone())) as Input)),
        limit: UNPACKED,
        dry_run,
        trust: false,
        private: false,
        remap: to.map(|to| Remap { from: None, to }).into_iter().collect(),
    }))
}

/// Forgets the file a user gave.
pub async fn forget(desk: &Desk, user: UserId) -> Result<(), storage::Error> {
    desk.storage.write(move |tx| Box::pin(async move { storage::upload::delete(tx, user).await })).await
}

/// What stands in the place of a source when the content is what came of a file.
const RESULT: &str = "result";

/// Keeps the list of what came of a file in its place: nobody can bring that in, and it goes by itself like a file.
pub async fn keep_result(desk: &Desk, user: UserId, content: Vec<u8>) -> Result<(), storage::Error> {
    let now = desk.clock.now();
    let upload = storage::upload::Upload { source: RESULT.into(), remap: None, content };
    desk.storage.write(move |tx| Box::pin(async move { storage::upload::put(tx, user, &upload, now).await })).await
}

/// The list of what came of the last file.
pub async fn find_result(desk: &Desk, user: UserId) -> Result<Option<Vec<u8>>, storage::Error> {
    let upload = storage::upload::find(&mut desk.storage.read().await?, user).await?;
    Ok(upload.filter(|upload| upload.source == RESULT).map(|upload| upload.content))
}
