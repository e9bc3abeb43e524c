//! API tokens: made and shown once, listed, revoked, and asked for at every request of a program.

use std::time::Duration;

use super::letters::security;
use super::{Desk, account_notice};
use crate::auth::api_token as secret;
use crate::model::api_token::{ApiToken, Scope, Scopes};
use crate::model::id::{ApiTokenId, UserId};
use crate::model::user::User;
use crate::model::{Private, Timestamp};
use crate::storage::api_token::NewApiToken;
use crate::storage::{self, api_token};

/// Longest name of a token, in characters.
const LONGEST_NAME: usize = 100;
/// How old the note of its last use may be.
const NOTED_EVERY: Duration = Duration::from_hours(1);

/// Why a token can't be made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// Empty, too long, or with control characters.
    #[error("a token's name has 1 to {LONGEST_NAME} characters and no control characters")]
    Name,
    /// It would be dead at once.
    #[error("the moment it expires lies in the past")]
    InThePast,
    /// It would promise what it can't do.
    #[error("only the token of an administrator can have the scope admin")]
    NotAdmin,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Who is asking, and what the token lets them do.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Whose token it is.
    pub user: User,
    /// The token.
    pub token: ApiToken,
}

/// Makes a token for whoever runs the instance, by its command line. The secret is given back this once.
pub async fn create(
    desk: &Desk,
    user_id: UserId,
    name: &str,
    scopes: Scopes,
    expires_at: Option<Timestamp>,
) -> Result<(ApiToken, Private<String>), CreateError> {
    make(desk, (user_id, None), name, scopes, expires_at, false).await
}

/// Makes a token for a user who signed in. They are told by mail: it opens their account to whoever has it.
pub async fn create_told(
    desk: &Desk,
    user_id: UserId,
    name: &str,
    scopes: Scopes,
    expires_at: Option<Timestamp>,
) -> Result<(ApiToken, Private<String>), CreateError> {
    make(desk, (user_id, None), name, scopes, expires_at, true).await
}

/// Makes a token for whoever asks by another one. Revoking that one ends this one, too: otherwise whoever got hold of a
/// token would keep what it made. Its owner is told by mail.
pub async fn create_by(
    desk: &Desk,
    maker: &ApiToken,
    name: &str,
    scopes: Scopes,
    expires_at: Option<Timestamp>,
) -> Result<(ApiToken, Private<String>), CreateError> {
    make(desk, (maker.user_id, Some(maker.id)), name, scopes, expires_at, true).await
}

async fn make(
    desk: &Desk,
    (user_id, made_by): (UserId, Option<ApiTokenId>),
    name: &str,
    scopes: Scopes,
    expires_at: Option<Timestamp>,
    is_told: bool,
) -> Result<(ApiToken, Private<String>), CreateError> {
    let name = name.trim().to_owned();
    if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        return Err(CreateError::Name);
    }
    let created_at = desk.clock.now();
    if expires_at.is_some_and(|at| at <= created_at) {
        return Err(CreateError::InThePast);
    }
    let text = secret::draw(&desk.chance);
    let hash = secret::hash(text.reveal()).unwrap_or_else(|| unreachable!("what was drawn is a token"));
    let new = NewApiToken { uuid: desk.uuid(), user_id, name, hash, scopes, created_at, expires_at, made_by };
    let desk_ = desk.clone();
    let write = desk.storage.write(move |tx| {
        Box::pin(async move {
            if new.scopes.allow(Scope::Admin) {
                let user = storage::user::find(tx, new.user_id).await?;
                user.filter(|user| user.is_admin).ok_or(CreateError::NotAdmin)?;
            }
            let token = api_token::create(tx, &new).await?;
            if is_told {
                account_notice::tell(tx, &desk_, user_id, &security::key_made(&token.name)).await?;
            }
            Ok::<_, CreateError>(token)
        })
    });
    Ok((write.await?, text))
}

/// All tokens of a user, oldest first.
pub async fn list(desk: &Desk, user: UserId) -> Result<Vec<ApiToken>, storage::Error> {
    api_token::list(&mut desk.storage.read().await?, user).await
}

/// Ends a token at once; false when the user has none with this key.
pub async fn revoke(desk: &Desk, user: UserId, id: ApiTokenId) -> Result<bool, storage::Error> {
    desk.storage.write(move |tx| Box::pin(async move { api_token::delete(tx, user, id).await })).await
}

/// Who presents this token; `None` when it is none, or not in force any more.
pub async fn authenticate(desk: &Desk, text: &str) -> Result<Option<Caller>, storage::Error> {
    let Some(hash) = secret::hash(text) else { return Ok(None) };
    let now = desk.clock.now();
    let mut tx = desk.storage.read().await?;
    let Some((token, user)) = api_token::find_caller(&mut tx, &hash, now).await? else { return Ok(None) };
    drop(tx);
    if token.last_used_at.is_none_or(|at| at <= now.minus(NOTED_EVERY)) {
        let id = token.id;
        // Only a note: that it can't be written now keeps nobody out.
        let noted = desk.storage.write(move |tx| Box::pin(async move { api_token::touch(tx, id, now).await })).await;
        if let Err(error) = noted {
            tracing::debug!(%error, "the last use of a token could not be noted");
        }
    }
    Ok(Some(Caller { user, token }))
}
