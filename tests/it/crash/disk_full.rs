//! A full disk: senders are told to wait, what was promised before arrives when the next hop is back.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::alone::alone;
use super::broker::{Broker, Setup, until};
use super::check::check;
use super::load::Load;
use super::settings::{seed, skipped};
use super::sink::{Mode, Sink};

/// A file system of 16 MiB.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Result<Self, String> {
        fs::create_dir_all(at).unwrap();
        let output = Command::new("mount").args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"]).arg(at).output();
        let output = output.map_err(|error| error.to_string())?;
        if output.status.success() { Ok(Self(at.to_owned())) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("--lazy").arg(&self.0).status());
    }
}

#[test]
fn a_full_disk_is_answered_with_4xx_and_what_was_accepted_arrives() {
    let _alone = alone();
    if !rustix::process::geteuid().is_root() {
        return skipped("disk full", "only root can mount a small disk", "POSTERN_TEST_REQUIRE_ROOT");
    }
    let folder = tempfile::tempdir().unwrap();
    let disk = match SmallDisk::mount(&folder.path().join("disk")) {
        Ok(disk) => disk,
        Err(error) => {
            return skipped(
                "disk full",
                &format!("a small disk can't be mounted ({})", error.trim()),
                "POSTERN_TEST_REQUIRE_ROOT",
            );
        }
    };
    let seed = seed();
    let sink = Sink::start(seed, Mode::Refusing);
    let setup = Setup { data: Some(disk.0.clone()), ..Setup::new("sqlite:postern.db", sink.address) };
    let mut broker = Broker::new(&setup);
    let load = Load::new(seed, 8, broker.smtp, &broker.people());
    broker.start();
    load.open();
    let full = until(Duration::from_secs(120), || load.look(|book| book.temporary_count() > 100));
    assert!(full, "the disk never filled: {} accepted\n{}", load.look(|book| book.ledger.len()), broker.log_tail());
    assert!(broker.is_up(), "it ended on a full disk\n{}", broker.log_tail());
    let while_full = load.book();
    // The next hop is back: nothing but delivering makes room.
    sink.set(Mode::Good);
    let before = while_full.ledger.len();
    let again = until(Duration::from_secs(60), || load.look(|book| book.ledger.len() > before + 50));
    assert!(again, "no mail is accepted any more\n{}", broker.log_tail());
    let book = load.finish();
    broker.drain(Duration::from_secs(60));
    assert!(book.broken.is_empty(), "connections broke: {:?}", book.broken);
    // One hand-off each of senders and workers may have found no room for its outcome.
    let summary = check(&book, &sink.arrivals(), 28).unwrap_or_else(|wrong| panic!("POSTERN_CRASH_SEED={seed}: {wrong:#?}"));
    eprintln!("disk full after {before} messages: {summary:?}, told meanwhile: {:?}", while_full.temporary);
}
