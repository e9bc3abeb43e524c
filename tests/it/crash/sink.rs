//! The next hop: a small SMTP server that refuses for now, is slow, or is down, as it is told, and writes down every
//! message it answered with 2xx.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use super::dice::Dice;
use super::message::{self, Fingerprint};

/// How it behaves from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Takes everything at once.
    Good,
    /// 4xx to a third (at RCPT, at DATA, after the dot), and an eighth of the answers is late.
    Mixed,
    /// 451 to every recipient.
    Refusing,
}

/// A message that got 2xx.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// From its Message-ID; `None` if that did not come through.
    pub number: Option<u64>,
    /// For whom.
    pub recipient: String,
    /// How often the broker had been killed before.
    pub round: u64,
    /// When.
    pub at: Instant,
    /// What it was.
    pub fingerprint: Fingerprint,
}

struct Shared {
    seed: u64,
    mode: AtomicU8,
    round: AtomicU64,
    stopped: AtomicBool,
    connections: AtomicU64,
    arrivals: Mutex<Vec<Arrival>>,
    faults: Mutex<Vec<String>>,
}

/// The server.
pub struct Sink {
    shared: Arc<Shared>,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Sink {
    /// Starts it.
    pub fn start(seed: u64, mode: Mode) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            seed,
            mode: AtomicU8::new(mode as u8),
            round: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            connections: AtomicU64::new(0),
            arrivals: Mutex::default(),
            faults: Mutex::default(),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if accepting.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let shared = Arc::clone(&accepting);
                thread::spawn(move || converse(&shared, &stream));
            }
        });
        Self { shared, address }
    }

    /// Changes its behaviour, for transactions from now on.
    pub fn set(&self, mode: Mode) {
        self.shared.mode.store(mode as u8, Ordering::SeqCst);
    }

    /// Says that the broker was killed once more.
    pub fn next_round(&self) {
        self.shared.round.fetch_add(1, Ordering::SeqCst);
    }

    /// What it has taken, in order.
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.shared.arrivals.lock().unwrap().clone()
    }

    /// How many it has taken.
    pub fn count(&self) -> usize {
        self.shared.arrivals.lock().unwrap().len()
    }

    /// What was against the protocol.
    pub fn faults(&self) -> Vec<String> {
        self.shared.faults.lock().unwrap().clone()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the listener, which then sees the flag.
        drop(TcpStream::connect(self.address));
    }
}

fn converse(shared: &Shared, stream: &TcpStream) {
    let stream_number = shared.connections.fetch_add(1, Ordering::SeqCst);
    let mut session = Session {
        shared,
        dice: Dice::new(shared.seed ^ 0x51_4E_4B, stream_number),
        input: BufReader::with_capacity(65_536, stream),
        output: stream,
        plan: Plan::default(),
        recipients: Vec::new(),
    };
    // The broker was killed or hung up: nothing to do.
    drop(session.run());
}

/// Where this transaction is refused for now, and how late its answers are.
#[derive(Debug, Default)]
struct Plan {
    refuse: Option<Phase>,
    slow: Option<Phase>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Rcpt,
    Data,
    Dot,
}

struct Session<'a> {
    shared: &'a Shared,
    dice: Dice,
    input: BufReader<&'a TcpStream>,
    output: &'a TcpStream,
    plan: Plan,
    recipients: Vec<String>,
}

