//! Sessions: a browser signs in, comes back, proves again who sits there, signs out.

use std::net::IpAddr;
use std::time::Duration;

use uuid::Uuid;

use super::Desk;
use crate::auth::opaque;
use crate::model::id::UserId;
use crate::model::session::Session;
use crate::model::user::User;
use crate::model::{Private, Timestamp};
use crate::storage::session::NewSession;
use crate::storage::{self, Tx, session, user};

/// How long a session lasts without being used.
const IDLE: Duration = Duration::from_hours(30 * 24);
/// How long one waits for the second factor.
const HALF: Duration = Duration::from_mins(15);
/// How old the note of its last use may be.
const NOTED_EVERY: Duration = Duration::from_mins(1);
/// What is kept of what a browser says it is.
const LONGEST_AGENT: usize = 300;

/// What is known of a browser that signs in.
#[derive(Debug, Clone)]
pub struct Browser {
    /// What it says it is.
    pub user_agent: String,
    /// Where it comes from.
    pub ip: IpAddr,
}

/// A browser that is signed in, and who sits there.
#[derive(Debug, Clone)]
pub struct Present {
    /// Who.
    pub user: User,
    /// The session.
    pub session: Session,
}

/// What a session's cookie is to hold, and what it is looked up by.
#[derive(Debug, Clone)]
pub(super) struct Fresh {
    /// For the cookie.
    pub secret: Private<String>,
    /// For the table.
    pub hash: [u8; 32],
}

impl Fresh {
    /// Draws it.
    pub(super) fn draw(desk: &Desk) -> Self {
        let secret = opaque::draw(&desk.chance);
        let hash = opaque::hash(secret.reveal()).unwrap_or_else(|| unreachable!("what was drawn is a secret"));
        Self { secret, hash }
    }
}

/// Begins a session; what the cookie holds is given back this once. With `needs_factor` nothing is open yet.
pub async fn open(
    desk: &Desk,
    user_id: UserId,
    needs_factor: bool,
    browser: Browser,
) -> Result<(Session, Private<String>), storage::Error> {
    let (Fresh { secret, hash }, now) = (Fresh::draw(desk), desk.clock.now());
    let new = NewSession {
        uuid: desk.uuid(),
        user_id,
        hash,
        needs_factor,
        created_at: now,
        expires_at: now.plus(if needs_factor { HALF } else { IDLE }),
        user_agent: browser.user_agent.chars().filter(|c| !c.is_control()).take(LONGEST_AGENT).collect(),
        client_ip: browser.ip,
    };
    let session = desk.storage.write(move |tx| Box::pin(async move { session::create(tx, &new).await })).await?;
    Ok((session, secret))
}

/// Whose session a cookie holds, with or without the second factor; `None` when it holds none in force.
pub async fn find(desk: &Desk, secret: &str) -> Result<Option<Present>, storage::Error> {
    let Some(hash) = opaque::hash(secret) else { return Ok(None) };
    let now = desk.clock.now();
    let mut tx = desk.storage.read().await?;
    let Some(session) = session::find_in_force(&mut tx, &hash, now).await? else { return Ok(None) };
    let Some(user) = user::find(&mut tx, session.user_id).await? else { return Ok(None) };
    drop(tx);
    if !session.needs_factor && now.since(session.last_seen_at) >= NOTED_EVERY {
        let id = session.id;
        let noted =
            desk.storage.write(move |tx| Box::pin(async move { session::touch(tx, id, now, now.plus(IDLE)).await })).await;
        // Only a note: that it can't be written now keeps nobody out.
        if let Err(error) = noted {
            tracing::debug!(%error, "the last use of a session could not be noted");
        }
    }
    Ok(Some(Present { user, session }))
}

/// The name of the cookie on an instance that is seen from outside at this address. `__Host-` binds it to this very host
/// (RFC 6265bis §4.1.3.2); browsers take that over HTTPS only.
pub fn cookie_name(public_url: &str) -> &'static str {
    if public_url.starts_with("https://") { "__Host-postern" } else { "postern" }
}

/// What the field `Cookie` of a request holds for a session.
pub fn in_cookie<'a>(fields: impl IntoIterator<Item = &'a str>, public_url: &str) -> Option<&'a str> {
    let name = cookie_name(public_url);
    let mut pairs = fields.into_iter().flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(found, _)| *found == name).map(|(_, value)| value)
}

/// What a form of this session carries, so that no other site can have written it.
pub fn form_token(secret: &str) -> String {
    opaque::derive(secret, "form")
}

/// Records in a transaction that the user proved who they are, every factor that is asked for included.
pub async fn confirm_in(tx: &mut Tx, session: &Session, now: Timestamp) -> Result<bool, storage::Error> {
    session::confirm(tx, session.id, now, now.plus(IDLE)).await
}

/// Makes half a session a whole one under another secret: whoever planted or saw the one before has nothing (session
/// fixation). False when the session is gone.
pub(super) async fn rotate_in(tx: &mut Tx, session: &Session, fresh: &Fresh, now: Timestamp) -> Result<bool, storage::Error> {
    session::rotate(tx, session.id, &fresh.hash, now).await?;
    session::confirm(tx, session.id, now, now.plus(IDLE)).await
}

/// Records in a transaction of its own what [`confirm_in`] does; false when the session is gone.
pub async fn confirm(desk: &Desk, session: &Session) -> Result<bool, storage::Error> {
    let (session, now) = (session.clone(), desk.clock.now());
    desk.storage.write(move |tx| Box::pin(async move { confirm_in(tx, &session, now).await })).await
}

/// A user's sessions, the last used first.
pub async fn list(desk: &Desk, user: UserId) -> Result<Vec<Session>, storage::Error> {
    session::list(&mut desk.storage.read().await?, user, desk.clock.now()).await
}

/// Ends one at once; false when the user has none with this id.
pub async fn end(desk: &Desk, user: UserId, uuid: Uuid) -> Result<bool, storage::Error> {
    desk.storage.write(move |tx| Box::pin(async move { session::delete(tx, user, uuid).await })).await
}

/// Ends all of a user's but that one; how many.
pub async fn end_others(desk: &Desk, user: UserId, keep: Option<&Session>) -> Result<u64, storage::Error> {
    let keep = keep.map(|session| session.id);
    desk.storage.write(move |tx| Box::pin(async move { session::delete_others(tx, user, keep).await })).await
}
