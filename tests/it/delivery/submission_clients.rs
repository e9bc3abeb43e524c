//! Mail handed in by programs people use: Python's smtplib and swaks, on both entrances, with both mechanisms.

use std::process::{Command, Stdio};

use super::submission::{House, text};
use crate::support::app::MAILBOX;
use crate::support::database::on_sqlite;

/// Sends one new message and one that answers it, over STARTTLS or TLS.
const SMTPLIB: &str = r#"
import smtplib, ssl, sys
from email.message import EmailMessage
mode, port, cert, user, password = sys.argv[1:]
context = ssl.create_default_context(cafile=cert)
context.check_hostname = False
if mode == "tls":
    server = smtplib.SMTP_SSL("127.0.0.1", int(port), context=context, timeout=20)
else:
    server = smtplib.SMTP("127.0.0.1", int(port), timeout=20)
    server.starttls(context=context)
try:
    server.login(user, "wrong")
    sys.exit("a wrong password was taken")
except smtplib.SMTPAuthenticationError as error:
    assert error.smtp_code == 535, error
server.login(user, password)
message = EmailMessage()
message["From"] = "Jane Roe <shop@you.example>"
message["To"] = "Bob <bob@far.example>"
message["Bcc"] = "carol@near.example"
message["Subject"] = "Frage f\u00fcr Sie"
message["Message-ID"] = "<first@laptop.local>"
message["Date"] = "Wed, 15 Nov 2023 07:13:20 +0900"
message.set_content("Gr\u00fc\u00dfe\n.\nEnde\n")
message.add_attachment(b"\x00\x01\x02", maintype="application", subtype="octet-stream", filename="x.bin")
assert server.send_message(message) == {}
message = EmailMessage()
message["From"] = "shop@you.example"
message["To"] = "bob@far.example"
message["Subject"] = "Again"
message["Message-ID"] = "<second@laptop.local>"
message["In-Reply-To"] = "<first@laptop.local>"
message["References"] = "<first@laptop.local>"
message.set_content("And?\n")
assert server.send_message(message) == {}
server.quit()
"#;

/// Runs a program beside the instance; what it said when it failed.
async fn run(mut command: Command) {
    let done = tokio::task::spawn_blocking(move || command.stdin(Stdio::null()).output()).await.unwrap().unwrap();
    assert!(done.status.success(), "{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
}

/// Whether a program is here; where the tests are run as a whole it has to be.
#[expect(clippy::print_stdout, reason = "who runs the tests must see what was left out")]
fn is_here(program: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        println!("skipped: {program} is not installed; tests/run does it");
    }
    found
}

#[tokio::test]
async fn python_sends_over_both_entrances() {
    if !is_here("/usr/bin/python3") {
        return;
    }
    on_sqlite(async |database| {
        let house = House::build(&database).await;
        let alias = house.app.alias("shop").await;
        let cert = house.folder.path().join("cert.pem");
        for (mode, address) in [("starttls", house.app.running.submission[0]), ("tls", house.app.running.submissions[0])] {
            let before = house.sent().len();
            let mut command = Command::new("/usr/bin/python3");
            command.args(["-c", SMTPLIB, mode, &address.port().to_string()]).arg(&cert).args([MAILBOX, &house.secret]);
            run(command).await;
            let sent: Vec<_> = house.sent().drain(before..).collect();
            assert_eq!(sent.len(), 3, "{mode}");
            let first = text(&sent[0]);
            let ours = first.lines().find_map(|line| line.strip_prefix("Message-ID: ")).unwrap();
            assert!(first.contains("\r\nFrom: <shop@you.example>\r\nTo: Bob <bob@far.example>\r\n"), "{first}");
            assert!(first.contains("filename=\"x.bin\"") && first.contains("\r\nSubject: Frage =?utf-8?"), "{first}");
            let second = text(&sent[2]);
            assert!(second.contains(&format!("\r\nIn-Reply-To: {ours}\r\nReferences: {ours}\r\n")), "{second}");
            for message in &sent {
                let told = text(message);
                let told = &told[told.find("\r\nFrom:").unwrap()..];
                for secret in ["Jane", "laptop", "carol@", "+0900", "mailbox-provider", "127.0.0.1"] {
                    assert!(!told.contains(secret), "{secret} in {told}");
                }
            }
        }
        assert_eq!(house.app.activity(&alias).await.replied, 6);
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn swaks_sends_with_both_mechanisms() {
    // swaks speaks TLS with a library of its own choice.
    let has_tls = Command::new("perl").args(["-MNet::SSLeay", "-e", "1"]).stderr(Stdio::null()).status();
    if !is_here("swaks") || !has_tls.is_ok_and(|status| status.success()) {
        return;
    }
    on_sqlite(async |database| {
        let house = House::build(&database).await;
        house.app.alias("shop").await;
        for (count, mechanism) in ["PLAIN", "LOGIN"].iter().enumerate() {
            let port = house.app.running.submission[0].port().to_string();
            let mut command = Command::new("swaks");
            command.args(["--server", "127.0.0.1", "--port", &port, "--tls", "--auth", mechanism, "--auth-user", MAILBOX]);
            command.args(["--auth-password", &house.secret, "--from", MAILBOX, "--h-From", "shop@you.example"]);
            command.args(["--to", "bob@far.example", "--timeout", "20"]);
            run(command).await;
            let sent = house.sent();
            assert_eq!(sent.len(), count + 1, "{mechanism}");
            assert!(text(&sent[count]).contains("\r\nFrom: <shop@you.example>\r\nTo: <bob@far.example>\r\n"));
            assert!(!text(&sent[count]).contains("X-Mailer"));
        }
        house.app.finish().await;
    })
    .await;
}
