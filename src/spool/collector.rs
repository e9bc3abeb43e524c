//! Gathers the bytes of one arriving message under the process-wide budget.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Content, Source};

/// Unit of the budget.
const PAGE: usize = 4096;

/// How much memory all messages under way may take together, and where larger ones go.
#[derive(Debug, Clone)]
pub struct Budget {
    memory: Arc<Semaphore>,
    disk: Arc<Semaphore>,
    spill_above: usize,
    folder: PathBuf,
}

impl Budget {
    /// `memory` and `disk` bytes in all; a message above `spill_above` bytes goes to an unlinked file in `folder`.
    pub fn new(memory: u64, disk: u64, spill_above: usize, folder: &Path) -> Self {
        let pages = |bytes: u64| usize::try_from(bytes / PAGE as u64).unwrap_or(usize::MAX).clamp(1, Semaphore::MAX_PERMITS);
        Self {
            memory: Arc::new(Semaphore::new(pages(memory))),
            disk: Arc::new(Semaphore::new(pages(disk))),
            spill_above,
            folder: folder.to_owned(),
        }
    }

    /// Starts gathering one message.
    pub fn collector(&self) -> Collector {
        Collector { budget: self.clone(), buffer: BytesMut::new(), share: None, file: None, written: 0 }
    }
}

/// Why a message can't be gathered: both are answered with 452.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// The budget of the process is used up for now.
    #[error("too many messages are under way")]
    Budget,
    /// The temporary file can't be written.
    #[error("the temporary file can't be written")]
    Io(#[from] io::Error),
}

/// One message being gathered; dropping it returns everything.
#[derive(Debug)]
pub struct Collector {
    budget: Budget,
    buffer: BytesMut,
    share: Option<OwnedSemaphorePermit>,
    file: Option<File>,
    written: u64,
}

impl Collector {
    /// Appends bytes.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), CollectError> {
        let total =
            usize::try_from(self.written).unwrap_or(usize::MAX).saturating_add(self.buffer.len()).saturating_add(bytes.len());
        if self.file.is_none() && total > self.budget.spill_above {
            self.spill()?;
        }
        self.reserve(total)?;
        match &mut self.file {
            Some(file) => {
                file.write_all(bytes)?;
                self.written += bytes.len() as u64;
            }
            None => self.buffer.extend_from_slice(bytes),
        }
        Ok(())
    }

    /// Bytes gathered so far.
    pub fn len(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    /// Whether nothing was gathered yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The message, immutable from here on.
    pub fn finish(self) -> Content {
        let length = self.len();
        let source = match self.file {
            Some(file) => Source::File(Arc::new(file)),
            None => Source::Memory(Bytes::from(self.buffer)),
        };
        Content { source, start: 0, length, _share: self.share.map(Arc::new) }
    }

    fn spill(&mut self) -> Result<(), CollectError> {
        let mut file = tempfile::tempfile_in(&self.budget.folder)?;
        file.write_all(&self.buffer)?;
        self.written = self.buffer.len() as u64;
        self.buffer = BytesMut::new();
        self.file = Some(file);
        // The share of memory goes back; the same pages are taken from the disk's budget by the caller.
        self.share = None;
        Ok(())
    }

    /// Holds as many pages as `total` bytes need.
    fn reserve(&mut self, total: usize) -> Result<(), CollectError> {
        let held = self.share.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let missing = total.div_ceil(PAGE).saturating_sub(held);
        if missing == 0 {
            return Ok(());
        }
        let pool = if self.file.is_some() { &self.budget.disk } else { &self.budget.memory };
        let missing = u32::try_from(missing).map_err(|_| CollectError::Budget)?;
        let more = Arc::clone(pool).try_acquire_many_owned(missing).map_err(|_| CollectError::Budget)?;
        match &mut self.share {
            Some(share) => share.merge(more),
            None => self.share = Some(more),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn small_stays_in_memory_and_large_spills_with_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let budget = Budget::new(1 << 20, 1 << 24, 10_000, folder.path());
        for size in [0_usize, 1, 9_999, 10_000, 10_001, 300_000] {
            let bytes: Vec<u8> = (0..size).map(|i| u8::try_from(i % 251).unwrap()).collect();
            let mut collector = budget.collector();
            for piece in bytes.chunks(777) {
                collector.push(piece).unwrap();
            }
            let content = collector.finish();
            assert_eq!(content.len(), size as u64);
            assert_eq!(content.read_all().await.unwrap(), bytes);
            assert_eq!(content.from_offset(5).read_all().await.unwrap(), bytes.get(5..).unwrap_or_default());
            let mut read = Vec::new();
            std::io::Read::read_to_end(&mut content.from_offset(5).reader(), &mut read).unwrap();
            assert_eq!(read, bytes.get(5..).unwrap_or_default());
            assert_eq!(content.from_offset(5).read(3, 4).await.unwrap(), bytes.get(8..12).unwrap_or_default());
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "spilled files have no name");
    }

    #[test]
    fn the_budget_is_shared_and_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let budget = Budget::new(64 * 1024, 1 << 20, 1 << 20, folder.path());
        let mut first = budget.collector();
        first.push(&[0; 40 * 1024]).unwrap();
        let mut second = budget.collector();
        assert!(matches!(second.push(&[0; 40 * 1024]), Err(CollectError::Budget)));
        let kept = first.finish();
        assert!(second.push(&[0; 40 * 1024]).is_err());
        drop(kept);
        second.push(&[0; 40 * 1024]).unwrap();
    }
}
