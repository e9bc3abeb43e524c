//! The broker as the session's gate: strangers' mail is forwarded, what somebody who logged in hands in is sent.

use super::gate::{Client, Gate, Login, MailFrom};
use crate::model::{Address, Reply};
use crate::service::broker::Broker;
use crate::service::{forward, submit};
use crate::spool::{Budget, Content};

/// A recipient that was accepted.
#[derive(Debug)]
pub enum Recipient {
    /// Of mail that comes in.
    In(forward::Recipient),
    /// Of mail that goes out.
    Out(submit::Recipient),
}

impl Gate for Broker {
    type Recipient = Recipient;

    async fn sender(&self, client: &Client, mail: &MailFrom) -> Result<(), Reply> {
        forward::sender(self, mail)?;
        match client.login {
            Some(login) => submit::sender(self, login).await,
            None => Ok(()),
        }
    }

    async fn recipient(&self, client: &Client, mail: &MailFrom, address: Option<&Address>) -> Result<Recipient, Reply> {
        match client.login {
            Some(login) => submit::recipient(self, login, address).await.map(Recipient::Out),
            None => forward::recipient(self, mail, address).await.map(Recipient::In),
        }
    }

    async fn message(&self, client: &Client, mail: &MailFrom, recipients: Vec<Recipient>, content: Content) -> Reply {
        let (mut arriving, mut leaving) = (Vec::new(), Vec::new());
        for recipient in recipients {
            match recipient {
                Recipient::In(recipient) => arriving.push(recipient),
                Recipient::Out(recipient) => leaving.push(recipient),
            }
        }
        match client.login {
            // Nobody logs in or out within a transaction, so there is one kind only.
            Some(login) if arriving.is_empty() => submit::message(self, client, login, mail, leaving, content).await,
            None if leaving.is_empty() => forward::message(self, client, mail, arriving, content).await,
            _ => Reply::internal_error(),
        }
    }

    async fn login(&self, client: &Client, name: &str, password: &str) -> Result<Login, Reply> {
        submit::login(self, client.ip, name, password).await
    }

    fn budget(&self) -> &Budget {
        &self.budget
    }
}
