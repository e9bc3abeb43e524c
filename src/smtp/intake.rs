//! One arriving message: [`DataReader`] in front of the spool, with the limits that hold while reading.
//!
//! A message that is refused is still read to its end, or what follows its first part would run as commands. It is no
//! longer kept from the moment its fate is known.

use super::data::DataReader;
use super::replies;
use crate::model::Reply;
use crate::spool::{Collector, Content};

/// Slices from this size on go to the spool as they are; shorter ones (a body of nothing but dots) are gathered first,
/// because a spilled message costs a system call for each.
const WORTH_A_PUSH: usize = 4096;

/// Gathers one message.
pub(super) struct Intake {
    reader: DataReader,
    /// `None` once nothing is kept any more.
    collector: Option<Collector>,
    no_room: bool,
    largest: u64,
    largest_header: u64,
}

impl Intake {
    pub(super) fn new(collector: Collector, largest: u64, largest_header: u64) -> Self {
        Self { reader: DataReader::default(), collector: Some(collector), no_room: false, largest, largest_header }
    }

    /// Reads `input`; `Some(n)` when the message ended with its `n`th byte.
    pub(super) fn feed(&mut self, input: &[u8]) -> Option<usize> {
        let mut gathered = Vec::new();
        let Self { reader, collector, no_room, .. } = self;
        let mut keep = |bytes: &[u8]| {
            if collector.as_mut().is_some_and(|collector| collector.push(bytes).is_err()) {
                *collector = None;
                *no_room = true;
            }
        };
        let end = reader.feed(input, |bytes| {
            if bytes.len() < WORTH_A_PUSH {
                gathered.extend_from_slice(bytes);
            } else {
                keep(&gathered);
                gathered.clear();
                keep(bytes);
            }
        });
        keep(&gathered);
        if self.refusal().is_some() {
            self.collector = None;
        }
        end
    }

    /// The message, or why it is refused.
    pub(super) fn finish(self) -> Result<Content, Reply> {
        match (self.refusal(), self.collector) {
            (None, Some(collector)) => Ok(collector.finish()),
            (refusal, _) => Err(refusal.unwrap_or(replies::NO_ROOM)),
        }
    }

    fn refusal(&self) -> Option<Reply> {
        if self.reader.size() > self.largest {
            Some(replies::TOO_LARGE)
        } else if self.reader.is_malformed() {
            Some(replies::MALFORMED)
        } else if self.reader.header_size() > self.largest_header {
            Some(replies::HEADER_TOO_LARGE)
        } else {
            self.no_room.then_some(replies::NO_ROOM)
        }
    }
}
