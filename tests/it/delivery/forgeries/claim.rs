//! What a message says about itself is not proof: results, chains and traces that anybody can write.

use super::*;
use crate::support::database::each_driver;
use crate::support::signer::{How, Signer};

#[tokio::test]
async fn what_a_message_says_of_itself_is_not_believed() {
    each_driver(async |database| {
        let evil = Signer::ed25519("evil.example", "s1");
        let forger = Forger::build(&database, &format!("{ZONE}{}", evil.record())).await;
        let claim = |name, fields: &str| forger.with_fields(name, &format!("{fields}\r\nFrom: {MAILBOX}\r\n"));
        let passes = format!(
            "dkim=pass header.d=mailbox-provider.example header.s=s1; spf=pass smtp.mailfrom={MAILBOX}; \
             dmarc=pass (p=reject) header.from=mailbox-provider.example"
        );
        let chain = |cv: &str| {
            format!(
                "ARC-Seal: i=1; a=rsa-sha256; t=1800000000; cv={cv}; d=mailbox-provider.example; s=s1; b=AAAA\r\n\
                 ARC-Message-Signature: i=1; a=rsa-sha256; c=relaxed/relaxed; d=mailbox-provider.example; s=s1; h=from; bh=AAAA; \
                 b=AAAA\r\nARC-Authentication-Results: i=1; gate.you.example; {passes}"
            )
        };
        // What the instance itself once told the owner, with its signature.
        let copy = forger.app.sink.messages().remove(0).content;
        let theirs = letter(&forger.lg, &format!("From: {MAILBOX}\r\n"));
        let results = format!("Authentication-Results: gate.you.example; {passes}\r\n");
        let attacks = vec![
            claim("results in our name", results.trim_end()),
            claim("results in our name, in other case", &format!("AUTHENTICATION-RESULTS: Gate.You.Example 1; {passes}")),
            claim("results in the provider's name", &format!("Authentication-Results: mx.mailbox-provider.example; {passes}")),
            forger.attack("results in our name, signed by another domain", evil.sign(&format!("{results}{theirs}"), &How::default())),
            claim("a Received-SPF field", "Received-SPF: pass (gate.you.example) client-ip=127.0.0.1; envelope-from=<jane.roe@x>"),
            claim(
                "a Received field of the provider's",
                "Received: from jane (authenticated) by smtp.mailbox-provider.example with ESMTPSA; Fri, 15 Jan 2027 08:00:00 +0000",
            ),
            claim("a chain that begins well", &chain("none")),
            claim("a chain that goes on well", &chain("pass")),
            claim(
                "a signature in our name",
                "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=you.example; s=x; h=from; bh=AAAA; b=AAAA",
            ),
            claim("a trust mark of a mail filter", "X-Spam-Status: No\r\nX-Authenticated-Sender: jane\r\nX-Auth-User: jane"),
            claim("a key of the user's own", "Autocrypt: addr=jane.roe@mailbox-provider.example; keydata=AAAA"),
            forger.attack("a copy that was forwarded, handed back", &copy),
            forger.attack("a copy that was forwarded, by the owner's provider", copy).from(PROVIDER, "neighbour@mailbox-provider.example"),
        ];
        forger.refuses_all(attacks).await;
        forger.accepts(forger.own()).await;
        forger.finish().await;
    })
    .await;
}

#[tokio::test]
async fn nobody_says_for_another_host_where_it_comes_from() {
    each_driver(async |database| {
        let forger = Forger::build(&database, ZONE).await;
        let mut client = Client::connect_from(ELSEWHERE, forger.app.running.smtp[0]).await;
        client.expect("220 ").await;
        client.ask("EHLO mailbox-provider.example", "250").await;
        for line in [
            "XCLIENT ADDR=127.0.0.1 NAME=mailbox-provider.example",
            "XFORWARD ADDR=127.0.0.1",
            "PROXY TCP4 127.0.0.1 127.0.0.1 1 2",
        ] {
            client.ask(line, "500 5.5.").await;
        }
        client.ask(&format!("MAIL FROM:<{MAILBOX}> AUTH=<{MAILBOX}>"), "555 5.5.4 ").await;
        let message = letter(&forger.lg, &format!("From: {MAILBOX}\r\n"));
        let answer = client.deliver(MAILBOX, &forger.lg.to_string(), &format!("{message}.\r\n")).await;
        assert_eq!(answer.trim_end(), UNPROVEN);
        assert!(forger.sent().is_empty());
        forger.finish().await;
    })
    .await;
}
