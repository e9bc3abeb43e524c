//! A full disk: senders are told to wait, what was promised before arrives when the next hop is back.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::alone::alone;
use super::broker::{Broker, Setup, until};
use super::check::check_or_fail;
use super::load::Load;
use super::settings::{seed, skipped};
use super::sink::{Mode, Sink};

/// A small file system in memory: its space runs out as a disk's does.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path, size: u64) -> Result<Self, String> {
        fs::create_dir_all(at).unwrap();
        let option = format!("size={size}");
        let output = Command::new("mount").args(["-t", "tmpfs", "-o", &option, "tmpfs"]).arg(at).output();
        let output = output.map_err(|error| error.to_string())?;
        if output.status.success() { Ok(Self(at.to_owned())) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("--lazy").arg(&self.0).status());
    }
}

const MIB: u64 = 1024 * 1024;

/// A small disk under a folder, or why there is none.
fn small_disk(folder: &Path, size: u64) -> Option<SmallDisk> {
    let reason = if rustix::process::geteuid().is_root() {
        match SmallDisk::mount(&folder.join("disk"), size) {
            Ok(disk) => return Some(disk),
            Err(error) => format!("a small disk can't be mounted ({})", error.trim()),
        }
    } else {
        "only root can mount a small disk".to_owned()
    };
    skipped("disk full", &reason, "POSTERN_TEST_REQUIRE_ROOT");
    None
}

#[test]
fn a_full_disk_is_answered_with_4xx_and_what_was_accepted_arrives() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = small_disk(folder.path(), 16 * MIB) else { return };
    // No reserve: every write may be the one that finds no space.
    let mut filled = Filled::new(&disk, 0);
    // Somebody else's file, to be removed when space is needed.
    let other = disk.0.join("somebody-elses-file");
    fs::write(&other, vec![0; 4 * 1024 * 1024]).unwrap();
    filled.fill();
    filled.sink.set(Mode::Good);
    fs::remove_file(other).unwrap();
    filled.empties();
}

#[test]
fn with_a_reserve_a_full_disk_empties_itself() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = small_disk(folder.path(), 96 * MIB) else { return };
    let mut filled = Filled::new(&disk, 64 * MIB);
    filled.fill();
    let told = filled.load.book().temporary;
    assert!(told.keys().all(|text| text.starts_with("452 ")), "{told:?}");
    // The next hop is back: nothing but delivering makes room.
    filled.sink.set(Mode::Good);
    filled.empties();
}

/// A broker on a small disk, whose next hop takes nothing for now.
struct Filled {
    seed: u64,
    sink: Sink,
    broker: Broker,
    load: Load,
    accepted: usize,
}

impl Filled {
    fn new(disk: &SmallDisk, min_free_space: u64) -> Self {
        let seed = seed();
        let sink = Sink::start(seed, Mode::Refusing);
        let setup = Setup { data: Some(disk.0.clone()), min_free_space, ..Setup::new("sqlite:postern.db", sink.address) };
        let mut broker = Broker::new(&setup);
        let load = Load::new(seed, 8, broker.smtp, &broker.people());
        broker.start();
        Self { seed, sink, broker, load, accepted: 0 }
    }

    /// Sends until senders are told to wait.
    fn fill(&mut self) {
        self.load.open();
        let full = until(Duration::from_mins(2), || self.load.look(|book| book.temporary_count() > 100));
        self.accepted = self.load.look(|book| book.ledger.len());
        let tail = self.broker.log_tail();
        assert!(full, "the disk never filled: {} accepted\n{tail}", self.accepted);
        assert!(self.broker.is_up(), "it ended on a full disk\n{tail}");
        assert!(self.accepted > 20, "{} accepted\n{tail}", self.accepted);
    }

    /// Mail is accepted again, and everything arrives.
    fn empties(self) {
        let Self { seed, sink, broker, load, accepted } = self;
        let told = load.book().temporary;
        let again = until(Duration::from_mins(1), || load.look(|book| book.ledger.len() > accepted + 50));
        assert!(again, "no mail is accepted any more\n{}", broker.log_tail());
        let book = load.finish();
        broker.drain(Duration::from_secs(90));
        assert!(book.broken.is_empty(), "connections broke: {:?}", book.broken);
        let summary = check_or_fail(seed, &book, &sink.arrivals(), 0);
        eprintln!("disk full after {accepted} messages: {summary:?}, told meanwhile: {told:?}");
    }
}
