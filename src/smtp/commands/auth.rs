//! AUTH with PLAIN (RFC 4616) and LOGIN (RFC 4954): at the entrances for users only, under TLS only.
//!
//! Whatever is wrong with the exchange ends it with 501 and the session goes on; wrong credentials are 535, the same
//! for an unknown user and a wrong password, and the third time the end of the connection.

use data_encoding::BASE64;

use crate::model::Private;
use crate::smtp::gate::Gate;
use crate::smtp::listener::Entrance;
use crate::smtp::replies;
use crate::smtp::session::{Incoming, Next, Session};

/// Failed logins before the connection is closed.
const MOST_FAILURES: u32 = 3;
/// `Username:` and `Password:`, as every client of LOGIN knows them.
const ASK_NAME: &str = "VXNlcm5hbWU6";
const ASK_PASSWORD: &str = "UGFzc3dvcmQ6";

/// A user name and a password. Has no `Debug`.
struct Credentials {
    name: String,
    password: Private<String>,
}

/// Why an exchange came to nothing; what the session does next is in it.
struct Ended(Next);

impl<G: Gate> Session<G> {
    /// Whether AUTH is offered.
    pub(super) fn may_log_in(&self) -> bool {
        self.entrance != Entrance::Exchange && self.client.tls.is_some()
    }

    /// Whether AUTH could succeed now.
    pub(in crate::smtp) fn may_still_log_in(&self) -> bool {
        self.may_log_in() && self.client.login.is_none() && self.transaction.is_none()
    }

    /// Logs the client in, or not.
    pub(super) async fn auth(&mut self, arguments: &str) -> Next {
        if self.entrance == Entrance::Exchange {
            return self.refuse(replies::NOT_IMPLEMENTED).await;
        }
        if self.is_out_of_turn() {
            return self.hang_up(&replies::OUT_OF_TURN);
        }
        if !self.may_log_in() {
            return self.refuse(replies::TLS_FOR_AUTH).await;
        }
        if !self.client.esmtp {
            return self.refuse(replies::HELLO_FIRST).await;
        }
        if self.client.login.is_some() {
            return self.refuse(replies::LOGGED_IN_ALREADY).await;
        }
        if self.transaction.is_some() {
            return self.refuse(replies::NOT_NOW).await;
        }
        let (mechanism, initial) = arguments.split_once(' ').map_or((arguments, None), |(one, rest)| (one, Some(rest.trim())));
        let exchange = match mechanism.to_ascii_uppercase().as_str() {
            "PLAIN" => Box::pin(self.plain(initial)).await,
            "LOGIN" => Box::pin(self.plain_login(initial)).await,
            "" => return self.refuse(replies::BAD_ARGUMENTS).await,
            _ => return self.refuse(replies::UNKNOWN_MECHANISM).await,
        };
        match exchange {
            Ok(credentials) => Box::pin(self.try_login(&credentials)).await,
            Err(Ended(next)) => next,
        }
    }

    async fn plain(&mut self, initial: Option<&str>) -> Result<Credentials, Ended> {
        let response = match initial {
            Some(text) => self.decoded(text).await?,
            None => self.respond("").await?,
        };
        match credentials(response.reveal()) {
            Some(credentials) => Ok(credentials),
            None => Err(Ended(self.refuse(replies::NOT_BASE64).await)),
        }
    }

    /// LOGIN: two questions, the first of which some clients answer before it is asked.
    async fn plain_login(&mut self, initial: Option<&str>) -> Result<Credentials, Ended> {
        let name = match initial {
            Some(text) => self.decoded(text).await?,
            None => self.respond(ASK_NAME).await?,
        };
        let password = self.respond(ASK_PASSWORD).await?;
        Ok(Credentials { name: name.into_inner(), password })
    }

    /// Asks a question, and the decoded answer.
    async fn respond(&mut self, question: &str) -> Result<Private<String>, Ended> {
        self.wire.queue_lines(334, &[question.to_owned()]);
        let line = |line: &str| Private::new(line.trim_end_matches(['\r', '\n']).to_owned());
        match self.read(line).await {
            Incoming::Line(text) if text.reveal() == "*" => Err(Ended(self.refuse(replies::CANCELLED).await)),
            Incoming::Line(text) => self.decoded(text.reveal()).await,
            Incoming::TooLong => Err(Ended(self.refuse(replies::RESPONSE_TOO_LONG).await)),
            Incoming::Invalid => Err(Ended(self.refuse(replies::NOT_BASE64).await)),
            ended => Err(Ended(self.end(&ended))),
        }
    }

    async fn decoded(&mut self, text: &str) -> Result<Private<String>, Ended> {
        match decode(text) {
            Some(decoded) => Ok(decoded),
            None => Err(Ended(self.refuse(replies::NOT_BASE64).await)),
        }
    }

    async fn try_login(&mut self, credentials: &Credentials) -> Next {
        let gate = &self.shared.gate;
        match gate.login(&self.client, &credentials.name, credentials.password.reveal()).await {
            Ok(login) => {
                self.client.login = Some(login);
                self.say(&replies::LOGGED_IN)
            }
            Err(reply) => {
                tracing::info!(reply.code = reply.code(), "a login failed");
                let next = self.answer(&reply);
                // Anything else than 535 says nothing about the credentials.
                self.failed_logins += u32::from(reply.code() == 535);
                if next != Next::Command || self.failed_logins < MOST_FAILURES {
                    return next;
                }
                // A program must hear first that its password is wrong, or it tries the same again later.
                self.hang_up(&replies::TOO_MANY_LOGINS)
            }
        }
    }
}

/// An answer out of its base64; `=` alone is an empty one (RFC 4954 §4).
fn decode(text: &str) -> Option<Private<String>> {
    let text = if text == "=" { "" } else { text };
    BASE64.decode(text.as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok()).map(Private::new)
}

/// The answer of PLAIN: role, user name and password, a NUL between (RFC 4616 §2). Nobody has another role than oneself.
fn credentials(response: &str) -> Option<Credentials> {
    let mut parts = response.split('\0');
    let (role, name, password) = (parts.next()?, parts.next()?, parts.next()?);
    let is_sound = parts.next().is_none() && !name.is_empty() && (role.is_empty() || role == name);
    is_sound.then(|| Credentials { name: name.to_owned(), password: Private::new(password.to_owned()) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_has_three_parts_and_no_foreign_role() {
        let read = |response: &str| credentials(response).map(|found| (found.name, found.password.into_inner()));
        let ann = Some(("ann".to_owned(), "pw".to_owned()));
        assert_eq!((read("\0ann\0pw"), read("ann\0ann\0pw")), (ann.clone(), ann));
        for response in ["", "ann", "ann\0pw", "\0\0pw", "root\0ann\0pw", "\0ann\0p\0w"] {
            assert_eq!(read(response), None, "{response:?}");
        }
    }

    proptest! {
        #[test]
        fn any_answer_is_read_or_refused(text in "\\PC{0,60}", bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            drop(decode(&text));
            let decoded = decode(&BASE64.encode(&bytes));
            prop_assert_eq!(decoded.is_some(), std::str::from_utf8(&bytes).is_ok());
            if let Some(found) = decoded.as_ref().and_then(|decoded| credentials(decoded.reveal())) {
                prop_assert!(!found.name.contains('\0') && !found.password.reveal().contains('\0'));
            }
        }
    }
}
