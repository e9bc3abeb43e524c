//! The story, step by step: what is expected, what was seen. A step that does not hold ends it.

use std::time::{Duration, Instant};

use super::Error;
use super::letters::{SENDERS, Sender};
use super::message::Received;
use super::scene::{HIDDEN, REAL_ADDRESS, Scene};
use crate::model::alias::AliasState;

/// How long a relayed mail may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A step that held.
#[derive(Debug, Clone)]
pub struct Step {
    /// Counted from 1.
    pub number: usize,
    /// What was expected and seen.
    pub title: String,
    /// How long it took.
    pub took: Duration,
}

/// A step that did not hold.
#[derive(Debug, Clone, thiserror::Error)]
#[error("step {number} did not hold: expected {expected}; seen: {seen}")]
pub struct Broken {
    /// Counted from 1.
    pub number: usize,
    /// What was expected.
    pub expected: String,
    /// What was seen.
    pub seen: String,
}

/// How the story went.
#[derive(Debug, Clone, Copy)]
pub struct Played {
    /// Steps that held: all of them.
    pub steps: usize,
    /// From the start of the program to the first mail in the inbox.
    pub first_mail: Duration,
}

/// Plays the story; `report` hears of every step that held, as soon as it did.
pub async fn play(
    scene: &Scene,
    started: Instant,
    report: &mut dyn FnMut(&Step) -> std::io::Result<()>,
) -> Result<Played, Error> {
    let [lumen, bookworm] = &SENDERS;
    let mut story = Story { scene, report, number: 1, since: Instant::now(), transcripts: String::new() };
    story.two_aliases().await?;
    let first = story.relayed(lumen).await?;
    let first_mail = started.elapsed();
    let second = story.relayed(bookworm).await?;
    story.held(format!("mail to each arrives in the inbox of {REAL_ADDRESS}"))?;
    story.shows_the_sender(lumen, &first)?;
    story.shows_the_sender(bookworm, &second)?;
    story.held("each copy comes from a reverse address and shows who really wrote".into())?;
    story.answers(bookworm, &second).await?;
    story.refuses_a_forgery(bookworm, &second).await?;
    story.tells_the_owner(bookworm, &second).await?;
    story.nowhere("the real address stands nowhere in what the senders saw")?;
    scene.set_state(lumen, AliasState::Killed).await?;
    story.held(format!("the alias of {} is killed", lumen.name))?;
    story.bounces(lumen).await?;
    let third = story.relayed(bookworm).await?;
    story.shows_the_sender(bookworm, &third)?;
    // By now a second notice would be there, too.
    story.told_once(bookworm)?;
    story.held(format!("mail to the other alias, of {}, still arrives", bookworm.name))?;
    story.nowhere("the real address still stands nowhere, the bounce included")?;
    Ok(Played { steps: story.number - 1, first_mail })
}

struct Story<'a> {
    scene: &'a Scene,
    report: &'a mut dyn FnMut(&Step) -> std::io::Result<()>,
    /// Of the step that is being played.
    number: usize,
    since: Instant,
    transcripts: String,
}

