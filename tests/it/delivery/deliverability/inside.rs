//! What messages carry inside: S/MIME made and checked by `openssl`, OpenPGP by `gpg`, DKIM of what was forwarded.

use std::path::Path;
use std::process::{Command, Stdio};

use super::row::{Row, Senders, head};

/// What is signed and encrypted: a space at a line's end, a dash, a word of two bytes.
const PART: &str = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\
                    I agree to pay 100 euros. \r\n\r\n- Grüße\r\n-- \r\nAnn\r\n";

/// Something that can be checked before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inside {
    Nothing,
    /// An S/MIME signature.
    Smime,
    /// Encrypted with S/MIME.
    SmimeSecret,
    /// A detached OpenPGP signature.
    Pgp,
    /// Encrypted (and signed) with OpenPGP.
    PgpSecret,
    /// Text between the lines of a cleartext signature.
    PgpText,
    /// A message with a DKIM signature of its own, checked with all others.
    Message(Vec<u8>),
}

impl Inside {
    pub const fn words(&self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Smime => "S/MIME signature verifies (openssl)",
            Self::SmimeSecret => "decrypts to the same (openssl)",
            Self::Pgp | Self::PgpText => "OpenPGP signature verifies (gpg)",
            Self::PgpSecret => "decrypts to the same (gpg)",
            Self::Message(_) => "its own DKIM signature verifies (python3-dkim)",
        }
    }
}

/// Ann's keys, in a folder of their own.
pub struct Tools {
    folder: tempfile::TempDir,
}

impl Drop for Tools {
    fn drop(&mut self) {
        // gpg started an agent for this folder.
        self.run("gpgconf", &["--kill", "all"]);
    }
}

