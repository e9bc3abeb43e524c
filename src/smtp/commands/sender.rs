//! MAIL (RFC 5321 §4.1.1.2, RFC 1870).

use std::collections::HashSet;

use crate::smtp::gate::{Gate, MailFrom};
use crate::smtp::listener::Entrance;
use crate::smtp::replies;
use crate::smtp::session::{Next, Session, Transaction};

impl<G: Gate> Session<G> {
    /// Begins a transaction.
    pub(super) async fn mail(&mut self, mail: MailFrom, auth: bool) -> Next {
        if self.client.helo.is_empty() {
            return self.refuse(replies::HELLO_FIRST).await;
        }
        if self.entrance == Entrance::Exchange {
            // Not announced here.
            if auth {
                return self.refuse(replies::BAD_PARAMETER).await;
            }
        } else if self.client.login.is_none() {
            let reply = if self.client.tls.is_none() { replies::TLS_FIRST } else { replies::LOGIN_FIRST };
            return self.refuse(reply).await;
        }
        if self.transaction.is_some() {
            return self.refuse(replies::MAIL_ALREADY).await;
        }
        if !self.slot.is_trusted() && self.messages >= self.shared.settings.max_messages {
            return self.hang_up(&replies::TOO_MANY_MESSAGES);
        }
        if mail.size.is_some_and(|size| size > self.shared.settings.max_message_size) {
            return self.say(&replies::TOO_LARGE);
        }
        let answer = Box::pin(self.shared.gate.sender(&self.client, &mail)).await;
        if let Err(reply) = answer {
            // The login does not hold any more: the client, told so, may log in anew.
            if reply.code() == replies::LOGIN_FIRST.code() {
                self.client.login = None;
            }
            return self.answer(&reply);
        }
        self.transaction = Some(Transaction { mail, recipients: Vec::new(), named: HashSet::new(), refused: false });
        self.say(&replies::SENDER_OK)
    }
}
