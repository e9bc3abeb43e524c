//! What the page shows, in plain words: made from the aliases, the journal and the inbox, and nothing else.

use std::net::SocketAddr;
use std::sync::Arc;

use askama::Template;
use mail_parser::MessageParser;

use super::timeline::{self, Mark};
use crate::model::Timestamp;
use crate::model::alias::AliasState;
use crate::sandbox::dialogue::Verdict;
use crate::sandbox::journal::{Event, Heard, What};
use crate::sandbox::letters::{SENDERS, Sender};
use crate::sandbox::message::Received;

/// Events and messages shown at the most.
const SHOWN: usize = 40;

/// An alias of the sandbox and the site it was made for.
#[derive(Debug, Clone)]
pub struct Card {
    /// The site.
    pub sender: &'static Sender,
    /// The alias's address.
    pub address: String,
    /// What it does with mail.
    pub state: AliasState,
}

/// Everything the page is made from.
#[derive(Debug)]
pub struct Facts {
    /// The owner's real address.
    pub real_address: String,
    /// Other mailboxes they have or had.
    pub other_addresses: Vec<String>,
    /// Where Postern's own pages are.
    pub pages: String,
    /// Where senders knock.
    pub smtp: SocketAddr,
    /// The aliases.
    pub cards: Vec<Card>,
    /// What happened, oldest first.
    pub events: Vec<Event>,
    /// What the senders were told, in figures.
    pub heard: Heard,
    /// What came to the inbox, oldest first.
    pub messages: Vec<Arc<Received>>,
}

impl Facts {
    /// All that must stay hidden.
    fn addresses(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.real_address.as_str()).chain(self.other_addresses.iter().map(String::as_str))
    }
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "page.html", config = "src/sandbox/askama.toml")]
pub struct Page {
    real_address: String,
    other_addresses: Vec<String>,
    pages: String,
    strangers: Vec<&'static Sender>,
    smtp: SocketAddr,
    conversations: u64,
    lines: u64,
    leaks: u64,
    aliases: Vec<AliasView>,
    events: Vec<EventView>,
    messages: Vec<MessageView>,
    others: usize,
    swaks: String,
    python: String,
}

#[derive(Debug)]
struct AliasView {
    name: &'static str,
    domain: &'static str,
    address: String,
    is_killed: bool,
    let_in: usize,
    turned_away: usize,
    answered: usize,
    /// Whether there is a mail of the site that could be answered.
    has_written: bool,
    got: Option<GotView>,
    marks: Vec<Mark>,
    lines: Vec<timeline::Stretch>,
}

/// The owner's newest answer, as the site got it.
#[derive(Debug)]
struct GotView {
    from: String,
    subject: String,
    header: String,
}

#[derive(Debug)]
struct EventView {
    at: String,
    time: String,
    /// `in`, `sent`, `out`, `later` or `owner`: also the name of its look.
    kind: &'static str,
    verdict: &'static str,
    sentence: String,
    reply: String,
    /// Who was told so.
    told: &'static str,
}

#[derive(Debug)]
struct MessageView {
    number: u64,
    from: String,
    from_address: String,
    to: String,
    subject: String,
    text: String,
    links: Vec<String>,
    header: String,
    can_be_answered: bool,
}

