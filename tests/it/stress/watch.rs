//! Watches the program under attack: its memory, and how long another client waits for its messages to be taken.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::crash::alone::{Alone, alone};
use crate::crash::broker::{Broker, Setup};
use crate::crash::load::Route;
use crate::crash::message::Message;
use crate::crash::sender::Sender;
use crate::crash::sink::{Mode, Sink};

/// How long the other client may wait for one message, greeting and all.
const SERVED_WITHIN: Duration = Duration::from_secs(5);

/// The program, its next hop, and an alias.
pub struct Target {
    /// The program.
    pub broker: Broker,
    /// Its next hop.
    pub sink: Sink,
    /// An alias for the attack and one for the bystander.
    pub routes: Vec<Route>,
    _alone: Alone,
}

impl Target {
    /// Started, with more lines for `[smtp]`.
    pub fn start(smtp: &'static str) -> Self {
        let alone = alone();
        let sink = Sink::start(1, Mode::Good);
        let mut broker = Broker::new(&Setup { smtp, ..Setup::new("sqlite:postern.db", sink.address) });
        let routes = broker.people();
        broker.start();
        Self { broker, sink, routes, _alone: alone }
    }

    /// What the attack may write to.
    pub fn route(&self) -> &Route {
        self.routes.first().unwrap()
    }

    /// Runs an attack while a bystander sends mail and the memory is read; prints the row.
    pub fn under(&self, attack: &Attack<'_>, run: impl FnOnce()) {
        let done = AtomicBool::new(false);
        // The bystander's first message warms everything up.
        let mut bystander = Bystander { target: self, may_wait: attack.may_wait, taken: 0, told: 0, slowest: Duration::ZERO };
        bystander.one();
        bystander.slowest = Duration::ZERO;
        let (before, begun) = (pss(self.broker.pid()), Instant::now());
        let (peak, bystander, elapsed) = thread::scope(|scope| {
            let meter = scope.spawn(|| {
                let mut peak = before;
                while !done.load(Ordering::SeqCst) {
                    peak = peak.max(pss(self.broker.pid()));
                    thread::sleep(Duration::from_millis(20));
                }
                peak.max(pss(self.broker.pid()))
            });
            let other = scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    bystander.one();
                }
                bystander
            });
            // Also when the attack fails: the threads must end, or the failure is never seen.
            let guard = Finally(&done);
            run();
            let elapsed = begun.elapsed();
            drop(guard);
            (meter.join().unwrap(), other.join().unwrap(), elapsed)
        });
        let mib = |kib: u64| f64::from(u32::try_from(kib).unwrap()) / 1024.0;
        eprintln!(
            "stress | {:<34} | {:>14} | {:>6.1} s | {:>5.1} -> {:>5.1} MiB (+{} allowed) | {:>5} served, slowest {:>4} ms",
            attack.name,
            attack.size,
            elapsed.as_secs_f64(),
            mib(before),
            mib(peak),
            attack.growth_mib,
            bystander.taken,
            bystander.slowest.as_millis(),
        );
        assert!(peak <= before + attack.growth_mib * 1024, "memory grew from {before} to {peak} KiB");
        assert!(bystander.taken > 0 && bystander.slowest <= SERVED_WITHIN, "another client waited {:?}", bystander.slowest);
        assert!(bystander.told == 0 || attack.may_wait, "another client was told to wait {} times", bystander.told);
    }
}

/// What an attack is and what it may cost.
pub struct Attack<'a> {
    /// Its row's name.
    pub name: &'a str,
    /// Its row's size.
    pub size: String,
    /// How far the memory may grow.
    pub growth_mib: u64,
    /// Whether others may be answered 4xx meanwhile.
    pub may_wait: bool,
}

struct Finally<'a>(&'a AtomicBool);

impl Drop for Finally<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Somebody else, sending one small message after the other, each over a connection of its own.
struct Bystander<'a> {
    target: &'a Target,
    may_wait: bool,
    taken: u64,
    told: u64,
    slowest: Duration,
}

impl Bystander<'_> {
    fn one(&mut self) {
        let alias = &self.target.routes.get(1).unwrap().alias;
        let begun = Instant::now();
        let mut sender = Sender::connect(self.target.broker.smtp).unwrap();
        let message = Message::of_size(1, 9_000_000 + self.taken, alias, 2000);
        let handed = sender.hand_in(&message, &[alias]).unwrap();
        match handed.last.code {
            250 => self.taken += 1,
            code if code / 100 == 4 && self.may_wait => self.told += 1,
            _ => assert_eq!(handed.last.code, 250, "{handed:?}"),
        }
        self.slowest = self.slowest.max(begun.elapsed());
    }
}

/// The proportional share of memory of a process, in KiB.
pub fn pss(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}
