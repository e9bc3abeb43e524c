//! GnuPG, with a home of its own: makes keys and decrypts what was encrypted to them.

use std::io::Write;
use std::process::{Command, Stdio};

/// Keys, gone with the value.
pub struct Gpg {
    home: tempfile::TempDir,
}

impl Gpg {
    /// `None` where GnuPG is not installed, unless `POSTERN_TEST_REQUIRE_GPG=1` says that it has to be.
    #[expect(
        clippy::print_stdout,
        clippy::disallowed_methods,
        reason = "who runs the tests says what is there, and must see what was left out"
    )]
    pub fn new() -> Option<Self> {
        let is_here = Command::new("gpg").arg("--version").stdout(Stdio::null()).status().is_ok_and(|status| status.success());
        if !is_here {
            let required = std::env::var("POSTERN_TEST_REQUIRE_GPG").is_ok_and(|value| value == "1");
            assert!(!required, "GnuPG is not installed; tests/run does it");
            println!("skipped: GnuPG is not installed");
            return None;
        }
        Some(Self { home: tempfile::Builder::new().prefix("gpg").tempdir().unwrap() })
    }

    /// Standard output of a run, at a time near the tests' own.
    fn run(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let mut child = Command::new("gpg")
            .arg("--homedir")
            .arg(self.home.path())
            .args(["--batch", "--yes", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""])
            .args(["--faked-system-time", "20270110T000000"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let writer = std::thread::spawn(move || stdin.write_all(&input));
        let done = child.wait_with_output().unwrap();
        writer.join().unwrap().unwrap();
        assert!(done.status.success(), "gpg {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        done.stdout
    }

    /// A new key made on 10 January 2027, public half in armor. `lasts` as GnuPG takes it: `never`, `30d`.
    pub fn key(&self, user_id: &str, lasts: &str) -> Vec<u8> {
        self.run(&["--quick-gen-key", user_id, "future-default", "default", lasts], b"");
        self.run(&["--armor", "--export", user_id], b"")
    }

    /// What was encrypted in the body of a message: everything GnuPG finds in its armor.
    pub fn decrypt(&self, message: &[u8]) -> Vec<u8> {
        let start = b"-----BEGIN PGP MESSAGE-----";
        let at = message.windows(start.len()).position(|window| window == start).expect("an encrypted message");
        self.run(&["--decrypt"], &message[at..])
    }
}

impl Drop for Gpg {
    fn drop(&mut self) {
        let ended = Command::new("gpgconf").arg("--homedir").arg(self.home.path()).args(["--kill", "all"]).status();
        drop(ended);
    }
}
