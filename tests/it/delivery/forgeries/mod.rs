//! Everybody but the owner who tries to send from an alias is refused: one named case for each way to try.
//!
//! A [`Forger`] says a message to a reverse address over the real port. Of each attack the whole answer is compared, and
//! that nothing went out, nothing was queued, no answer names the mailbox, and the owner sees the attempt. All attacks of
//! a table are made before the test fails, and the failure names those that were answered otherwise.
//!
//! Who is refused at the door for mail of one's own (a wrong app password, another user's alias) stands in `submission`.

mod address;
mod author;
mod claim;
mod sender;
mod signature;

use postern::config::Config;
use postern::model::Address;
use postern::model::alias::Alias;
use postern::model::delivery::DeliveryKind;
use postern::model::id::MailboxId;
use postern::storage::mailbox::{self, NewMailbox};

use crate::support::app::{MAILBOX, TestApp, user};
use crate::support::client::Client;
use crate::support::database::{Database, address};
use crate::support::sink::Message;

/// The host that the owner's provider sends from.
const PROVIDER: &str = "127.0.0.1";
/// Any other.
const ELSEWHERE: &str = "127.0.0.2";
/// An address whose domain lets the whole world send in its name.
const EVIL: &str = "evil@evil.example";

/// What whoever is not the proven owner is told.
const UNPROVEN: &str = "550 5.7.1 Not verified as a message of the owner of this address";
const SEVERAL: &str = "550 5.7.1 The message has more than one From address";
const AMBIGUOUS: &str = "550 5.7.1 The From address is ambiguous";
const NO_AUTHOR: &str = "550 5.7.1 The message has no From address";
const UNCLEAR: &str = "550 5.6.0 A field of the message header stands there twice or has a space before its colon";
const NOT_NOW: &str = "451 4.7.0 The sender could not be verified now, please try again later";
const UNKNOWN: &str = "550 5.1.1 No such address here";

/// The provider sends from one address; everybody may send as the evil domain.
const ZONE: &str = "$TTL 60\n\
    mailbox-provider.example. IN TXT \"v=spf1 ip4:127.0.0.1 -all\"\n\
    sub.mailbox-provider.example. IN TXT \"v=spf1 ip4:127.0.0.1 -all\"\n\
    evil.example. IN TXT \"v=spf1 +all\"\n\
    _dmarc.evil.example. IN TXT \"v=DMARC1; p=none\"\n";

/// An instance whose alias has one correspondent, and the means to write to its reverse address.
struct Forger {
    app: TestApp,
    alias: Alias,
    /// Stands for `news@lg.example`.
    lg: Address,
    _zone: tempfile::TempDir,
}

/// One attempt.
struct Attack {
    /// What it is: a failure names it.
    name: &'static str,
    /// Where it comes from.
    source: &'static str,
    greeting: &'static str,
    /// `MAIL FROM`, the brackets apart.
    sender: String,
    recipient: Address,
    message: Vec<u8>,
    answer: &'static str,
    /// Whether the owner sees that somebody tried.
    is_counted: bool,
}

impl Attack {
    fn from(self, source: &'static str, sender: &str) -> Self {
        Self { source, sender: sender.to_owned(), ..self }
    }

    fn greeted(self, greeting: &'static str) -> Self {
        Self { greeting, ..self }
    }

    fn to(self, recipient: &Address) -> Self {
        Self { recipient: recipient.clone(), ..self }
    }

    fn answered(self, answer: &'static str) -> Self {
        Self { answer, ..self }
    }

    /// Refused before it is known whom it would have concerned, or not for lack of proof.
    fn uncounted(self) -> Self {
        Self { is_counted: false, ..self }
    }
}

impl Forger {
    async fn build(database: &Database, zone: &str) -> Self {
        Self::with(database, zone, |_| {}).await
    }

    async fn with(database: &Database, zone: &str, adjust: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("zone");
        std::fs::write(&file, zone).unwrap();
        let app = TestApp::with(database, |config| {
            config.dns.zone_file = Some(file.clone());
            // All clients are strangers, so that their addresses are held against SPF; none is held up for its zeal.
            config.smtp.trusted_networks = Vec::new();
            config.smtp.connections_per_minute = 10_000;
            config.smtp.unknown_recipients_per_minute = 10_000;
            adjust(config);
        })
        .await;
        let alias = app.alias("shop").await;
        let lg = meet(&app, &alias, "LG <news@lg.example>").await;
        Self { app, alias, lg, _zone: folder }
    }

    /// An attack that is nothing but a message: from elsewhere, in the name of the evil domain.
    fn attack(&self, name: &'static str, message: impl AsRef<[u8]>) -> Attack {
        Attack {
            name,
            source: ELSEWHERE,
            greeting: "mail.evil.example",
            sender: EVIL.to_owned(),
            recipient: self.lg.clone(),
            message: message.as_ref().to_vec(),
            answer: UNPROVEN,
            is_counted: true,
        }
    }

    /// The same with fields before those every letter has.
    fn with_fields(&self, name: &'static str, fields: &str) -> Attack {
        self.attack(name, letter(&self.lg, fields))
    }

