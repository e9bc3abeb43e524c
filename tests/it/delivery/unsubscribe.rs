//! How the owner leaves a list from the mail client: the sender's own way, through us, or ours.

use postern::model::alias::Alias;

use crate::support::app::{MAILBOX, TestApp};
use crate::support::database::{Database, address, each_driver};
use crate::support::signer::{How, Signer};

const URL: &str = "https://postern.you.example";
const ZONE: &str = "$TTL 60\nmailbox-provider.example. IN TXT \"v=spf1 ip4:127.0.0.1 -all\"\n";

struct House {
    app: TestApp,
    alias: Alias,
    lg: Signer,
    _zone: tempfile::TempDir,
}

impl House {
    async fn build(database: &Database, url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("zone");
        let lg = Signer::ed25519("lg.example", "s1");
        std::fs::write(&file, format!("{ZONE}{}", lg.record())).unwrap();
        let app = TestApp::with(database, |config| {
            config.instance.public_url = url.into();
            config.dns.zone_file = Some(file.clone());
            config.smtp.trusted_networks = Vec::new();
        })
        .await;
        let alias = app.alias("shop").await;
        Self { app, alias, lg, _zone: folder }
    }

    /// The header block of the forwarded copy, unfolded.
    async fn forwarded(&self, sender: &str, alias: &Alias, fields: &str) -> String {
        self.passed_on(sender, alias, &letter(fields)).await
    }

    /// The same of a message under a signature that covers these names.
    async fn signed(&self, fields: &str, names: &[&'static str]) -> String {
        let how = How { names: [&["from", "subject"], names].concat(), ..How::default() };
        self.passed_on("news@lg.example", &self.alias, &self.lg.sign(&letter(fields), &how)).await
    }

    async fn passed_on(&self, sender: &str, alias: &Alias, message: &str) -> String {
        let before = self.app.sink.messages().len();
        assert!(self.app.send(sender, alias, message).await.starts_with("250 "));
        let message = self.app.sink.wait_for(before + 1).await.pop().unwrap();
        let text = String::from_utf8(message.content).unwrap();
        text.split_once("\r\n\r\n").unwrap().0.replace("\r\n ", " ").replace("\r\n\t", " ")
    }

    async fn of_list(&self, fields: &str) -> String {
        self.forwarded("news@lg.example", &self.alias, fields).await
    }
}

fn letter(fields: &str) -> String {
    format!("From: LG <news@lg.example>\r\n{fields}Subject: Sale\r\n\r\nHello\r\n")
}

fn values<'a>(header: &'a str, name: &str) -> Vec<&'a str> {
    let lines = header.split("\r\n").filter_map(|line| line.split_once(": "));
    lines.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
}

