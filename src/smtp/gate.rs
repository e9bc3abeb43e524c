//! What the SMTP session asks of the broker. The session knows the protocol; the gate knows the aliases.

use std::future::Future;

pub use crate::model::app_password::Login;
pub use crate::model::envelope::{Client, MailFrom};
use crate::model::{Address, Reply};
use crate::spool::{Budget, Content};

/// The broker's side of a mail transaction. What a client may do depends on [`Client::login`]: without one it is a
/// stranger. Every method answers with the reply for the client; an `Err` of a fault
/// (database away, disk full) is a 4xx made by the gate, never a 5xx.
pub trait Gate: Send + Sync + 'static {
    /// What the gate remembers of an accepted recipient until the end of data.
    type Recipient: Send;

    /// May this transaction begin? (Free disk space, health.) 530 ends the login.
    fn sender(&self, client: &Client, mail: &MailFrom) -> impl Future<Output = Result<(), Reply>> + Send;

    /// May this recipient be accepted? Looked up live. 550 5.1.1 for unknown and killed ones alike.
    /// `address` is `None` for the domain-less `<postmaster>`.
    fn recipient(
        &self,
        client: &Client,
        mail: &MailFrom,
        address: Option<&Address>,
    ) -> impl Future<Output = Result<Self::Recipient, Reply>> + Send;

    /// The whole message for all accepted recipients (at least one, duplicates already removed by the session).
    /// A positive reply is the promise: delivered or durably kept.
    fn message(
        &self,
        client: &Client,
        mail: &MailFrom,
        recipients: Vec<Self::Recipient>,
        content: Content,
    ) -> impl Future<Output = Reply> + Send;

    /// Do this user name and password go together? 535 when they do not, whichever of the two it is; 454 when it can't be
    /// said now or the client has to wait. On success it is in [`Client::login`] from then on. A gate that does not say
    /// how lets nobody in.
    fn login(&self, _client: &Client, _name: &str, _password: &str) -> impl Future<Output = Result<Login, Reply>> + Send {
        async { Err(Reply::new(454, 7, 0, "Temporary authentication failure")) }
    }

    /// Where arriving bytes are gathered.
    fn budget(&self) -> &Budget;
}
