//! A guessed reverse address is an unknown one, whoever asks; of a real one, neither alias nor owner can be swapped.

use super::*;
use crate::support::app::DOMAIN;
use crate::support::database::each_driver;

#[tokio::test]
async fn a_guess_at_a_reverse_address_learns_nothing() {
    each_driver(async |database| {
        let forger = Forger::with(&database, ZONE, |config| config.instance.domains.push("me.example".into())).await;
        let (local, lg) = (forger.lg.local().to_owned(), forger.lg.to_string());
        let last = if local.ends_with('a') { 'b' } else { 'a' };
        let near = format!("{}{last}@{DOMAIN}", &local[..local.len() - 1]);
        let to = |name, recipient: &str| {
            let message = letter(&address(recipient), &format!("From: {MAILBOX}\r\n"));
            forger.attack(name, message).from(PROVIDER, MAILBOX).to(&address(recipient)).answered(UNKNOWN).uncounted()
        };
        let attacks = vec![
            to("a token that nobody has", "reply+aaaaaaaaaaaaaaaaaaaa@you.example"),
            to("a token that is one letter off", &near),
            to("a token that is too short", &format!("{}@{DOMAIN}", &local[..local.len() - 1])),
            to("a token with a tag", &format!("{local}+x@{DOMAIN}")),
            to("a token without its prefix", &format!("{}@{DOMAIN}", local.strip_prefix("reply+").unwrap())),
            to("a token on another domain of ours", &format!("{local}@me.example")),
            to("the reverse address as a local part", &format!("\"{lg}\"@{DOMAIN}")),
        ];
        forger.refuses_all(attacks).await;
        forger.accepts(forger.own()).await;
        forger.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_owner_speaks_for_no_other_owner_s_alias() {
    each_driver(async |database| {
        let forger = Forger::build(&database, ZONE).await;
        let (other, mailbox) = user(forger.app.storage(), &*forger.app.clock, "other@mailbox-provider.example").await;
        let theirs = forger.app.alias_to("theirs", vec![mailbox], |alias| alias.user_id = other).await;
        let message = format!("From: news@lg.example\r\nTo: {}\r\nSubject: Sale\r\n\r\nHello\r\n", theirs.address);
        assert!(forger.app.send("news@lg.example", &theirs, &message).await.starts_with("250 "));
        let of_theirs = reverse_address(&forger.app);
        let before = forger.sent().len();

        let own = letter(&of_theirs, &format!("From: {MAILBOX}\r\n"));
        let attack = forger.attack("another owner's correspondent", &own).from(PROVIDER, MAILBOX).to(&of_theirs).uncounted();
        forger.refuses_all(vec![attack]).await;
        assert_eq!(forger.app.activity(&theirs).await.unproven, 1, "it is the other owner who sees it");

        let both = [&forger.lg, &of_theirs];
        assert_eq!(
            forger.app.send_to(MAILBOX, &both, &own).await,
            "550 5.7.1 A reply goes to correspondents of one address only"
        );
        let cc = letter(&forger.lg, &format!("From: {MAILBOX}\r\nCc: {of_theirs}\r\n"));
        assert_eq!(
            forger.app.send_to(MAILBOX, &[&forger.lg], &cc).await,
            "550 5.7.1 To and Cc of a reply may name reverse addresses of one alias only; send to others separately"
        );
        assert_eq!(forger.sent().len(), before);
        forger.accepts(forger.own()).await;
        forger.finish().await;
    })
    .await;
}
