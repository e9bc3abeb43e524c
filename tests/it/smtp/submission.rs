//! AUTH (RFC 4954) at the entrances for users (RFC 6409, RFC 8314): offered under TLS only, in the order of the standard.

use data_encoding::BASE64;
use postern::model::app_password::Login;
use postern::model::id::{AppPasswordId, UserId};
use postern::smtp::Entrance;

use super::TestDoor;
use crate::support::client::Client;

const TLS: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];
const NAME: &str = "ann@inbox.example";

struct House {
    door: TestDoor,
    roots: rustls::RootCertStore,
    _folder: tempfile::TempDir,
}

impl House {
    async fn open(entrance: Entrance) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (door, roots) = TestDoor::for_users(entrance, folder.path()).await;
        Self { door, roots, _folder: folder }
    }

    /// Over TLS, greeted.
    async fn client(&self) -> Client {
        let mut client = Client::greeted(self.door.address).await;
        client.ask("STARTTLS", "220").await;
        assert!(client.handshake(self.roots.clone(), TLS).await);
        client.ask("EHLO phone.example", "250").await;
        client
    }

    /// What user names and passwords the gate was asked about.
    fn asked(&self) -> Vec<String> {
        self.door.gate.asked.lock().clone()
    }
}

fn plain(name: &str, password: &str) -> String {
    BASE64.encode(format!("\0{name}\0{password}").as_bytes())
}

fn base64(text: &str) -> String {
    BASE64.encode(text.as_bytes())
}

#[tokio::test]
async fn auth_is_offered_under_tls_only_and_mail_needs_it() {
    let house = House::open(Entrance::Submission).await;
    let mut client = Client::connect(house.door.address).await;
    client.expect("220 mx.example ESMTP Postern").await;
    let ehlo = client.ask("EHLO phone.example", "250").await;
    assert!(ehlo.contains("STARTTLS") && !ehlo.contains("AUTH"), "{ehlo}");
    client.ask("MAIL FROM:<ann@inbox.example>", "530 5.7.0 Must issue a STARTTLS").await;
    client.ask(&format!("AUTH PLAIN {}", plain(NAME, "sesame")), "538 5.7.11").await;
    client.ask("AUTH LOGIN", "538 5.7.11").await;
    client.ask("STARTTLS", "220").await;
    assert!(client.handshake(house.roots.clone(), TLS).await);
    client.ask(&format!("AUTH PLAIN {}", plain(NAME, "sesame")), "503 5.5.1 Say EHLO first").await;
    let ehlo = client.ask("EHLO phone.example", "250").await;
    assert!(!ehlo.contains("STARTTLS") && ehlo.contains("250 AUTH PLAIN LOGIN\r\n"), "{ehlo}");
    client.ask("MAIL FROM:<ann@inbox.example>", "530 5.7.0 Authentication required").await;
    client.ask("RCPT TO:<bob@far.example>", "503").await;
    client.ask("DATA", "503").await;
    assert!(house.asked().is_empty());
    client.ask(&format!("AUTH PLAIN {}", plain(NAME, "sesame")), "235 2.7.0").await;
    client.ask("AUTH PLAIN", "503 5.5.1").await;
    client.ask("MAIL FROM:<anything@at.all> AUTH=<> SIZE=10", "250").await;
    client.ask("AUTH LOGIN", "503 5.5.1").await;
    client.ask("RSET", "250").await;
    assert!(client.deliver("a@x.example", "b@far.example", "Hi\r\n.\r\n").await.starts_with("250"));
    let login = Login { user_id: UserId(1), app_password: AppPasswordId(2) };
    assert_eq!(house.door.the_message().peer.login, Some(login));
}

