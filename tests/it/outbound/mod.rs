//! One hand-off against a scripted server: what arrives, byte for byte, and what every kind of trouble means.

mod exchangers;
mod findings;
mod permit;
mod pool;
mod security;
mod text;
mod trouble;

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use postern::config::dns::Dns;
use postern::config::duration::Span;
use postern::config::outbound::{Mode, Outbound as Settings};
use postern::dns::Resolver;
use postern::model::delivery::Failure;
use postern::model::{Address, Chance, Clock, Timestamp};
use postern::outbound::{HandOff, Outbound, Outcome, Report};
use postern::spool::Content;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio_util::task::TaskTracker;

use crate::support::sink::Sink;

/// A clock that moves by hand.
#[derive(Debug, Default)]
pub struct Hand(AtomicI64);

impl Hand {
    pub fn forward(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_micros()).unwrap(), Ordering::Relaxed);
    }
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_700_000_000_000_000 + self.0.load(Ordering::Relaxed))
    }
}

/// An outbound under test.
pub struct Bench {
    pub outbound: Outbound,
    pub clock: Arc<Hand>,
    pub tasks: TaskTracker,
}

impl Bench {
    pub fn of(settings: &Settings, zone: &str) -> Self {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(zone.as_bytes()).unwrap();
        let resolver = Resolver::open(&Dns { zone_file: Some(file.path().to_owned()), ..Dns::default() }).unwrap();
        let clock = Arc::new(Hand::default());
        let tasks = TaskTracker::new();
        let chance = Chance::new(StdRng::seed_from_u64(7));
        let outbound =
            Outbound::new(settings, "postern.example", resolver, chance, Arc::clone(&clock) as Arc<dyn Clock>, tasks.clone());
        Self { outbound: outbound.unwrap(), clock, tasks }
    }

    /// Everything to this sink.
    pub fn smarthost(sink: &Sink) -> Self {
        Self::of(&smarthost(sink), "")
    }

    pub async fn give(&self, text: &str) -> Report {
        self.outbound.hand_off(&message(text.as_bytes())).await
    }
}

pub fn smarthost(sink: &Sink) -> Settings {
    let url = format!("smtp://{}", sink.address());
    Settings { mode: Mode::Smarthost, smarthost: url, ..quick() }
}

/// Mail exchangers on the loopback, at the sink's port.
pub fn exchangers(sink: &Sink) -> Settings {
    Settings { mode: Mode::Mx, mx_port: sink.port(), allow_private_targets: true, ..quick() }
}

/// Patient enough for a busy machine, impatient enough for a test that waits for a deadline.
pub fn quick() -> Settings {
    let mut settings = Settings::default();
    let long = Span(Duration::from_secs(20));
    let limits = &mut settings.deadlines;
    for limit in [
        &mut limits.connect,
        &mut limits.greeting,
        &mut limits.tls,
        &mut limits.command,
        &mut limits.data,
        &mut limits.block,
        &mut limits.end,
    ] {
        *limit = long;
    }
    settings
}

/// The text is cut after the header block: whole lines up to the empty line.
pub fn message(text: &[u8]) -> HandOff {
    let cut = text.windows(4).position(|four| four == b"\r\n\r\n").map_or(text.len(), |at| at + 2);
    let (header, body) = text.split_at(cut);
    HandOff {
        sender: Some(Address::parse("bounce+1@postern.example").unwrap()),
        recipient: Address::parse("ann@inbox.example").unwrap(),
        header: header.to_vec().into(),
        body: Content::from_bytes(body.to_vec()),
        eight_bit: !text.is_ascii(),
        smtputf8: false,
        permit: None,
        insists: false,
    }
}

pub fn refused(report: &Report) -> &Failure {
    let Outcome::Refused(failure) = &report.outcome else { unreachable!("not refused: {report:?}") };
    failure
}

pub fn deferred(report: &Report) -> &Failure {
    let Outcome::Deferred(failure) = &report.outcome else { unreachable!("not deferred: {report:?}") };
    failure
}

pub fn delivered(report: &Report) {
    assert_eq!(
        report.outcome,
        Outcome::Delivered,
        "{:?}",
        if let Outcome::Deferred(f) | Outcome::Refused(f) = &report.outcome { f.detail.reveal().clone() } else { String::new() }
    );
}
