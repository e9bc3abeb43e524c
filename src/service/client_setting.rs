//! What phones let their users choose: where and how aliases are made when nothing is said.

use super::{Desk, domain};
use crate::model::DomainName;
use crate::model::client_setting::{ClientSettings, Generator, SenderFormat, SuffixFormat};
use crate::model::id::UserId;
use crate::storage::{self, client_setting};

/// What is changed; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// How names are drawn.
    pub generator: Option<Generator>,
    /// Where aliases are made.
    pub domain: Option<DomainName>,
    /// Whether the user wants news.
    pub notification: Option<bool>,
    /// How senders are shown.
    pub sender: Option<SenderFormat>,
    /// What names end in.
    pub suffix: Option<SuffixFormat>,
}

/// Why a choice can't be kept.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// Not a domain this user may use.
    #[error("there is no such domain, or it is someone else's")]
    UnknownDomain,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// A user's choices; the domain only while it can be used.
pub async fn get(desk: &Desk, user: UserId) -> Result<ClientSettings, storage::Error> {
    let mut settings = client_setting::get(&mut desk.storage.read().await?, user).await?;
    if let Some(name) = settings.domain.take() {
        let usable = domain::list_usable(desk, user).await?;
        settings.domain = usable.iter().any(|domain| domain.name == name).then_some(name);
    }
    Ok(settings)
}

/// Changes a user's choices; all of them as they are then.
pub async fn change(desk: &Desk, user: UserId, change: Change) -> Result<ClientSettings, ChangeError> {
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                let mut settings = client_setting::get(tx, user).await?;
                if let Some(name) = change.domain {
                    let usable = storage::domain::list_usable(tx, user).await?;
                    if !usable.iter().any(|domain| domain.name == name) {
                        return Err(ChangeError::UnknownDomain);
                    }
                    settings.domain = Some(name);
                }
                settings.generator = change.generator.unwrap_or(settings.generator);
                settings.notification = change.notification.unwrap_or(settings.notification);
                settings.sender = change.sender.unwrap_or(settings.sender);
                settings.suffix = change.suffix.unwrap_or(settings.suffix);
                client_setting::put(tx, user, &settings).await?;
                Ok(settings)
            })
        })
        .await
}
