//! The bytes of a message between the SMTP door and the next hop: in memory, or above a threshold in an unlinked
//! temporary file, all under one budget for the process.
//!
//! A message that goes straight through is never written to a disk that outlives the process: the temporary file has no
//! name, so the kernel frees it with the last handle, also after kill -9. What has to be kept is copied into the
//! database by `storage::message`.

mod collector;

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;

pub use collector::{Budget, CollectError, Collector};

/// An immutable sequence of bytes that is cheap to clone and to cut.
#[derive(Debug, Clone)]
pub struct Content {
    source: Source,
    start: u64,
    length: u64,
    /// Returns its share of the budget when the last clone is gone.
    _share: Option<Arc<OwnedSemaphorePermit>>,
}

#[derive(Debug, Clone)]
enum Source {
    Memory(Bytes),
    File(Arc<File>),
}

impl Content {
    /// Bytes that are in memory anyway (notices, tests, rows read back from the queue).
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { start: 0, length: bytes.len() as u64, source: Source::Memory(bytes), _share: None }
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Everything from `offset` on, sharing the bytes. Past the end it is empty.
    #[must_use]
    pub fn from_offset(&self, offset: u64) -> Self {
        let offset = offset.min(self.length);
        Self { start: self.start + offset, length: self.length - offset, ..self.clone() }
    }

    /// Up to `max` bytes from `offset`; fewer only at the end. In memory this copies nothing and does not wait.
    pub async fn read(&self, offset: u64, max: usize) -> io::Result<Bytes> {
        let offset = offset.min(self.length);
        let wanted = usize::try_from(self.length - offset).unwrap_or(usize::MAX).min(max);
        match &self.source {
            Source::Memory(bytes) => {
                let start = usize::try_from(self.start + offset).unwrap_or(usize::MAX).min(bytes.len());
                Ok(bytes.slice(start..(start + wanted).min(bytes.len())))
            }
            Source::File(file) => {
                let file = Arc::clone(file);
                let position = self.start + offset;
                tokio::task::spawn_blocking(move || {
                    let mut buffer = vec![0; wanted];
                    file.read_exact_at(&mut buffer, position)?;
                    Ok(Bytes::from(buffer))
                })
                .await
                .map_err(io::Error::other)?
            }
        }
    }

    /// A reader for work that is done beside the runtime, as reading may wait for the disk.
    pub fn reader(&self) -> Reader {
        Reader { content: self.clone() }
    }

    /// All of it in one piece; for what is known to be small (a header block, a test).
    pub async fn read_all(&self) -> io::Result<Bytes> {
        self.read(0, usize::MAX).await
    }
}

/// Reads a [`Content`] from its start.
#[derive(Debug)]
pub struct Reader {
    /// What is left.
    content: Content,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.content.length).unwrap_or(usize::MAX).min(buffer.len());
        let Some(buffer) = buffer.get_mut(..wanted) else { return Ok(0) };
        match &self.content.source {
            Source::Memory(bytes) => {
                let start = usize::try_from(self.content.start).unwrap_or(usize::MAX);
                let Some(piece) = bytes.get(start..start.saturating_add(wanted)) else {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                };
                buffer.copy_from_slice(piece);
            }
            Source::File(file) => file.read_exact_at(buffer, self.content.start)?,
        }
        self.content = self.content.from_offset(wanted as u64);
        Ok(wanted)
    }
}