#[tokio::test]
async fn a_sender_without_a_way_out_gets_ours_and_our_signature_covers_it() {
    each_driver(async |database| {
        let house = House::build(&database, URL).await;
        let header = house.of_list("").await;
        let [link] = values(&header, "List-Unsubscribe")[..] else { panic!("{header}") };
        assert!(link.starts_with("<https://postern.you.example/u/") && link.ends_with('>'), "{link}");
        assert_eq!(values(&header, "List-Unsubscribe-Post"), ["List-Unsubscribe=One-Click"]);
        assert_eq!(values(&header, "X-Postern-Manage"), [link]);
        assert!(!header.to_lowercase().contains("jane.roe"), "{header}");
        let signature = values(&header, "DKIM-Signature")[0].replace(' ', "");
        let signed: Vec<_> = signature.split("h=").nth(1).unwrap().split(';').next().unwrap().split(':').collect();
        for name in ["List-Unsubscribe", "List-Unsubscribe-Post"] {
            // Once for the field, once more so that none can be added.
            assert_eq!(signed.iter().filter(|field| **field == name).count(), 2, "{name} in {signature}");
        }
        // The same all day: it does not tell one message from another.
        assert_eq!(values(&house.of_list("").await, "List-Unsubscribe"), [link]);
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn the_sender_s_own_web_address_stays_byte_for_byte() {
    each_driver(async |database| {
        let house = House::build(&database, URL).await;
        let post = "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n";
        let theirs = format!("List-Unsubscribe: <https://lg.example/u?a=1>\r\n{post}");
        let header = house.signed(&theirs, &["list-unsubscribe", "list-unsubscribe-post"]).await;
        assert_eq!(values(&header, "List-Unsubscribe"), ["<https://lg.example/u?a=1>"]);
        assert_eq!(values(&header, "List-Unsubscribe-Post"), ["List-Unsubscribe=One-Click"]);
        assert!(values(&header, "X-Postern-Manage")[0].starts_with("<https://postern.you.example/u/"));

        // Without a signature that covers both, ours would be the only one to vouch for a stranger's button.
        for header in [house.of_list(&theirs).await, house.signed(&theirs, &["list-unsubscribe"]).await] {
            assert_eq!(values(&header, "List-Unsubscribe"), ["<https://lg.example/u?a=1>"]);
            assert_eq!(values(&header, "List-Unsubscribe-Post"), Vec::<&str>::new());
        }

        let header = house.of_list("List-Unsubscribe: <https://lg.example/u?a=1>\r\n").await;
        assert_eq!(values(&header, "List-Unsubscribe-Post"), Vec::<&str>::new());

        // What leads nowhere is replaced by ours, and there is one field whatever came.
        for junk in ["List-Unsubscribe: leave\r\n", "List-Unsubscribe: <tel:1>\r\nList-Unsubscribe:\r\n", post] {
            let header = house.of_list(junk).await;
            let [link] = values(&header, "List-Unsubscribe")[..] else { panic!("{header}") };
            assert!(link.starts_with("<https://postern.you.example/u/"), "{link}");
            assert_eq!(values(&header, "List-Unsubscribe-Post").len(), 1);
        }
        let two = "List-Unsubscribe: <https://a.example/>\r\nList-Unsubscribe: <https://b.example/>\r\n";
        assert_eq!(values(&house.of_list(two).await, "List-Unsubscribe"), ["<https://a.example/>, <https://b.example/>"]);
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn leaving_by_mail_goes_through_a_reverse_address_and_reaches_the_list() {
    each_driver(async |database| {
        let house = House::build(&database, URL).await;
        let header = house
            .of_list("List-Unsubscribe: <mailto:leave-17@lists.lg.example?subject=leave%2017&cc=x@y.example>,\r\n <https://lg.example/u>\r\n")
            .await;
        let [value] = values(&header, "List-Unsubscribe")[..] else { panic!("{header}") };
        let (mail, web) = value.split_once(", ").unwrap();
        assert_eq!(web, "<https://lg.example/u>");
        let reverse = mail.strip_prefix("<mailto:").and_then(|rest| rest.strip_suffix("?subject=leave%2017>")).unwrap();
        assert!(reverse.starts_with("reply+") && reverse.ends_with("@you.example"), "{mail}");
        assert!(!header.contains("leave-17@"), "{header}");

        // What the mail client sends when its button is pressed.
        let letter = format!("From: {MAILBOX}\r\nTo: {reverse}\r\nSubject: leave 17\r\n\r\n\r\n");
        assert!(house.app.send_to(MAILBOX, &[&address(reverse)], &letter).await.starts_with("250 "));
        let sent = house.app.sink.wait_for(2).await.pop().unwrap();
        assert_eq!(sent.recipients(), ["leave-17@lists.lg.example"]);
        let text = String::from_utf8(sent.content).unwrap();
        assert!(text.contains("\r\nFrom: <shop@you.example>\r\nTo: <leave-17@lists.lg.example>\r\n"), "{text}");
        assert!(text.contains("\r\nSubject: leave 17\r\n"), "{text}");

        // By mail alone: no HTTPS to post to.
        let header = house
            .of_list("List-Unsubscribe: <mailto:leave@lg.example>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n")
            .await;
        assert!(values(&header, "List-Unsubscribe")[0].starts_with("<mailto:reply+"), "{header}");
        assert_eq!(values(&header, "List-Unsubscribe-Post"), Vec::<&str>::new());
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn bounces_and_role_addresses_get_no_link() {
    each_driver(async |database| {
        let house = House::build(&database, URL).await;
        let postmaster = house.app.alias("postmaster").await;
        for (sender, alias) in [("", &house.alias), ("news@lg.example", &postmaster)] {
            let header = house.forwarded(sender, alias, "").await;
            assert!(!header.contains("/u/") && values(&header, "List-Unsubscribe").is_empty(), "{header}");
        }
        house.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn without_https_a_button_opens_the_page_and_without_a_public_url_there_is_none() {
    each_driver(async |database| {
        let house = House::build(&database, "http://mail.you.example:8080").await;
        let header = house.of_list("").await;
        assert!(values(&header, "List-Unsubscribe")[0].starts_with("<http://mail.you.example:8080/u/"));
        assert_eq!(values(&header, "List-Unsubscribe-Post"), Vec::<&str>::new());
        house.app.finish().await;
    })
    .await;
    each_driver(async |database| {
        let house = House::build(&database, "http://127.0.0.1:8080").await;
        let header = house.of_list("").await;
        assert!(!header.contains("/u/") && values(&header, "X-Postern-Manage").is_empty(), "{header}");
        house.app.finish().await;
    })
    .await;
}