impl Page {
    /// Makes the page.
    pub fn new(facts: &Facts) -> Self {
        let at_provider = facts.real_address.rsplit_once('@').map_or("", |(_, domain)| domain);
        let is_theirs = |address: &String| {
            address.rsplit_once('@').is_some_and(|(_, domain)| domain == at_provider)
                || facts.other_addresses.iter().any(|other| other.eq_ignore_ascii_case(address))
        };
        let is_ours = |message: &&Arc<Received>| message.recipients.iter().any(is_theirs);
        let (mine, others): (Vec<_>, Vec<_>) = facts.messages.iter().partition(is_ours);
        let is_leak = |message: &&&Arc<Received>| facts.addresses().any(|address| message.mentions(address));
        let given_away = others.iter().filter(is_leak).count() as u64;
        let alias = facts.cards.first();
        let (alias, by) =
            alias.map_or(("ALIAS@you.example", "you@site.example"), |card| (card.address.as_str(), card.sender.address));
        Self {
            real_address: facts.real_address.clone(),
            other_addresses: facts.other_addresses.clone(),
            pages: facts.pages.clone(),
            strangers: SENDERS.iter().filter(|sender| facts.cards.iter().all(|card| card.sender != *sender)).collect(),
            smtp: facts.smtp,
            conversations: facts.heard.conversations,
            lines: facts.heard.lines,
            leaks: facts.heard.leaks + given_away,
            aliases: facts.cards.iter().map(|card| AliasView::new(card, facts)).collect(),
            events: facts.events.iter().rev().take(SHOWN).map(|event| EventView::new(event, facts)).collect(),
            messages: mine.into_iter().rev().take(SHOWN).map(|message| MessageView::new(message, &facts.pages)).collect(),
            others: others.len(),
            swaks: swaks(facts.smtp, by, alias),
            python: python(facts.smtp, by, alias),
        }
    }
}

/// A line to try by hand with swaks.
pub fn swaks(smtp: SocketAddr, from: &str, to: &str) -> String {
    format!("swaks --server {smtp} --from {from} --to {to} --header 'Subject: By hand'")
}

/// The same for those who have only Python.
pub fn python(smtp: SocketAddr, from: &str, to: &str) -> String {
    let (host, port) = (smtp.ip(), smtp.port());
    format!(
        "python3 -c \"import smtplib; smtplib.SMTP('{host}', {port}).sendmail('{from}', '{to}', \
         'From: {from}\\r\\nTo: {to}\\r\\nSubject: By hand\\r\\n\\r\\nHello from Python.')\""
    )
}

impl AliasView {
    fn new(card: &Card, facts: &Facts) -> Self {
        let events = &facts.events;
        let mail = |wanted: fn(&Verdict) -> bool| {
            let is_wanted = |event: &&Event| matches!(&event.what, What::Mail(verdict) if wanted(verdict));
            events.iter().filter(|event| event.alias == card.address).filter(is_wanted).count()
        };
        let (marks, lines) = timeline::draw(&card.address, card.state, events);
        Self {
            name: card.sender.name,
            domain: card.sender.domain,
            address: card.address.clone(),
            is_killed: card.state == AliasState::Killed,
            let_in: mail(|verdict| verdict.is_let_in() && !verdict.is_answer()),
            turned_away: mail(|verdict| !verdict.is_let_in()),
            answered: mail(|verdict| verdict.is_let_in() && verdict.is_answer()),
            has_written: facts
                .messages
                .iter()
                .any(|message| message.reverse().is_some() && message.alias().as_deref() == Some(card.address.as_str())),
            got: facts.messages.iter().rev().find(|message| message.recipients == [card.sender.address]).map(|message| GotView {
                from: message.from_address.clone(),
                subject: message.subject.clone(),
                header: message.header(),
            }),
            marks,
            lines,
        }
    }
}