#[tokio::test]
async fn tls_may_come_before_everything() {
    let house = House::open(Entrance::Submissions).await;
    let mut client = Client::connect(house.door.address).await;
    assert!(client.handshake(house.roots.clone(), TLS).await);
    client.expect("220 mx.example ESMTP Postern").await;
    let ehlo = client.ask("EHLO phone.example", "250").await;
    assert!(!ehlo.contains("STARTTLS") && ehlo.contains("250 AUTH PLAIN LOGIN\r\n"), "{ehlo}");
    client.ask("STARTTLS", "503 5.5.1").await;
    client.ask("MAIL FROM:<a@x.example>", "530 5.7.0").await;
    client.ask(&format!("auth plain {}", plain(NAME, "sesame")), "235 2.7.0").await;
    assert!(client.deliver("", "b@far.example", "Hi\r\n.\r\n").await.starts_with("250"));
    client.ask("QUIT", "221").await;
    client.expect_end().await;
    // Somebody who does not speak TLS there gets no word, and no place to stay.
    let mut client = Client::connect(house.door.address).await;
    client.send("EHLO phone.example\r\nEHLO phone.example\r\n").await;
    assert!(!client.read_reply().await.is_ok_and(|answer| answer.starts_with("220")));
    house.door.all_sessions_end().await;
}

#[tokio::test]
async fn both_mechanisms_are_spoken_as_clients_speak_them() {
    let house = House::open(Entrance::Submission).await;
    let mut client = house.client().await;
    assert_eq!(client.ask("AUTH PLAIN", "334 ").await, "334 \r\n");
    client.ask(&plain(NAME, "sesame"), "235 2.7.0 Authentication succeeded").await;
    let mut client = house.client().await;
    assert_eq!(client.ask("AUTH LOGIN", "334 ").await, "334 VXNlcm5hbWU6\r\n");
    assert_eq!(client.ask(&base64(NAME), "334 ").await, "334 UGFzc3dvcmQ6\r\n");
    client.ask(&base64("sesame"), "235 2.7.0").await;
    let mut client = house.client().await;
    client.ask(&format!("AUTH LOGIN {}", base64(NAME)), "334 UGFzc3dvcmQ6").await;
    client.ask(&base64("sesame"), "235 2.7.0").await;
    // The role of oneself is no other role.
    let mut client = house.client().await;
    client.ask(&format!("AUTH PLAIN {}", base64(&format!("{NAME}\0{NAME}\0sesame"))), "235 2.7.0").await;
    assert_eq!(house.asked(), vec![format!("{NAME}:sesame"); 4]);
}

#[tokio::test]
async fn an_exchange_that_goes_wrong_ends_and_the_session_goes_on() {
    let house = House::open(Entrance::Submission).await;
    let mut client = house.client().await;
    for (line, reply) in [
        ("AUTH", "501 5.5.4"),
        ("AUTH CRAM-MD5", "504 5.5.4"),
        ("AUTH GSSAPI x", "504 5.5.4"),
        ("AUTH PLAIN !!!!", "501 5.5.2"),
        ("AUTH PLAIN =", "501 5.5.2"),
        ("AUTH PLAIN AGFubg", "501 5.5.2"),
        ("AUTH PLAIN AA== AA==", "501 5.5.2"),
    ] {
        client.ask(line, reply).await;
    }
    // The tenth error of a session would be answered slowly.
    let mut client = house.client().await;
    let other_role = base64("root\0ann@inbox.example\0sesame");
    client.ask(&format!("AUTH PLAIN {other_role}"), "501 5.5.2").await;
    client.ask("AUTH PLAIN", "334").await;
    client.ask("*", "501 5.7.0").await;
    client.ask("AUTH LOGIN", "334").await;
    client.ask("*", "501 5.7.0").await;
    client.ask("AUTH LOGIN", "334").await;
    client.ask(&base64(NAME), "334").await;
    client.ask("sesame?", "501 5.5.2").await;
    let mut client = house.client().await;
    client.ask("AUTH PLAIN", "334").await;
    client.send("A".repeat(100_000) + "\r\n").await;
    client.expect("500 5.5.6").await;
    client.ask("AUTH PLAIN", "334").await;
    client.send(b"\xff\xfe\r\n").await;
    client.expect("501 5.5.2").await;
    client.ask("AUTH PLAIN", "334").await;
    client.ask(&BASE64.encode(b"\0\xff\0\xff"), "501 5.5.2").await;
    // What looks like a command is an answer while one is asked for.
    client.ask("AUTH LOGIN", "334").await;
    client.ask("QUIT", "334").await;
    client.ask("*", "501 5.7.0").await;
    assert!(house.asked().is_empty());
    client.ask(&format!("AUTH PLAIN {}", plain(NAME, "sesame")), "235").await;
}

