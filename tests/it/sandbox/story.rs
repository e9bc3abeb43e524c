//! The story from end to end: the real broker, real SMTP, a real inbox.

use std::time::Instant;

use postern::app::Environment;
use postern::sandbox::house::House;
use postern::sandbox::letters::{self, SENDERS};
use postern::sandbox::{Error, Options, sender, story};

const SCRIPT: Options = Options { smtp_port: None, http_port: None, open_browser: false, script: true, first_run: false };

#[tokio::test(flavor = "multi_thread")]
async fn the_script_plays_to_its_end() {
    let mut out = Vec::new();
    postern::sandbox::run(SCRIPT, &mut out).await.unwrap();
    let out = String::from_utf8(out).unwrap();
    let lines: Vec<_> = out.lines().collect();
    assert_eq!(lines.len(), 12, "{out}");
    for (number, line) in (1..=11).zip(&lines) {
        assert!(line.starts_with(&format!("ok {number} ")) && line.ends_with(" ms)"), "{line}");
    }
    assert!(lines[3].contains("Bookworm sees it come from bookworm"), "{out}");
    assert!(lines[4].contains("in the owner's name is refused: 550 5.7.1 "), "{out}");
    assert!(lines[5].contains("the owner is told of it once"), "{out}");
    assert!(lines[8].contains("bounces: 550 5.1.1 "), "{out}");
    assert!(lines[11].starts_with("all 11 steps held; the first mail was relayed "), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_that_is_taken_is_an_error_with_a_hint() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = postern::sandbox::run(Options { smtp_port: Some(port), ..SCRIPT }, Vec::new()).await.unwrap_err();
    assert!(error.to_string().contains(&format!("127.0.0.1:{port}")), "{error}");
    assert!(error.hint().contains("--smtp-port"), "{}", error.hint());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_does_not_hold_says_what_was_expected_and_seen() {
    let house = House::start(&Environment::system(), None, false).await.unwrap();
    // Made before the story makes its own: its sites then use these, and killing one leaves the story without its mail.
    house.scene().make_aliases().await.unwrap();
    house.scene().set_state(&SENDERS[0], postern::model::alias::AliasState::Killed).await.unwrap();
    let broken = story::play(house.scene(), Instant::now(), &mut |_| Ok(())).await.unwrap_err();
    let Error::Broken(broken) = broken else { panic!("{broken}") };
    assert_eq!(broken.number, 2);
    assert!(broken.expected.contains("Lumen Phones") && broken.seen.contains("550 5.1.1"), "{broken}");
    house.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_temporary_folder_goes_with_the_sandbox() {
    let house = House::start(&Environment::system(), None, false).await.unwrap();
    let folder = house.folder().to_owned();
    assert!(folder.join("postern.db").exists());
    house.stop().await.unwrap();
    assert!(!folder.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_and_unknown_addresses_are_answered_alike() {
    let house = House::start(&Environment::system(), None, false).await.unwrap();
    let scene = house.scene();
    scene.make_aliases().await.unwrap();
    scene.set_state(&SENDERS[0], postern::model::alias::AliasState::Killed).await.unwrap();
    let now = postern::model::Timestamp::from_micros(1_700_000_000_000_000);
    let reply =
        async |recipient: &str| sender::send(scene.gate(), &letters::write(&SENDERS[1], recipient, 0, now)).await.unwrap().reply;
    let killed = reply(&scene.alias(&SENDERS[0]).unwrap().to_string()).await;
    assert_eq!(killed, reply("never-was@you.example").await);
    assert!(killed.starts_with("550 5.1.1 "), "{killed}");
    house.stop().await.unwrap();
}