impl EventView {
    fn new(event: &Event, facts: &Facts) -> Self {
        let cards = &facts.cards;
        let mut told = "The sender was told";
        let (kind, verdict, sentence, reply) = match &event.what {
            What::Mail(mail) if mail.is_answer() => {
                let (kind, verdict) = match said(mail) {
                    ("in", _) => ("sent", "Sent on"),
                    other => other,
                };
                told = if mail.is_let_in() { "Your provider was told" } else { "The stranger was told" };
                (kind, verdict, answer_sentence(mail, &event.alias, facts), mail.reply.clone())
            }
            What::Mail(mail) => {
                let (kind, verdict) = said(mail);
                (kind, verdict, sentence(mail, &event.alias, cards), mail.reply.clone())
            }
            What::Changed(state) => {
                let (verdict, what) = match state {
                    AliasState::Killed => ("Killed", "You killed it: from now on everybody is turned away at"),
                    AliasState::Active => ("Revived", "You revived it: mail passes again at"),
                    AliasState::Locked => ("Locked", "You locked it: only its own site passes at"),
                    AliasState::Paused => ("Paused", "You paused it: senders are asked to come back later at"),
                };
                let whose = cards.iter().find(|card| card.address == event.alias);
                let place = whose.map_or_else(|| event.alias.clone(), |card| format!("the alias of {}", card.sender.name));
                ("owner", verdict, format!("{what} {place}."), String::new())
            }
        };
        Self { at: event.at.to_rfc3339(), time: time_of_day(event.at), kind, verdict, sentence, reply, told }
    }
}

fn said(mail: &Verdict) -> (&'static str, &'static str) {
    if mail.is_let_in() {
        ("in", "Let in")
    } else if mail.is_later() {
        ("later", "Asked to come back later")
    } else {
        ("out", "Turned away")
    }
}

fn sentence(mail: &Verdict, alias: &str, cards: &[Card]) -> String {
    let name = SENDERS.iter().find(|sender| sender.address == mail.sender).map(|sender| sender.name);
    let who = name.unwrap_or(if mail.sender.is_empty() { "A mail server" } else { &mail.sender });
    let whose = cards.iter().find(|card| card.address == alias);
    let to = match whose {
        Some(card) if Some(card.sender.name) == name => "its own alias".to_owned(),
        Some(card) => format!("the alias of {}", card.sender.name),
        None => alias.to_owned(),
    };
    match decoded(&mail.subject) {
        subject if subject.is_empty() => format!("{who} knocked at {to}"),
        subject => format!("{who} wrote to {to}: “{subject}”"),
    }
}

/// What became of mail to a correspondent: only the owner's passes.
fn answer_sentence(mail: &Verdict, alias: &str, facts: &Facts) -> String {
    let card = facts.cards.iter().find(|card| card.address == alias);
    let to = card.map_or("a correspondent", |card| card.sender.name);
    let what = match decoded(&mail.subject) {
        subject if subject.is_empty() => String::new(),
        subject => format!(": “{subject}”"),
    };
    if mail.is_let_in() {
        let from = card.map_or_else(String::new, |card| format!(", which sees it come from {}", card.address));
        format!("You answered {to}{what}{from}.")
    } else if facts.addresses().any(|address| mail.sender.eq_ignore_ascii_case(address)) {
        format!("Somebody wrote to {to} in your name{what}. Your provider's domain does not vouch for them.")
    } else {
        format!("Somebody who is not you wrote to {to} through your alias{what}.")
    }
}

/// A Subject field as people read it (RFC 2047).
fn decoded(subject: &str) -> String {
    let field = format!("Subject: {subject}\r\n\r\n");
    let parsed = MessageParser::default().parse(field.as_bytes());
    parsed.as_ref().and_then(|message| message.subject()).unwrap_or(subject).to_owned()
}

fn time_of_day(at: Timestamp) -> String {
    let seconds = at.as_seconds().rem_euclid(86_400);
    format!("{:02}:{:02}:{:02} UTC", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

impl MessageView {
    fn new(message: &Received, pages: &str) -> Self {
        let from = if message.from_name.is_empty() { &message.from_address } else { &message.from_name };
        Self {
            number: message.number,
            from: from.clone(),
            from_address: message.from_address.clone(),
            to: message.to.clone(),
            subject: if message.subject.is_empty() { "(no subject)".to_owned() } else { message.subject.clone() },
            text: message.text.trim().to_owned(),
            links: message.text.split_whitespace().filter(|word| word.starts_with(pages)).map(str::to_owned).collect(),
            header: message.header(),
            can_be_answered: message.reverse().is_some(),
        }
    }
}

#[cfg(test)]
mod tests;
