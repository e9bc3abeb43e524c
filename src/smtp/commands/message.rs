//! DATA and what follows it (RFC 5321 §4.1.1.4), and the answer to BDAT, which is not offered.

use std::time::Duration;

use tokio::time::Instant;

use crate::smtp::gate::Gate;
use crate::smtp::intake::Intake;
use crate::smtp::replies;
use crate::smtp::session::{Next, Session};
use crate::smtp::wire::Lost;
use crate::telemetry::metrics::SMTP_MESSAGES;

/// A message has to come at this many bytes a second on the whole, beyond the time a client may be silent.
const SLOWEST: u64 = 500;
/// Read at once: little for the many small messages, more as long as reads come back full.
const FIRST_READ: usize = 16 * 1024;
const LARGEST_READ: usize = 64 * 1024;

impl<G: Gate> Session<G> {
    /// Receives a message and hands it to the gate.
    pub(super) async fn data(&mut self) -> Next {
        if self.is_out_of_turn() {
            return self.hang_up(&replies::OUT_OF_TURN);
        }
        let reply = match &self.transaction {
            None if self.client.helo.is_empty() => Some(replies::HELLO_FIRST),
            None => Some(replies::MAIL_FIRST),
            Some(transaction) if !transaction.recipients.is_empty() => None,
            Some(transaction) if transaction.refused => Some(replies::NO_VALID_RECIPIENTS),
            Some(_) => Some(replies::RCPT_FIRST),
        };
        if let Some(reply) = reply {
            return self.refuse(reply).await;
        }
        // From here on the transaction is over, whatever comes of it.
        let Some(transaction) = self.transaction.take() else { return self.refuse(replies::MAIL_FIRST).await };
        self.say(&replies::go_ahead());
        if self.wire.flush().await.is_err() {
            return Next::Quit;
        }
        let settings = &self.shared.settings;
        let largest_header = settings.max_header_size as u64;
        let mut intake = Intake::new(self.shared.gate.budget().collector(), settings.max_message_size, largest_header);
        match self.receive_message(&mut intake).await {
            Ok(()) => {}
            Err(Lost::TimedOut) => return self.hang_up(&replies::TIMED_OUT),
            Err(Lost::Disconnected) => return Next::Quit,
        }
        self.messages = self.messages.saturating_add(1);
        let reply = match intake.finish() {
            Ok(content) => {
                let gate = &self.shared.gate;
                Box::pin(gate.message(&self.client, &transaction.mail, transaction.recipients, content)).await
            }
            Err(reply) => reply,
        };
        metrics::counter!(SMTP_MESSAGES, "answer" => class(reply.code())).increment(1);
        self.answer(&reply)
    }

    /// Reads up to the end of data, also of a message that is going to be refused.
    async fn receive_message(&mut self, intake: &mut Intake) -> Result<(), Lost> {
        let silence = self.shared.settings.data_timeout.0;
        let started = Instant::now();
        let mut total = 0_u64;
        let mut size = FIRST_READ;
        loop {
            let received = self.wire.input();
            if !received.is_empty() {
                let end = intake.feed(received);
                let consumed = end.unwrap_or(received.len());
                total += consumed as u64;
                self.wire.consume(consumed);
                if end.is_some() {
                    return Ok(());
                }
            }
            let now = Instant::now();
            let too_slow = started + silence + Duration::from_secs(total / SLOWEST);
            if self.wire.receive(size, (now + silence).min(too_slow).min(self.ends)).await? {
                size = (size * 2).min(LARGEST_READ);
            }
        }
    }

    /// BDAT is not announced; its chunk may be here already and must not run as commands.
    pub(super) async fn chunk(&mut self) -> Next {
        if self.is_out_of_turn() {
            return self.hang_up(&replies::OUT_OF_TURN);
        }
        self.refuse(replies::NOT_IMPLEMENTED).await
    }
}

fn class(code: u16) -> &'static str {
    match code / 100 {
        2 => "2xx",
        4 => "4xx",
        _ => "5xx",
    }
}