impl Session<'_> {
    fn run(&mut self) -> io::Result<()> {
        self.output.set_nodelay(true)?;
        self.answer("220 sink.example ESMTP")?;
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(());
            }
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            let verb = text.split(' ').next().unwrap_or_default().to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" => self.answer(
                    "250-sink.example\r\n250-PIPELINING\r\n250-SIZE 67108864\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 ENHANCEDSTATUSCODES",
                )?,
                "MAIL" => {
                    self.recipients.clear();
                    self.plan = self.plan();
                    self.answer("250 2.1.0 ok")?;
                }
                "RCPT" => self.rcpt(&text)?,
                "DATA" => self.data()?,
                "RSET" => {
                    self.recipients.clear();
                    self.answer("250 2.0.0 ok")?;
                }
                "NOOP" => self.answer("250 2.0.0 ok")?,
                "QUIT" => return self.answer("221 2.0.0 bye"),
                _ => {
                    self.fault(format!("unknown command {text:?}"));
                    self.answer("500 5.5.1 what?")?;
                }
            }
        }
    }

    fn plan(&mut self) -> Plan {
        let mode = self.shared.mode.load(Ordering::SeqCst);
        if mode == Mode::Refusing as u8 {
            return Plan { refuse: Some(Phase::Rcpt), slow: None };
        }
        if mode == Mode::Good as u8 {
            return Plan::default();
        }
        let phase = |n: u64| [Phase::Rcpt, Phase::Data, Phase::Dot].get(usize::try_from(n).unwrap()).copied();
        Plan { refuse: phase(self.dice.below(9)), slow: if self.dice.one_in(8) { phase(self.dice.below(3)) } else { None } }
    }

    fn rcpt(&mut self, text: &str) -> io::Result<()> {
        let address = text.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(address, _)| address.to_owned());
        self.delay(Phase::Rcpt);
        if self.plan.refuse == Some(Phase::Rcpt) {
            return self.answer("451 4.3.0 not now (RCPT)");
        }
        self.recipients.extend(address);
        self.answer("250 2.1.5 ok")
    }

    fn data(&mut self) -> io::Result<()> {
        self.delay(Phase::Data);
        if self.recipients.is_empty() {
            return self.answer("503 5.5.1 no recipient");
        }
        if self.plan.refuse == Some(Phase::Data) {
            return self.answer("451 4.3.0 not now (DATA)");
        }
        self.answer("354 go on")?;
        let mut bytes = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(());
            }
            if !line.ends_with(b"\r\n") || line.strip_suffix(b"\r\n").is_some_and(|line| line.contains(&b'\r')) {
                self.fault("a bare CR or LF in DATA".to_owned());
            }
            if line == b".\r\n" {
                break;
            }
            bytes.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
        self.delay(Phase::Dot);
        if self.plan.refuse == Some(Phase::Dot) {
            return self.answer("451 4.3.0 not now (dot)");
        }
        self.record(&bytes);
        self.recipients.clear();
        // Recorded before: whether the broker still hears it or not, this hop has the message.
        self.answer("250 2.0.0 taken")
    }

    fn record(&self, bytes: &[u8]) {
        let (header, body) = message::split(bytes);
        let number = message::number(header).filter(|(_, seed)| *seed == self.shared.seed).map(|(number, _)| number);
        let fingerprint = Fingerprint::of(header, body);
        if self.recipients.len() > 1 {
            self.fault("several recipients in one transaction".to_owned());
        }
        let round = self.shared.round.load(Ordering::SeqCst);
        let mut arrivals = self.shared.arrivals.lock().unwrap();
        for recipient in &self.recipients {
            let (recipient, fingerprint) = (recipient.clone(), fingerprint.clone());
            arrivals.push(Arrival { number, recipient, round, at: Instant::now(), fingerprint });
        }
    }

    fn delay(&mut self, phase: Phase) {
        if self.plan.slow == Some(phase) {
            // Beyond the inline deadline of 300 ms.
            thread::sleep(self.dice.milliseconds(250, 900));
        }
    }

    fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        self.input.read_until(b'\n', &mut line)?;
        // A line cut off by a kill counts as the end.
        if line.ends_with(b"\n") { Ok(line) } else { Ok(Vec::new()) }
    }

    fn answer(&mut self, text: &str) -> io::Result<()> {
        self.output.write_all(format!("{text}\r\n").as_bytes())
    }

    fn fault(&self, what: String) {
        self.shared.faults.lock().unwrap().push(what);
    }
}
