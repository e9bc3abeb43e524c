//! RCPT (RFC 5321 §4.1.1.3), with the brakes for clients that guess addresses.

use crate::model::{Address, Reply};
use crate::smtp::gate::Gate;
use crate::smtp::limits::Patience;
use crate::smtp::path::Path;
use crate::smtp::replies;
use crate::smtp::session::{Next, Session};

impl<G: Gate> Session<G> {
    /// Adds a recipient to the transaction.
    pub(super) async fn rcpt(&mut self, path: Path) -> Next {
        let Some(transaction) = &self.transaction else {
            let reply = if self.client.helo.is_empty() { replies::HELLO_FIRST } else { replies::MAIL_FIRST };
            return self.refuse(reply).await;
        };
        if path.international && !transaction.mail.smtputf8 {
            return self.refuse(replies::NEEDS_SMTPUTF8).await;
        }
        let name = path.address.as_ref().map_or_else(|| "postmaster".to_owned(), Address::folded);
        if transaction.named.contains(&name) {
            return self.say(&replies::RECIPIENT_OK);
        }
        if transaction.recipients.len() >= self.shared.settings.max_recipients {
            return self.say(&replies::TOO_MANY_RECIPIENTS);
        }
        match self.ask(path.address.as_ref()).await {
            Ok(recipient) => {
                if let Some(transaction) = &mut self.transaction {
                    transaction.recipients.push(recipient);
                    transaction.named.insert(name);
                }
                self.say(&replies::RECIPIENT_OK)
            }
            Err(reply) => {
                if let Some(transaction) = &mut self.transaction {
                    transaction.refused = true;
                }
                self.answer(&reply)
            }
        }
    }

    /// Asks the gate, unless this client has asked too much already.
    async fn ask(&mut self, address: Option<&Address>) -> Result<G::Recipient, Reply> {
        if !self.slot.may_name_recipient() {
            return Err(replies::TOO_MANY_LOOKUPS);
        }
        match self.slot.patience() {
            Patience::Full => {}
            Patience::Slow => self.delay().await,
            Patience::Spent => return Err(replies::TOO_MANY_UNKNOWN),
        }
        let Some(transaction) = &self.transaction else { return Err(replies::MAIL_FIRST) };
        let answer = Box::pin(self.shared.gate.recipient(&self.client, &transaction.mail, address)).await;
        if answer.as_ref().is_err_and(|reply| reply.enhanced() == Some((5, 1, 1))) {
            self.slot.unknown_recipient();
        }
        answer
    }
}
