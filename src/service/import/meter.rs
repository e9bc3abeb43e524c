//! A reader that stops when too much comes out of it: a kilobyte of ZIP may unpack to gigabytes, and a quote that is never
//! closed makes one cell of a whole file.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio_util::sync::CancellationToken;

/// One row of a table, or one alias of a document with everything that happened to it.
const LONGEST_RECORD: u64 = 16 * 1024 * 1024;

/// What may still be read, shared between a reader and whoever counts records.
#[derive(Debug, Clone)]
pub struct Meter(Arc<Left>);

#[derive(Debug)]
struct Left {
    total: AtomicU64,
    record: AtomicU64,
    stop: CancellationToken,
}

impl Meter {
    /// For so many bytes in all, and until nobody waits for them any more.
    pub fn new(total: u64, stop: CancellationToken) -> Self {
        Self(Arc::new(Left { total: AtomicU64::new(total), record: AtomicU64::new(LONGEST_RECORD), stop }))
    }

    /// Whether reading ended because nobody waits for it.
    pub fn is_stopped(&self) -> bool {
        self.0.stop.is_cancelled()
    }

    /// A record ended: the next one may be long again.
    pub fn record_ended(&self) {
        self.0.record.store(LONGEST_RECORD, Ordering::Relaxed);
    }

    /// Whether reading ended because there was too much.
    pub fn is_exceeded(&self) -> bool {
        self.0.total.load(Ordering::Relaxed) == 0 || self.0.record.load(Ordering::Relaxed) == 0
    }

    /// Reads through this meter.
    pub fn over<R: Read>(&self, inner: R) -> Metered<R> {
        Metered { inner, meter: self.clone() }
    }

    /// False when that was too much.
    fn take(&self, bytes: u64) -> bool {
        let take = |left: &AtomicU64| {
            let rest = left.load(Ordering::Relaxed).saturating_sub(bytes);
            left.store(rest, Ordering::Relaxed);
            rest > 0
        };
        let total = take(&self.0.total);
        take(&self.0.record) && total
    }
}

/// A reader with a meter.
#[derive(Debug)]
pub struct Metered<R> {
    inner: R,
    meter: Meter,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.meter.is_stopped() {
            return Err(io::Error::other("nobody waits for it"));
        }
        let read = self.inner.read(buffer)?;
        if read > 0 && !self.meter.take(u64::try_from(read).unwrap_or(u64::MAX)) {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "more than is read"));
        }
        Ok(read)
    }
}

/// Without the mark that editors put in front of UTF-8.
pub fn without_mark<R: Read>(mut input: R) -> io::Result<impl Read> {
    let mut head = Vec::with_capacity(3);
    input.by_ref().take(3).read_to_end(&mut head)?;
    if head == b"\xef\xbb\xbf" {
        head.clear();
    }
    Ok(io::Cursor::new(head).chain(input))
}
