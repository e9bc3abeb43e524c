//! Commands while `postern serve` runs: the same database, at once in force, and an orderly stop.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::support::Installation;

/// A running `postern serve`, killed when the test fails.
struct Serving {
    process: Child,
    smtp: SocketAddr,
    http: SocketAddr,
}

impl Drop for Serving {
    fn drop(&mut self) {
        if self.process.try_wait().unwrap().is_none() {
            self.process.kill().unwrap();
            self.process.wait().unwrap();
        }
    }
}

/// Settings whose next hop refuses every connection.
const SETTINGS: &str = r#"
[instance]
hostname = "mail.you.example"
domains = ["you.example"]
[smtp]
listen = ["127.0.0.1:0"]
[http]
listen = "127.0.0.1:0"
[outbound]
mode = "smarthost"
smarthost = "smtp://127.0.0.1:1"
retry = ["1h"]
[sender_auth]
dmarc = "off"
[log]
format = "json"
"#;

fn serve(installation: &Installation) -> Serving {
    let mut process = Command::new(env!("CARGO_BIN_EXE_postern"))
        .arg("serve")
        .current_dir(installation.path())
        .env_clear()
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
    let ready = lines.by_ref().map(Result::unwrap).find(|line| line.contains("Postern is ready")).expect("it gets ready");
    // What it logs later is read on, so that it never waits for us.
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    let line: Value = serde_json::from_str(&ready).unwrap();
    let address = |key: &str| line.get(key).and_then(Value::as_str).unwrap().trim_matches(['[', ']']).parse().unwrap();
    Serving { smtp: address("smtp"), http: address("http"), process }
}

/// Sends one message; the answer to RCPT and, where that was positive, to the final dot.
fn send(to: SocketAddr, recipient: &str) -> (String, Option<String>) {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut answers = BufReader::new(stream.try_clone().unwrap());
    let mut say = |words: &str| {
        (&stream).write_all(words.as_bytes()).unwrap();
        loop {
            let mut line = String::new();
            answers.read_line(&mut line).unwrap();
            if line.as_bytes().get(3) != Some(&b'-') {
                return line.trim_end().to_owned();
            }
        }
    };
    say("");
    say("EHLO client.example\r\n");
    say("MAIL FROM:<news@lg.com>\r\n");
    let taken = say(&format!("RCPT TO:<{recipient}>\r\n"));
    let end = taken.starts_with("250").then(|| {
        say("DATA\r\n");
        say("From: news@lg.com\r\nTo: x\r\nSubject: hello\r\n\r\nbody\r\n.\r\n")
    });
    say("QUIT\r\n");
    (taken, end)
}

#[test]
fn commands_are_in_force_at_once_while_serve_runs() {
    let installation = Installation::with(SETTINGS);
    installation.run(&["user", "add", "ann@inbox.example", "--verified"]).ok();
    let mut serving = serve(&installation);
    let address = installation.alias(&["lg.com"]);

    // The next hop is away: the message is kept, and accepted.
    let told = send(serving.smtp, &address);
    assert!(told.1.as_ref().is_some_and(|end| end.starts_with("250")), "{told:?}");
    let queue = installation.run(&["queue", "list", "--json"]).json();
    assert_eq!((&queue[0]["state"], &queue[0]["alias"]), (&"waiting".into(), &address.as_str().into()), "{queue}");
    let id = queue[0]["id"].to_string();
    let shown = installation.run(&["queue", "show", &id]).ok();
    assert!(shown.contains("state       waiting\n") && shown.contains("to          ann@inbox.example\n"), "{shown}");
    assert_eq!(installation.run(&["queue", "retry", &id]).ok(), "1 deliveries are due now\n");
    assert_eq!(installation.run(&["queue", "drop", &id]).ok(), format!("delivery {id} is given up\n"));
    assert_eq!(installation.run(&["queue", "drop", &id]).error(), "this delivery does not wait any more");

    // The alias is killed: what waits is cancelled, and nothing more is taken.
    send(serving.smtp, &address);
    let killed = installation.run(&["alias", "kill", &address, "--json"]).json();
    assert_eq!((&killed["state"], &killed["cancelled"]), (&"killed".into(), &1.into()));
    assert!(send(serving.smtp, &address).0.starts_with("550"));
    let shown = installation.run(&["alias", "show", &address, "--json"]).json();
    assert_eq!((&shown["total"]["cancelled"], shown["undelivered"].as_array().unwrap().len()), (&2.into(), 2));

    let mut answer = String::new();
    let mut web = TcpStream::connect(serving.http).unwrap();
    web.write_all(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    web.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

    let pid = rustix::process::Pid::from_child(&serving.process);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(serving.process.wait().unwrap().success());
}