impl Story<'_> {
    fn held(&mut self, title: String) -> Result<(), Error> {
        (self.report)(&Step { number: self.number, title, took: self.since.elapsed() })?;
        (self.number, self.since) = (self.number + 1, Instant::now());
        Ok(())
    }

    fn broken(&self, expected: impl Into<String>, seen: impl Into<String>) -> Error {
        Broken { number: self.number, expected: expected.into(), seen: seen.into() }.into()
    }

    async fn two_aliases(&mut self) -> Result<(), Error> {
        let made: Vec<_> = self.scene.make_aliases().await?.iter().map(ToString::to_string).collect();
        let [first, second] = &made[..] else {
            return Err(self.broken("two aliases", format!("{} aliases", made.len())));
        };
        if first == second || !made.iter().all(|address| address.ends_with("@you.example")) {
            return Err(self.broken("two different aliases on you.example", format!("{first} and {second}")));
        }
        self.held(format!("two aliases for two sites are made: {first} and {second}"))
    }

    /// Sends the next mail of a site; it must be taken, and its copy must arrive.
    async fn relayed(&mut self, sender: &'static Sender) -> Result<std::sync::Arc<Received>, Error> {
        let before = *self.scene.shelf().arrivals().borrow();
        let (letter, seen) = self.scene.send(sender).await?;
        self.transcripts.push_str(&seen.transcript);
        let expected = format!("the mail of {} to be taken and relayed to {REAL_ADDRESS}", sender.name);
        if !seen.is_accepted() {
            return Err(self.broken(expected, format!("the gate answered “{}”", seen.reply)));
        }
        let is_copy = |message: &Received| {
            message.number > before && message.subject == letter.subject && message.recipients == [REAL_ADDRESS]
        };
        match self.scene.shelf().wait_for(PATIENCE, is_copy).await {
            Some(copy) => Ok(copy),
            None => Err(self.broken(expected, format!("“{}”, but nothing in the inbox after {PATIENCE:?}", seen.reply))),
        }
    }

    fn shows_the_sender(&self, sender: &Sender, copy: &Received) -> Result<(), Error> {
        let is_reverse = copy.from_address.starts_with("reply+") && copy.from_address.ends_with("@you.example");
        if is_reverse && copy.from_name.contains(sender.name) && copy.from_name.contains(sender.domain) {
            return Ok(());
        }
        let expected = format!("From to be a reverse address named after {} ({})", sender.name, sender.address);
        Err(self.broken(expected, format!("From: {} <{}>", copy.from_name, copy.from_address)))
    }

    /// The owner answers; the site must get it from the alias, and nothing else of the owner.
    async fn answers(&mut self, sender: &'static Sender, mail: &Received) -> Result<(), Error> {
        let (letter, seen) = self.scene.answer(mail).await?;
        let expected = format!("the owner's answer to reach {} from its alias", sender.name);
        if !seen.is_accepted() {
            return Err(self.broken(expected, format!("the gate answered “{}”", seen.reply)));
        }
        let is_it = |message: &Received| message.subject == letter.subject && message.recipients == [sender.address];
        let Some(got) = self.scene.shelf().wait_for(PATIENCE, is_it).await else {
            return Err(self.broken(expected, format!("“{}”, but nothing came after {PATIENCE:?}", seen.reply)));
        };
        let alias = self.scene.alias(sender).map(|alias| alias.to_string()).unwrap_or_default();
        let hidden = HIDDEN.iter().find(|hidden| got.mentions(hidden));
        if got.from_address != alias || hidden.is_some() || got.sender.contains("inbox.example") {
            let hidden = hidden.map(|hidden| format!(" and “{hidden}” in it")).unwrap_or_default();
            return Err(self.broken(expected, format!("From: {}{hidden}", got.from_address)));
        }
        self.held(format!("the owner answers from the inbox; {} sees it come from {alias} and nothing else", sender.name))
    }

    async fn refuses_a_forgery(&mut self, sender: &'static Sender, mail: &Received) -> Result<(), Error> {
        let before = *self.scene.shelf().arrivals().borrow();
        let (_, seen) = self.scene.forge(mail).await?;
        let to_the_site = self.scene.shelf().all();
        let arrived = to_the_site.iter().any(|mail| mail.number > before && mail.recipients == [sender.address]);
        if !seen.reply.starts_with("550 5.7.1 ") || arrived {
            return Err(
                self.broken("a stranger's answer in the owner's name to be refused with 550 5.7.1", format!("“{}”", seen.reply))
            );
        }
        self.held(format!("a stranger who answers in the owner's name is refused: {}", seen.reply))
    }

    /// The owner's own mail may look like a forgery, so they are told; a second one changes nothing.
    async fn tells_the_owner(&mut self, sender: &'static Sender, mail: &Received) -> Result<(), Error> {
        let subject = self.notice_of_forgery(sender);
        let notice = self.scene.shelf().wait_for(PATIENCE, |mail| mail.subject == subject).await;
        if notice.is_none_or(|notice| notice.recipients != [REAL_ADDRESS]) {
            let expected = format!("a letter “{subject}” in the inbox of {REAL_ADDRESS}");
            return Err(self.broken(expected, format!("nothing like it after {PATIENCE:?}")));
        }
        let (_, seen) = self.scene.forge(mail).await?;
        if !seen.reply.starts_with("550 5.7.1 ") {
            return Err(self.broken("the stranger to be refused once more with 550 5.7.1", format!("“{}”", seen.reply)));
        }
        self.told_once(sender)?;
        self.held(format!("the owner is told of it once, however often it is tried: “{subject}”"))
    }

    fn told_once(&self, sender: &Sender) -> Result<(), Error> {
        let subject = self.notice_of_forgery(sender);
        let count = self.scene.shelf().all().iter().filter(|mail| mail.subject == subject).count();
        let expected = format!("one letter “{subject}” for all attempts");
        if count == 1 { Ok(()) } else { Err(self.broken(expected, format!("{count} of them"))) }
    }

    fn notice_of_forgery(&self, sender: &Sender) -> String {
        let alias = self.scene.alias(sender).map(|alias| alias.to_string()).unwrap_or_default();
        format!("A message through {alias} was refused")
    }

    async fn bounces(&mut self, sender: &'static Sender) -> Result<(), Error> {
        let before = *self.scene.shelf().arrivals().borrow();
        let (_, seen) = self.scene.send(sender).await?;
        self.transcripts.push_str(&seen.transcript);
        let after = *self.scene.shelf().arrivals().borrow();
        if !seen.reply.starts_with("550 5.1.1 ") || after != before {
            let seen = format!("“{}” and {} new mails in the inbox", seen.reply, after - before);
            return Err(self.broken("the next mail to the killed alias to be refused with 550 5.1.1", seen));
        }
        self.held(format!("the next mail to it bounces: {}", seen.reply))
    }

    fn nowhere(&mut self, title: &str) -> Result<(), Error> {
        let seen = self.transcripts.to_lowercase();
        let heard = self.scene.journal().heard();
        let line = seen.lines().find(|line| HIDDEN.iter().any(|hidden| line.contains(hidden)));
        if line.is_some() || heard.leaks > 0 {
            let seen = line.map_or_else(|| format!("{} lines with it", heard.leaks), |line| format!("“{line}”"));
            return Err(self.broken("no line of any SMTP conversation to hold the real address or its provider", seen));
        }
        self.held(format!("{title} ({} conversations, {} lines)", heard.conversations, seen.lines().count()))
    }
}
