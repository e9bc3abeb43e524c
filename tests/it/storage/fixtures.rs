//! Rows to start from.

use futures_util::future::BoxFuture;
use postern::model::alias::Alias;
use postern::model::delivery::{DeliveryKind, Failure, Lease};
use postern::model::domain::Domain;
use postern::model::id::{DeliveryId, MessageId};
use postern::model::mailbox::Mailbox;
use postern::model::user::User;
use postern::model::{DomainName, Private, Timestamp};
use postern::spool::Content;
use postern::storage::alias::NewAlias;
use postern::storage::delivery::NewDelivery;
use postern::storage::domain::NewDomain;
use postern::storage::mailbox::NewMailbox;
use postern::storage::message::NewMessage;
use postern::storage::user::NewUser;
use postern::storage::{Error, Tx, alias, delivery, domain, mailbox, message, user};

use crate::support::database::{Database, address};

/// Ann, her verified mailbox, a shared domain and one active alias on it.
pub struct House {
    pub user: User,
    pub mailbox: Mailbox,
    pub domain: Domain,
    pub alias: Alias,
}

/// Writes with storage errors: the type is said once.
pub async fn write<T: Send + 'static>(
    database: &Database,
    work: impl for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    database.storage.write(work).await
}

pub async fn new_user(database: &Database, email: &str) -> User {
    let new = NewUser { uuid: database.uuid(), email: address(email), is_admin: false, created_at: database.now() };
    write(database, move |tx| Box::pin(async move { user::create(tx, &new).await })).await.unwrap()
}

pub async fn new_mailbox(database: &Database, user: &User, text: &str, verified: bool) -> Mailbox {
    let new = NewMailbox {
        uuid: database.uuid(),
        user_id: user.id,
        address: address(text),
        verified_at: verified.then(|| database.now()),
        is_default: false,
        created_at: database.now(),
    };
    write(database, move |tx| Box::pin(async move { mailbox::create(tx, &new).await })).await.unwrap()
}

pub async fn new_domain(database: &Database, name: &str) -> Domain {
    let new =
        NewDomain { uuid: database.uuid(), name: DomainName::parse(name).unwrap(), user_id: None, created_at: database.now() };
    write(database, move |tx| Box::pin(async move { domain::create(tx, &new).await })).await.unwrap()
}

pub fn alias_of(database: &Database, house_user: &User, domain: &Domain, text: &str, mailboxes: &[&Mailbox]) -> NewAlias {
    NewAlias {
        uuid: database.uuid(),
        user_id: house_user.id,
        domain_id: domain.id,
        address: address(text),
        site: None,
        note: String::new(),
        expires_at: None,
        max_messages: None,
        mailboxes: mailboxes.iter().map(|mailbox| mailbox.id).collect(),
        created_at: database.now(),
    }
}

pub async fn new_alias(database: &Database, new: NewAlias) -> Result<Alias, Error> {
    write(database, move |tx| Box::pin(async move { alias::create(tx, &new).await })).await
}

pub async fn house(database: &Database) -> House {
    let user = new_user(database, "ann@inbox.example").await;
    let mailbox = new_mailbox(database, &user, "Ann@inbox.example", true).await;
    let domain = new_domain(database, "alias.example").await;
    let alias = new_alias(database, alias_of(database, &user, &domain, "shop@alias.example", &[&mailbox])).await.unwrap();
    House { user, mailbox, domain, alias }
}

pub fn failure() -> Failure {
    Failure { code: Some(451), status: "4.3.0".into(), detail: Private::new("mx.inbox.example said: later".into()) }
}

pub fn lease(database: &Database, owner: &str, until: Timestamp) -> Lease {
    Lease { owner: owner.into(), token: database.uuid(), until }
}

/// Keeps a message with that body.
pub async fn new_message(database: &Database, body: &'static [u8]) -> MessageId {
    let content = Content::from_bytes(body);
    let new = NewMessage {
        uuid: database.uuid(),
        received_at: database.now(),
        sender: Some(address("News@lg.example")),
        client_ip: "2001:db8::7".parse().unwrap(),
        helo: "mail.lg.example".into(),
        header: b"Subject: x\r\n".to_vec(),
        body_length: body.len() as u64,
        body_sha256: message::digest(&content).await.unwrap(),
        eight_bit: true,
        smtputf8: false,
    };
    write(database, move |tx| {
        Box::pin(async move {
            let id = message::insert(tx, &new).await?;
            message::insert_body(tx, id, &content).await?;
            Ok(id)
        })
    })
    .await
    .unwrap()
}

pub fn delivery_of(database: &Database, house: &House, message: MessageId) -> NewDelivery {
    let now = database.now();
    NewDelivery {
        uuid: database.uuid(),
        message_id: message,
        kind: DeliveryKind::Forward,
        alias_id: Some(house.alias.id),
        mailbox_id: Some(house.mailbox.id),
        sender: Some(address("bounce+abc@alias.example")),
        recipient: house.mailbox.address.clone(),
        header: b"From: x\r\n".to_vec(),
        queued_at: now,
        next_attempt_at: now,
        attempts: 1,
        expires_at: now.plus(std::time::Duration::from_hours(120)),
        site: None,
        lease: None,
        last_failure: Some(failure()),
        held: false,
        sealed: false,
    }
}

pub async fn enqueue(database: &Database, new: NewDelivery) -> DeliveryId {
    write(database, move |tx| Box::pin(async move { delivery::insert(tx, &new).await })).await.unwrap()
}

/// `write!(database, tx => expression)` with storage errors.
macro_rules! commit {
    ($database:expr, $tx:ident => $work:expr) => {
        $crate::storage::fixtures::write(&$database, move |$tx| Box::pin(async move { $work.await })).await
    };
}
pub(crate) use commit;

/// Reads on a connection outside any transaction.
macro_rules! read {
    ($database:expr, $tx:ident => $work:expr) => {{
        let mut connection = $database.storage.read().await.unwrap();
        let $tx = &mut connection;
        $work.await.unwrap()
    }};
}
pub(crate) use read;
