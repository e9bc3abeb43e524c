//! EHLO, HELO and STARTTLS (RFC 5321 §4.1.1.1, RFC 3207).

use crate::model::Reply;
use crate::smtp::gate::Gate;
use crate::smtp::replies;
use crate::smtp::session::{Next, Session};

impl<G: Gate> Session<G> {
    /// Greets, and drops a transaction that was begun.
    pub(super) fn hello(&mut self, name: String, esmtp: bool) -> Next {
        if esmtp && self.is_out_of_turn() {
            return self.hang_up(&replies::OUT_OF_TURN);
        }
        self.transaction = None;
        self.client.helo = name;
        self.client.esmtp = esmtp;
        if !esmtp {
            return self.say(&Reply::bare(250, self.shared.hostname.clone()));
        }
        let mut lines = vec![
            self.shared.hostname.clone(),
            "PIPELINING".into(),
            format!("SIZE {}", self.shared.settings.max_message_size),
            "8BITMIME".into(),
            "SMTPUTF8".into(),
            "ENHANCEDSTATUSCODES".into(),
        ];
        if self.shared.tls.is_some() && self.client.tls.is_none() {
            lines.push("STARTTLS".into());
        }
        if self.may_log_in() {
            lines.push("AUTH PLAIN LOGIN".into());
        }
        self.wire.queue_lines(250, &lines);
        Next::Command
    }

    /// Turns TLS on. Everything learned in the clear is forgotten; a handshake that fails ends the connection.
    pub(super) async fn start_tls(&mut self) -> Next {
        if self.is_out_of_turn() {
            return self.hang_up(&replies::OUT_OF_TURN);
        }
        if self.client.tls.is_some() {
            return self.refuse(replies::TLS_ALREADY).await;
        }
        let Some(tls) = &self.shared.tls else { return self.refuse(replies::NOT_IMPLEMENTED).await };
        let acceptor = tls.acceptor();
        self.say(&replies::READY_FOR_TLS);
        if self.wire.flush().await.is_err() {
            return Next::Quit;
        }
        if !self.shake_hands(&acceptor).await {
            return Next::Quit;
        }
        Next::Command
    }
}
