//! `postern serve`: start, wait for a signal or a failure, stop in two stages.
//!
//! The first SIGTERM or SIGINT stops softly: sessions get 421 between messages, hand-offs finish. A second one, or 25 s,
//! cuts off what still runs; it is taken up again at the next start.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Environment, StartError, start};
use crate::config::Config;
use crate::service::setup;

const GRACE: Duration = Duration::from_secs(25);

/// Runs an instance until it is told to stop. An error means that it could not start, or had to stop by itself.
pub async fn serve(config: &Config) -> Result<(), StartError> {
    let mut signals = Signals::new()?;
    let running = start(config, &Environment::system()).await?;
    tracing::info!(smtp = ?running.smtp, http = %running.http, "Postern is ready");
    if let Some(link) = &running.setup_link {
        setup::announce(link);
    }
    let failed = tokio::select! {
        () = signals.next() => false,
        () = running.failed() => true,
    };
    tracing::info!("stopping");
    let hard = running.hard();
    let stop = running.stop(GRACE);
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            () = signals.next() => hard.cancel(),
        }
    }
    if failed {
        return Err(StartError::new("the instance had to stop by itself", "see the log for the failure before this line"));
    }
    Ok(())
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self, StartError> {
        let listen = |kind| {
            signal(kind).map_err(|error| StartError::new(format!("signals can't be received: {error}"), "see the message"))
        };
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
