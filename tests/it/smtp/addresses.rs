//! MAIL and RCPT as strangers write them (RFC 5321 §4.1.1.2, §4.1.1.3, RFC 6531).

use super::TestDoor;
use crate::support::client::Client;

#[tokio::test]
async fn recipients_reach_the_gate_in_one_form_or_not_at_all() {
    let door = TestDoor::with(|settings| {
        settings.max_errors = 1000;
        settings.trusted_networks = vec!["127.0.0.1".parse().unwrap()];
    })
    .await;
    let mut client = Client::greeted(door.address).await;
    for (path, reply, seen) in [
        ("<\"a b\"@d.example>", "250", Some("\"a b\"@d.example")),
        (r#"<"a\"b"@d.example>"#, "250", Some(r#""a\"b"@d.example"#)),
        ("<\"a@b\"@d.example>", "250", Some("\"a@b\"@d.example")),
        ("<\"\"@d.example>", "501 5.1.3", None),
        ("<\"alias\"@D.example>", "250", Some("alias@d.example")),
        (" <alias@d.example>", "250", Some("alias@d.example")),
        ("<@x.example,@y.example:alias@d.example>", "250", Some("alias@d.example")),
        ("<user%victim.example@d.example>", "250", Some("user%victim.example@d.example")),
        ("<victim.example!user@d.example>", "250", Some("victim.example!user@d.example")),
        ("<user@victim@d.example>", "501 5.1.3", None),
        ("<alias+tag@d.example>", "250", Some("alias+tag@d.example")),
        ("<.alias@d.example>", "501 5.1.3", None),
        ("<a..b@d.example>", "501 5.1.3", None),
        ("<alias@d.example.>", "501 5.1.3", None),
        ("<alias@[127.0.0.1]>", "501 5.1.3", None),
        ("<alias@[IPv6:::1]>", "501 5.1.3", None),
        ("<alias@münchen.example>", "553 5.6.7", None),
        ("<älias@d.example>", "553 5.6.7", None),
        ("<PostMaster>", "250", Some("postmaster")),
        ("<PostMaster@D.example>", "250", Some("PostMaster@d.example")),
        ("<>", "501", None),
        ("alias@d.example", "501 5.5.4", None),
        ("<alias@d.example", "501 5.5.4", None),
        ("<alias@d.example> NOTIFY=NEVER", "555 5.5.4", None),
    ] {
        client.ask("RSET", "250").await;
        client.ask("MAIL FROM:<>", "250").await;
        client.ask(&format!("RCPT TO:{path}"), reply).await;
        let asked = std::mem::take(&mut *door.gate.asked.lock());
        assert_eq!(asked.first().map(String::as_str), seen, "{path}");
    }
}

#[tokio::test]
async fn overlong_parts_are_refused_without_harm() {
    let door = TestDoor::open().await;
    let mut client = Client::greeted(door.address).await;
    client.ask("MAIL FROM:<a@x.example>", "250").await;
    client.ask(&format!("RCPT TO:<{}@d.example>", "a".repeat(65)), "501 5.1.3").await;
    client.ask(&format!("RCPT TO:<{}@d.example>", "a".repeat(64)), "250").await;
    client.ask(&format!("RCPT TO:<a@{}example>", "d.".repeat(124)), "501 5.1.3").await;
    client.ask(&format!("RCPT TO:<{}>", "a".repeat(1900)), "501 5.1.3").await;
    client.ask(&format!("RCPT TO:<{}>", "a".repeat(3000)), "500 5.5.2").await;
    client.ask("RCPT TO:<b@d.example>", "250").await;
}

#[tokio::test]
async fn senders_and_parameters() {
    let door = TestDoor::with(|settings| {
        settings.max_errors = 1000;
        settings.trusted_networks = vec!["127.0.0.1".parse().unwrap()];
    })
    .await;
    let mut client = Client::greeted(door.address).await;
    for (arguments, reply) in [
        ("<>", "250 2.1.0"),
        ("<a@b.example> SIZE=36700160", "250"),
        ("<a@b.example> SIZE=36700161", "552 5.3.4"),
        ("<a@b.example> SIZE=99999999999999999999", "552 5.3.4"),
        ("<a@b.example> SIZE=-1", "501 5.5.4"),
        ("<a@b.example> SIZE=", "501 5.5.4"),
        ("<a@b.example> SIZE=1 SIZE=1", "501 5.5.4"),
        ("<a@b.example> BODY=X", "501 5.5.4"),
        ("<a@b.example> BODY=8BITMIME SMTPUTF8", "250"),
        ("<a@b.example> BODY=BINARYMIME", "555 5.5.4"),
        ("<a@b.example> RET=HDRS ENVID=x", "555 5.5.4"),
        ("<a@b.example> AUTH=<>", "555 5.5.4"),
        ("<a@b.example> =", "501 5.5.4"),
        ("<ä@b.example>", "553 5.6.7"),
        ("<ä@b.example> SMTPUTF8", "250"),
        ("<a@b.example>SIZE=1", "501 5.5.4"),
        ("a@b.example", "501 5.5.4"),
        ("<a@b@c.example>", "501 5.1.7"),
        ("<@x.example:a@b.example>", "250"),
    ] {
        client.ask("RSET", "250").await;
        client.ask(&format!("MAIL FROM:{arguments}"), reply).await;
    }
    client.ask("mail from:<a@b.example>", "503").await;
}

#[tokio::test]
async fn international_recipients_pass_with_smtputf8() {
    let door = TestDoor::open().await;
    let mut client = Client::greeted(door.address).await;
    client.ask("MAIL FROM:<ä@b.example> SMTPUTF8", "250").await;
    client.ask("RCPT TO:<älias@münchen.example>", "250").await;
    client.ask("DATA", "354").await;
    client.send(".\r\n").await;
    client.expect("250").await;
    let message = door.the_message();
    assert_eq!(message.recipients, ["älias@xn--mnchen-3ya.example"]);
    assert!(message.mail.smtputf8);
}