impl Tools {
    pub fn new() -> Self {
        // A short path: the agent's socket lies in it.
        let tools = Self { folder: tempfile::Builder::new().prefix("pgp").tempdir().unwrap() };
        tools.must(
            "openssl",
            "req -x509 -newkey rsa:2048 -nodes -keyout key -out cert -subj /CN=Ann/emailAddress=ann@x.org -days 9999",
        );
        tools.must("gpg", "--batch --quiet --passphrase= --quick-generate-key ann@x.org future-default default never");
        tools
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn run(&self, program: &str, args: &[&str]) -> bool {
        let mut command = Command::new(program);
        command.args(args).current_dir(self.path()).env("GNUPGHOME", self.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
    }

    fn must(&self, program: &str, args: &str) {
        assert!(self.run(program, &args.split(' ').collect::<Vec<_>>()), "{program} {args}");
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path().join(name), bytes).unwrap();
    }

    /// The output of a command on `PART`, with line ends of mail.
    fn make(&self, program: &str, args: &str) -> String {
        self.write("in", PART);
        self.must(program, args);
        let text = String::from_utf8(std::fs::read(self.path().join("out")).unwrap()).unwrap();
        std::fs::remove_file(self.path().join("out")).unwrap();
        text.replace("\r\n", "\n").replace('\n', "\r\n")
    }

    /// Whether what a message carries still holds.
    pub fn holds(&self, inside: &Inside, message: &[u8]) -> bool {
        self.write("message", message);
        self.write("out", "");
        let run = |program: &str, args: &str| self.run(program, &args.split(' ').collect::<Vec<_>>());
        let is_same = || std::fs::read(self.path().join("out")).unwrap() == PART.as_bytes();
        match inside {
            Inside::Nothing | Inside::Message(_) => true,
            Inside::Smime => run("openssl", "cms -verify -in message -CAfile cert -out out") && is_same(),
            Inside::SmimeSecret => run("openssl", "cms -decrypt -in message -recip cert -inkey key -out out") && is_same(),
            Inside::Pgp => {
                let parts = parts(message);
                self.write("part", &parts[0]);
                self.write("signature", body(&parts[1]));
                run("gpg", "--batch --verify signature part")
            }
            Inside::PgpSecret => {
                self.write("secret", body(&parts(message)[1]));
                run("gpg", "--batch --yes --output out --decrypt secret") && is_same()
            }
            Inside::PgpText => {
                self.write("text", body(message));
                run("gpg", "--batch --verify text")
            }
        }
    }
}

/// What follows the empty line.
pub fn body(message: &[u8]) -> &[u8] {
    let end = message.windows(4).position(|window| window == b"\r\n\r\n");
    end.map_or(&[], |end| &message[end + 4..])
}

/// The parts between boundaries, each without the line end that belongs to the boundary (RFC 2046 §5.1.1).
fn parts(message: &[u8]) -> Vec<Vec<u8>> {
    let text = String::from_utf8(message.to_vec()).unwrap();
    let pieces: Vec<&str> = text.split("\r\n--pgp").collect();
    pieces[1..].iter().map(|piece| piece.split_once("\r\n").map_or("", |(_, part)| part).into()).collect()
}

/// One byte of what is signed or encrypted becomes another.
pub fn tampered(message: &[u8]) -> Vec<u8> {
    let mut message = message.to_vec();
    let start = message.len() - body(&message).len();
    let word = message.windows(9).position(|window| window == b"100 euros");
    let at = word.unwrap_or_else(|| {
        let middle = start + (message.len() - start) / 2;
        middle + message[middle..].iter().position(u8::is_ascii_alphanumeric).unwrap()
    });
    message[at] = if message[at] == b'9' { b'8' } else { b'9' };
    message
}

pub fn rows(senders: &Senders, tools: &Tools) -> Vec<Row> {
    let row = |name, content: &str, inside| {
        Row::new(name, "x.org", head("Ann <ann@x.org>", "An order") + content).signed_by(senders, "x.org").inside(inside)
    };
    let sign = "cms -sign -in in -signer cert -inkey key -out out";
    let signed = tools.make("openssl", sign);
    let opaque = tools.make("openssl", &format!("{sign} -nodetach"));
    let secret = tools.make("openssl", "cms -encrypt -aes256 -in in -out out cert");
    let mut rows = vec![
        row("S/MIME, signed beside the text (multipart/signed)", &signed, Inside::Smime),
        row("S/MIME, signed around the text (application/pkcs7-mime)", &opaque, Inside::Smime),
        row("S/MIME, encrypted", &secret, Inside::SmimeSecret),
    ];
    let signature = tools.make("gpg", "--batch --armor --digest-algo SHA512 --output out --detach-sign in");
    let encrypt = "--batch --armor --trust-model always --recipient ann@x.org --output out";
    let pgp_signed = format!(
        "MIME-Version: 1.0\r\nContent-Type: multipart/signed; micalg=pgp-sha512; protocol=\"application/pgp-signature\"; boundary=pgp\r\n\r\n\
         --pgp\r\n{PART}\r\n--pgp\r\nContent-Type: application/pgp-signature; name=signature.asc\r\n\r\n{signature}\r\n--pgp--\r\n"
    );
    let encrypted = |secret: &str| {
        format!(
            "MIME-Version: 1.0\r\nContent-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=pgp\r\n\r\n\
             --pgp\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n\r\n--pgp\r\n\
             Content-Type: application/octet-stream\r\n\r\n{secret}\r\n--pgp--\r\n"
        )
    };
    let secret = encrypted(&tools.make("gpg", &format!("{encrypt} --encrypt in")));
    let both = encrypted(&tools.make("gpg", &format!("{encrypt} --sign --encrypt in")));
    let text = format!("\r\n{}", tools.make("gpg", "--batch --output out --clearsign in"));
    rows.extend([
        row("PGP/MIME, signed", &pgp_signed, Inside::Pgp),
        row("PGP/MIME, encrypted", &secret, Inside::PgpSecret),
        row("PGP/MIME, signed and encrypted", &both, Inside::PgpSecret),
        row("a cleartext OpenPGP signature in the text", &text, Inside::PgpText),
    ]);
    rows
}