    /// Makes all the attempts.
    async fn refuses_all(&self, attacks: Vec<Attack>) {
        let mut seen = std::collections::BTreeSet::new();
        let mut faults = Vec::new();
        for attack in &attacks {
            assert!(seen.insert(attack.name), "two attacks are named {:?}", attack.name);
            let arrived = self.sent().len();
            let before = self.app.activity(&self.alias).await;
            let (answer, transcript) = say(&self.app, attack).await;
            let after = self.app.activity(&self.alias).await;
            let sent = self.sent().len() - arrived;
            let counted = after.unproven - before.unproven;
            // What is told to the owner about it is none of the attacker's.
            let queued = self.app.queue().await.iter().filter(|row| row.kind != DeliveryKind::Notice).count();
            let told = transcript.lines().filter(|line| line.starts_with("S: ")).collect::<String>().to_lowercase();
            let betrays = ["jane", "mailbox-provider"].iter().any(|secret| told.contains(secret));
            if (answer.as_str(), sent, queued, counted, after.replied, betrays)
                != (attack.answer, 0, 0, i64::from(attack.is_counted), before.replied, false)
            {
                faults.push(format!(
                    "{}: answered {answer:?} (not {:?}), {sent} sent, {queued} queued, {counted} counted, betrays: {betrays}",
                    attack.name, attack.answer
                ));
            }
        }
        assert!(faults.is_empty(), "{} of {} attacks:\n{}", faults.len(), attacks.len(), faults.join("\n"));
    }

    /// The owner's own message goes out: what was refused was not refused for some fault of the set-up.
    async fn accepts(&self, attempt: Attack) {
        let sent = self.sent().len();
        let (answer, transcript) = say(&self.app, &attempt).await;
        assert_eq!(answer, "250 2.0.0 Ok, message accepted", "{}\n{transcript}", attempt.name);
        assert_eq!(self.sent().len(), sent + 1, "{}", attempt.name);
    }

    /// A proven message of the owner's, sent by the provider.
    fn own(&self) -> Attack {
        self.with_fields("the owner", &format!("From: Jane Roe <{MAILBOX}>\r\n")).from(PROVIDER, MAILBOX)
    }

    /// What went out to others than users.
    fn sent(&self) -> Vec<Message> {
        let is_user = |message: &Message| message.recipients().iter().all(|to| to.ends_with("@mailbox-provider.example"));
        self.app.sink.messages().into_iter().filter(|message| !is_user(message)).collect()
    }

    /// Another mailbox of the owner's, of no alias yet.
    async fn mailbox(&self, text: &str, is_verified: bool) -> MailboxId {
        let now = postern::model::Clock::now(&*self.app.clock);
        let new = NewMailbox {
            uuid: uuid::Uuid::from_u128(rand::random()),
            user_id: self.app.user,
            address: address(text),
            verified_at: is_verified.then_some(now),
            is_default: false,
            created_at: now,
        };
        let write = self.app.storage().write(move |tx| Box::pin(async move { mailbox::create(tx, &new).await }));
        write.await.unwrap().id
    }

    /// The same instance with more mailboxes behind the alias, which is a new one, as is its correspondent.
    async fn moved_to(self, name: &str, mailboxes: Vec<MailboxId>) -> Self {
        let alias = self.app.alias_to(name, mailboxes, |_| {}).await;
        let lg = meet(&self.app, &alias, "LG <news@lg.example>").await;
        Self { alias, lg, ..self }
    }

    /// Ends the test once the owner was told of the attempts.
    async fn finish(self) {
        self.app.wait_until(async |app| app.queue().await.is_empty()).await;
        self.app.finish().await;
    }
}

/// Somebody writes to the alias; the reverse address its owner sees.
async fn meet(app: &TestApp, alias: &Alias, author: &str) -> Address {
    let message =
        format!("From: {author}\r\nTo: {}\r\nSubject: Sale\r\nMessage-ID: <1@lg.example>\r\n\r\nHello\r\n", alias.address);
    assert!(app.send("news@lg.example", alias, &message).await.starts_with("250 "));
    reverse_address(app)
}

/// The reverse address in the last copy that was forwarded.
fn reverse_address(app: &TestApp) -> Address {
    let messages = app.sink.messages();
    let mut texts = messages.iter().rev().map(|message| String::from_utf8_lossy(&message.content));
    let text = texts.find(|text| text.contains("<reply+")).unwrap();
    let at = text.find("<reply+").unwrap() + 1;
    address(&text[at..].chars().take_while(|c| *c != '>').collect::<String>())
}

/// A message to a reverse address with these fields on top.
fn letter(to: &Address, fields: &str) -> String {
    format!(
        "{fields}To: {to}\r\nSubject: Your order\r\nDate: Fri, 15 Jan 2027 17:00:00 +0900\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain\r\n\r\nSend me the money\r\n"
    )
}

/// Says it; the first refusal or the answer to the final dot, and the whole conversation.
async fn say(app: &TestApp, attack: &Attack) -> (String, String) {
    let mut client = Client::connect_from(attack.source, app.running.smtp[0]).await;
    client.expect("220 ").await;
    client.ask(&format!("EHLO {}", attack.greeting), "250").await;
    let lines = [format!("MAIL FROM:<{}>", attack.sender), format!("RCPT TO:<{}>", attack.recipient), "DATA".to_owned()];
    for line in lines {
        client.send(format!("{line}\r\n")).await;
        let reply = client.read_reply().await.unwrap();
        if !reply.starts_with(['2', '3']) {
            return (reply.trim_end().to_owned(), client.transcript().to_owned());
        }
    }
    client.send([&attack.message, &b".\r\n"[..]].concat()).await;
    let reply = client.read_reply().await.unwrap().trim_end().to_owned();
    (reply, client.transcript().to_owned())
}
