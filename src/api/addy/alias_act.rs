//! What is done to an alias with one word, alone or to many at once. Clients know three states: active (which locked ones
//! are, too), inactive, deleted; only a deleted one can be restored, and it can't be activated before.

use super::caller::Caller;
use super::error::ApiError;
use crate::model::alias::AliasState;
use crate::service::alias;
use crate::service::alias_change::{self, Change};
use crate::service::alias_page::Listed;
use crate::service::broker::Broker;

/// The word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Take mail again.
    Activate,
    /// Take none for now.
    Deactivate,
    /// Show first.
    Pin,
    /// Show among the others.
    Unpin,
    /// Kill.
    Delete,
    /// Revive.
    Restore,
    /// Remove for good.
    Forget,
}

/// Does it to an alias of the caller; false when there was nothing to do, or nothing that this word can do.
pub async fn act(broker: &Broker, caller: &Caller, listed: &Listed, act: Act) -> Result<bool, ApiError> {
    let state = listed.alias.state;
    let is_killed = state == AliasState::Killed;
    match act {
        Act::Activate if state == AliasState::Paused => set_state(broker, caller, listed, AliasState::Active).await,
        Act::Deactivate if matches!(state, AliasState::Active | AliasState::Locked) => {
            set_state(broker, caller, listed, AliasState::Paused).await
        }
        Act::Delete if !is_killed => set_state(broker, caller, listed, AliasState::Killed).await,
        Act::Restore if is_killed => set_state(broker, caller, listed, AliasState::Active).await,
        Act::Activate | Act::Deactivate | Act::Delete | Act::Restore => Ok(false),
        Act::Pin => pin(broker, caller, listed, true).await,
        Act::Unpin => pin(broker, caller, listed, false).await,
        Act::Forget => {
            alias_change::forget(&broker.desk, caller.user_id(), listed.alias.id).await?;
            Ok(true)
        }
    }
}

async fn set_state(broker: &Broker, caller: &Caller, listed: &Listed, state: AliasState) -> Result<bool, ApiError> {
    Ok(alias::set_state(&broker.desk, caller.user_id(), &listed.alias.address, state).await?.changed)
}

async fn pin(broker: &Broker, caller: &Caller, listed: &Listed, pinned: bool) -> Result<bool, ApiError> {
    if listed.pinned == pinned {
        return Ok(false);
    }
    let change = Change { pinned: Some(pinned), ..Change::default() };
    alias_change::change(&broker.desk, caller.user_id(), listed.alias.id, change).await?;
    Ok(true)
}
