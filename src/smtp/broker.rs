//! The broker as the session's gate.

use super::gate::{Client, Gate, MailFrom};
use crate::model::{Address, Reply};
use crate::service::broker::Broker;
use crate::service::forward::{self, Recipient};
use crate::spool::{Budget, Content};

impl Gate for Broker {
    type Recipient = Recipient;

    async fn sender(&self, _client: &Client, mail: &MailFrom) -> Result<(), Reply> {
        forward::sender(self, mail)
    }

    async fn recipient(&self, _client: &Client, mail: &MailFrom, address: Option<&Address>) -> Result<Recipient, Reply> {
        forward::recipient(self, mail, address).await
    }

    async fn message(&self, client: &Client, mail: &MailFrom, recipients: Vec<Recipient>, content: Content) -> Reply {
        forward::message(self, client, mail, recipients, content).await
    }

    fn budget(&self) -> &Budget {
        &self.budget
    }
}