#[tokio::test]
async fn auth_may_be_longer_than_any_other_command() {
    let house = House::open(Entrance::Submission).await;
    // `AUTH PLAIN ` and CRLF are 13 octets; base64 makes four of three.
    let longest = |octets: usize| BASE64.encode(format!("\0{NAME}\0{}", "x".repeat(octets / 4 * 3 - NAME.len() - 2)).as_bytes());
    let mut client = house.client().await;
    client.ask(&format!("AUTH PLAIN {}", longest(12_288 - 13)), "535").await;
    client.ask("AUTH PLAIN", "334").await;
    client.ask(&longest(12_288 - 2), "535").await;
    client.ask(&format!("AUTH PLAIN {}", "A".repeat(12_288)), "500 5.5.2").await;
    client.ask("AUTH PLAIN", "334").await;
    client.ask(&"A".repeat(12_288), "500 5.5.6").await;
    // Where nobody can log in, or somebody has, the usual length holds.
    client.ask(&format!("AUTH PLAIN {}", plain(NAME, "sesame")), "235").await;
    client.ask(&format!("NOOP {}", "x".repeat(2048)), "500 5.5.2").await;
    let mut client = Client::greeted(house.door.address).await;
    client.ask(&format!("AUTH PLAIN {}", longest(12_000)), "500 5.5.2").await;
}

#[tokio::test]
async fn the_third_failed_login_ends_the_connection() {
    let house = House::open(Entrance::Submission).await;
    let mut client = house.client().await;
    client.ask(&format!("AUTH PLAIN {}", plain(NAME, "wrong")), "535 5.7.8").await;
    client.ask("AUTH LOGIN", "334").await;
    client.ask(&base64("busy@inbox.example"), "334").await;
    client.ask(&base64("x"), "454 4.7.0").await;
    client.ask("MAIL FROM:<a@x.example>", "530").await;
    // A fault of ours is none of the client's.
    client.ask(&format!("AUTH PLAIN {}", plain("nobody@inbox.example", "sesame")), "535 5.7.8").await;
    client.ask(&format!("AUTH PLAIN {}", plain(NAME, "wrong")), "535 5.7.8").await;
    client.expect("421 4.7.0").await;
    client.expect_end().await;
}

#[tokio::test]
async fn what_was_sent_ahead_of_starttls_or_auth_does_not_count() {
    let house = House::open(Entrance::Submission).await;
    let mut client = Client::greeted(house.door.address).await;
    client.send(format!("STARTTLS\r\nAUTH PLAIN {}\r\n", plain(NAME, "sesame"))).await;
    client.expect("554 5.5.0").await;
    client.expect_end().await;
    let mut client = house.client().await;
    client.send(format!("AUTH PLAIN {}\r\nMAIL FROM:<a@x.example>\r\n", plain(NAME, "wrong"))).await;
    client.expect("554 5.5.0").await;
    client.expect_end().await;
    assert!(house.asked().is_empty());
}

#[tokio::test]
async fn other_servers_are_never_offered_a_login() {
    let folder = tempfile::tempdir().unwrap();
    let (door, roots) = TestDoor::for_users(Entrance::Exchange, folder.path()).await;
    let mut client = Client::greeted(door.address).await;
    client.ask(&format!("AUTH PLAIN {}", plain(NAME, "sesame")), "502 5.5.1").await;
    client.ask("STARTTLS", "220").await;
    assert!(client.handshake(roots, TLS).await);
    assert!(!client.ask("EHLO mx.far.example", "250").await.contains("AUTH"));
    client.ask(&format!("AUTH PLAIN {}", plain(NAME, "sesame")), "502 5.5.1").await;
    client.ask("AUTH LOGIN", "502 5.5.1").await;
    client.ask("MAIL FROM:<a@x.example> AUTH=<>", "555 5.5.4").await;
    assert!(door.gate.asked.lock().is_empty());
}

#[tokio::test]
async fn without_a_certificate_nobody_can_log_in() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let door = TestDoor::on_as(Entrance::Submission, listener, |_| {});
    let mut client = Client::greeted(door.address).await;
    client.ask(&format!("AUTH PLAIN {}", plain(NAME, "sesame")), "538 5.7.11").await;
    client.ask("MAIL FROM:<a@x.example>", "530 5.7.0").await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let door = TestDoor::on_as(Entrance::Submissions, listener, |_| {});
    Client::connect(door.address).await.expect_end().await;
}
