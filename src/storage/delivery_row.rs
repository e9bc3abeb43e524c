//! A row of `deliveries`: read strictly by whoever hands off, and leniently where people have to see it.

use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};
use uuid::Uuid;

use crate::model::delivery::{Delivery, DeliveryKind, DeliveryState, Failure};
use crate::model::id::{AliasId, DeliveryId, MailboxId, MessageId};
use crate::model::{Address, Private, Timestamp};

use super::{Error, columns};

#[derive(sqlx::FromRow)]
pub(super) struct DeliveryRow {
    id: i64,
    uuid: Uuid,
    message_id: Option<i64>,
    kind: String,
    alias_id: Option<i64>,
    mailbox_id: Option<i64>,
    sender: Option<String>,
    recipient: String,
    state: String,
    queued_at: i64,
    next_attempt_at: i64,
    attempts: i32,
    expires_at: i64,
    last_code: Option<i32>,
    last_status: Option<String>,
    last_detail: Option<String>,
    settled_at: Option<i64>,
    /// Read where people see it.
    #[sqlx(default)]
    cancelled_because: Option<String>,
}

impl DeliveryRow {
    /// What of it makes sense, for people to look at; whoever hands off never sees this. What can't be shown is replaced.
    pub(super) fn shown(self) -> Delivery {
        const TABLE: &str = "deliveries";
        let id = self.id;
        let sender = columns::optional_address(TABLE, "sender", id, self.sender.as_deref());
        Delivery {
            id: DeliveryId(id),
            uuid: self.uuid,
            message_id: self.message_id.map(MessageId),
            kind: columns::word(TABLE, "kind", id, &self.kind).unwrap_or(DeliveryKind::Forward),
            alias_id: self.alias_id.map(AliasId),
            mailbox_id: self.mailbox_id.map(MailboxId),
            sender: sender.unwrap_or_default(),
            recipient: columns::address(TABLE, "recipient", id, &self.recipient).unwrap_or_else(|_| unreadable()),
            state: columns::word(TABLE, "state", id, &self.state).unwrap_or(DeliveryState::Failed),
            queued_at: Timestamp::from_micros(self.queued_at),
            next_attempt_at: Timestamp::from_micros(self.next_attempt_at),
            attempts: self.attempts,
            expires_at: Timestamp::from_micros(self.expires_at),
            last_failure: self.last_status.map(|status| Failure {
                code: self.last_code.and_then(|code| u16::try_from(code).ok()),
                status,
                detail: Private::new(self.last_detail.unwrap_or_default()),
            }),
            settled_at: columns::optional_time(self.settled_at),
            cancelled_because: self.cancelled_because.and_then(|word| word.parse().ok()),
        }
    }

    /// A row of which nothing but the key could be read.
    pub(super) fn nothing_but(id: i64) -> Self {
        Self {
            id,
            uuid: Uuid::nil(),
            message_id: None,
            kind: String::new(),
            alias_id: None,
            mailbox_id: None,
            sender: None,
            recipient: String::new(),
            state: String::new(),
            queued_at: 0,
            next_attempt_at: 0,
            attempts: 0,
            expires_at: 0,
            last_code: None,
            last_status: Some("5.3.0".into()),
            last_detail: Some("the delivery can not be read".into()),
            settled_at: None,
            cancelled_because: None,
        }
    }
}

/// Stands for an address that can't be read (RFC 2606: `.invalid` is nobody's).
fn unreadable() -> Address {
    Address::parse("unreadable@unreadable.invalid").expect("this is an address")
}

impl TryFrom<DeliveryRow> for Delivery {
    type Error = Error;
    fn try_from(row: DeliveryRow) -> Result<Self, Error> {
        const TABLE: &str = "deliveries";
        let code = row.last_code.map(u16::try_from).transpose().map_err(|_| Error::corrupt(TABLE, "last_code", row.id))?;
        let detail = Private::new(row.last_detail.unwrap_or_default());
        Ok(Self {
            id: DeliveryId(row.id),
            uuid: row.uuid,
            message_id: row.message_id.map(MessageId),
            kind: columns::word(TABLE, "kind", row.id, &row.kind)?,
            alias_id: row.alias_id.map(AliasId),
            mailbox_id: row.mailbox_id.map(MailboxId),
            sender: columns::optional_address(TABLE, "sender", row.id, row.sender.as_deref())?,
            recipient: columns::address(TABLE, "recipient", row.id, &row.recipient)?,
            state: columns::word(TABLE, "state", row.id, &row.state)?,
            queued_at: Timestamp::from_micros(row.queued_at),
            next_attempt_at: Timestamp::from_micros(row.next_attempt_at),
            attempts: row.attempts,
            expires_at: Timestamp::from_micros(row.expires_at),
            last_failure: row.last_status.map(|status| Failure { code, status, detail }),
            settled_at: columns::optional_time(row.settled_at),
            cancelled_because: row.cancelled_because.and_then(|word| word.parse().ok()),
        })
    }
}

/// A row with its key, decoded alone: what is wrong with it concerns no other.
pub(super) fn one_by_one<'r, R, T>(row: &'r R) -> Result<(i64, Result<T, sqlx::Error>), sqlx::Error>
where
    R: Row,
    T: FromRow<'r, R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    &'static str: ColumnIndex<R>,
{
    Ok((row.try_get("id")?, T::from_row(row)))
}
