//! The story on one machine (`postern try`): a local inbox, scripted senders, and the broker between, over real SMTP.
//!
//! ```text
//! sender ──► gate ──► broker (app) ──► inbox        page shows gate and inbox side by side
//!            (a window: passes bytes on, notes the answers)
//! ```
//!
//! [`house`] runs these, [`scene`] is what one can do with them, [`story`] does it in order and checks each step.

pub mod browser;
pub mod dialogue;
mod error;
pub mod gate;
pub mod house;
pub mod inbox;
pub mod journal;
pub mod letters;
pub mod message;
pub mod page;
pub mod scene;
pub mod sender;
pub mod story;

use std::io::Write;
use std::net::SocketAddr;
use std::time::Instant;

use tokio::signal::unix::{Signal, SignalKind, signal};

pub use error::Error;
use house::House;

use crate::app::Environment;
use crate::model::Address;

/// How `postern try` was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Port of the gate; a free one when left out.
    pub smtp_port: Option<u16>,
    /// Port of the page; a free one when left out.
    pub http_port: Option<u16>,
    /// Whether the page is opened in the browser.
    pub open_browser: bool,
    /// Play the story, print each step and end, instead of serving the page.
    pub script: bool,
    /// Begin without an account: the owner sets everything up on Postern's own pages.
    pub first_run: bool,
}

/// Runs the sandbox: to the end of the story with `script`, else until Ctrl-C. Either way nothing stays behind.
pub async fn run(options: Options, mut out: impl Write) -> Result<(), Error> {
    let started = Instant::now();
    let mut signals = Signals::new()?;
    let house = House::start(&Environment::system(), options.smtp_port, options.first_run).await?;
    let played = if options.script {
        tokio::select! {
            told = tell(&house, started, &mut out) => told,
            () = signals.next() => Err(Error::Interrupted),
        }
    } else {
        tokio::select! {
            opened = serve(&house, options, &mut out) => opened,
            () = signals.next() => Ok(()),
        }
    };
    let stopped = house.stop().await;
    played.and(stopped)
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self, Error> {
        let listen = |kind| signal(kind).map_err(Error::machine("signals can't be received"));
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

async fn tell(house: &House, started: Instant, out: &mut impl Write) -> Result<(), Error> {
    let mut report = |step: &story::Step| {
        writeln!(out, "ok {} {}  ({} ms)", step.number, step.title, step.took.as_millis())?;
        out.flush()
    };
    let played = story::play(house.scene(), started, &mut report).await?;
    let seconds = played.first_mail.as_secs_f32();
    writeln!(out, "all {} steps held; the first mail was relayed {seconds:.2} s after the start", played.steps)?;
    Ok(())
}

/// Serves the page; ends only when the broker fails.
async fn serve(house: &House, options: Options, out: &mut impl Write) -> Result<(), Error> {
    let url = if options.first_run {
        let page = house.open_page(options.http_port).await?;
        let setup = house.setup_link().unwrap_or(house.scene().pages());
        greet_first_run(setup, &format!("http://{page}/"), out)?;
        setup.to_owned()
    } else {
        let aliases = house.scene().make_aliases().await?;
        let url = format!("http://{}/", house.open_page(options.http_port).await?);
        greet(&url, house.scene().gate(), &aliases, out)?;
        url
    };
    if options.open_browser {
        browser::open(&url);
    }
    house.failed().await;
    Err(Error::Stopped)
}

fn greet_first_run(setup: &str, inbox: &str, out: &mut impl Write) -> Result<(), Error> {
    writeln!(out, "An empty Postern runs on this machine only. Set it up, as {}:\n", scene::REAL_ADDRESS)?;
    writeln!(out, "  {setup}\n\nYour inbox, and two sites that write to you once they have an alias:\n\n  {inbox}\n")?;
    writeln!(out, "Ctrl-C ends it and leaves nothing behind.")?;
    out.flush()?;
    Ok(())
}

fn greet(url: &str, gate: SocketAddr, aliases: &[Address], out: &mut impl Write) -> Result<(), Error> {
    writeln!(out, "Postern runs on this machine only. The gate and the inbox, side by side:\n\n  {url}\n")?;
    writeln!(out, "Two sites got an alias each; mail to them goes to {}:\n", scene::REAL_ADDRESS)?;
    for (sender, alias) in letters::SENDERS.iter().zip(aliases) {
        writeln!(out, "  {:<14}{alias}", sender.name)?;
    }
    if let (Some(sender), Some(alias)) = (letters::SENDERS.first(), aliases.first()) {
        let to = alias.to_string();
        writeln!(out, "\nThe gate is a real mail server at {gate}. Knock by hand:\n")?;
        writeln!(out, "  {}", page::view::swaks(gate, sender.address, &to))?;
        writeln!(out, "  {}", page::view::python(gate, sender.address, &to))?;
    }
    writeln!(out, "\nCtrl-C ends it and leaves nothing behind.")?;
    out.flush()?;
    Ok(())
}
