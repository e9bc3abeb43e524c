//! The program under test, from outside: settings in a folder of its own, commands, `serve`, and its sudden end.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::dice::Dice;
use super::load::Route;
use super::sender::Sender;
use super::settings::{fresh_seed, variable};

/// How long the program may take to come up, also in a build that was not optimised, on a busy machine.
const START: Duration = Duration::from_mins(1);

/// What differs between the tests.
pub struct Setup {
    /// `sqlite:postern.db` or a PostgreSQL URL.
    pub database: String,
    /// The next hop.
    pub sink: SocketAddr,
    /// More lines of `[smtp]`.
    pub smtp: &'static str,
    /// `min_free_space`.
    pub min_free_space: u64,
    /// Data in this folder instead of one beside the settings.
    pub data: Option<PathBuf>,
}

impl Setup {
    /// With nothing special.
    pub fn new(database: &str, sink: SocketAddr) -> Self {
        Self { database: database.to_owned(), sink, smtp: "", min_free_space: 0, data: None }
    }
}

/// One node.
pub struct Broker {
    process: Option<Child>,
    settings: PathBuf,
    folder: TempDir,
    /// Where it takes mail.
    pub smtp: SocketAddr,
}

impl Broker {
    /// Writes its settings.
    pub fn new(setup: &Setup) -> Self {
        let folder = tempfile::Builder::new().prefix("postern-crash-").tempdir().unwrap();
        let data = setup.data.clone().unwrap_or_else(|| folder.path().join("data"));
        fs::create_dir_all(&data).unwrap();
        let (smtp, http) = (free_port(), free_port());
        let settings = folder.path().join("postern.toml");
        let text = format!(
            r#"
[instance]
hostname = "postern.example"
domains = ["alias.example"]
data_dir = "{}"
[database]
url = "{}"
[smtp]
listen = ["{smtp}"]
trusted_networks = ["127.0.0.0/8"]
min_free_space = {}
max_messages = 1000000
{}
[http]
listen = "{http}"
[outbound]
mode = "smarthost"
smarthost = "smtp://{}"
allow_private_targets = true
inline_deadline = "300ms"
retry = ["200ms", "500ms", "1s"]
workers = 20
[sender_auth]
dmarc = "off"
[log]
level = "info"
"#,
            data.display(),
            setup.database,
            setup.min_free_space,
            setup.smtp,
            setup.sink
        );
        fs::write(&settings, text).unwrap();
        Self { process: None, settings, folder, smtp }
    }

    /// Runs a command; what it printed. It must succeed.
    pub fn command(&self, words: &[&str]) -> String {
        let output = self.program().args(words).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "postern {}: {error}", words.join(" "));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command with `--json`.
    pub fn json(&self, words: &[&str]) -> Value {
        serde_json::from_str(&self.command(&[words, &["--json"]].concat())).unwrap()
    }

    /// One user with two inboxes and three aliases.
    pub fn people(&self) -> Vec<Route> {
        self.command(&["user", "add", "inbox@mailbox.example", "--verified"]);
        self.command(&["mailbox", "add", "second@mailbox.example", "--verified"]);
        self.command(&["mailbox", "add", "third@mailbox.example", "--verified"]);
        [("shop.k7f3qz2m", "inbox"), ("bank.x2y4z6a8", "second"), ("club.b3c5d7e9", "third")]
            .into_iter()
            .map(|(name, mailbox)| {
                let mailbox = format!("{mailbox}@mailbox.example");
                let made = self.json(&["alias", "new", "shop.example", "--name", name, "--mailbox", &mailbox]);
                let alias = made.get("address").and_then(Value::as_str).unwrap().to_owned();
                Route { alias, mailbox }
            })
            .collect()
    }

    fn program(&self) -> Command {
        // Another build can be put to the test, for example the one that is installed.
        let binary = variable("POSTERN_TEST_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_postern").to_owned());
        let mut program = Command::new(binary);
        program.arg("--config").arg(&self.settings).current_dir(self.folder.path()).stdin(Stdio::null());
        program
    }

    /// Starts it without waiting.
    pub fn launch(&mut self) {
        assert!(self.process.is_none(), "it runs already");
        let log = File::options().create(true).append(true).open(self.log()).unwrap();
        let also = log.try_clone().unwrap();
        self.process = Some(self.program().arg("serve").stdout(log).stderr(also).spawn().unwrap());
    }

    /// Starts it and waits until it greets.
    pub fn start(&mut self) {
        self.launch();
        let begun = Instant::now();
        while Sender::connect(self.smtp).is_err() {
            let ended = self.process.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none() && begun.elapsed() < START, "serve did not come up ({ended:?}):\n{}", self.log_tail());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        let mut process = self.process.take().unwrap();
        let ended = process.try_wait().unwrap();
        assert!(ended.is_none(), "it ended before it was killed ({ended:?}):\n{}", self.log_tail());
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// SIGTERM, and how it ended; `None` if it did not within `patience`.
    pub fn terminate(&mut self, patience: Duration) -> Option<ExitStatus> {
        let mut process = self.process.take().unwrap();
        kill_process(Pid::from_child(&process), Signal::TERM).unwrap();
        let mut status = None;
        let ended = until(patience, || {
            status = process.try_wait().unwrap();
            status.is_some()
        });
        if !ended {
            process.kill().unwrap();
            process.wait().unwrap();
        }
        status
    }

    /// Whether it runs still.
    pub fn is_up(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| process.try_wait().unwrap().is_none())
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.as_ref().unwrap().id()
    }

    /// What stands in the queue: one object each.
    pub fn queue(&self) -> Vec<Value> {
        match self.json(&["queue", "list"]) {
            Value::Array(rows) => rows,
            Value::Object(mut object) => match object.remove("deliveries") {
                Some(Value::Array(rows)) => rows,
                other => vec![other.unwrap_or_default()],
            },
            other => vec![other],
        }
    }

    /// Waits until the queue is empty.
    pub fn drain(&self, patience: Duration) {
        let mut left = Vec::new();
        let empty = until(patience, || {
            left = self.queue();
            left.is_empty()
        });
        left.truncate(3);
        assert!(empty, "the queue did not run empty; it begins with {left:#?}\n{}", self.log_tail());
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// The end of its log.
    pub fn log_tail(&self) -> String {
        let text = fs::read(self.log()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        lines.get(lines.len().saturating_sub(25)..).unwrap_or_default().iter().fold(String::new(), |mut all, line| {
            writeln!(all, "  | {line}").unwrap();
            all
        })
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            drop(process.kill());
            drop(process.wait());
        }
        if thread::panicking() {
            // Evidence.
            self.folder.disable_cleanup(true);
            eprintln!("settings, log and data are kept in {}", self.folder.path().display());
        }
    }
}

/// Asks again and again until it is so, or patience ends.
pub fn until(patience: Duration, mut question: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    loop {
        if question() {
            return true;
        }
        if begun.elapsed() > patience {
            return false;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// A port nobody listens on, below those the system hands out for connections: it stays ours between two starts.
pub fn free_port() -> SocketAddr {
    let mut dice = Dice::new(fresh_seed(), 0);
    loop {
        let port = 10_000 + u16::try_from(dice.below(20_000)).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}
