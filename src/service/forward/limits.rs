//! Aliases that die after so many messages: one is used up, durably, before anything is handed off, and given back when
//! the message is not taken after all. Used up first, so that two messages at once never share the last one.

use super::units::{Admitted, Refused};
use crate::model::Reply;
use crate::model::id::AliasId;
use crate::policy;
use crate::service::broker::Broker;
use crate::storage::alias::{self, Route};
use crate::storage::{self};

/// Uses up one message of each of `limited`. An alias that has none left moves to the refused ones.
pub(super) async fn use_up(broker: &Broker, limited: Vec<Route>, admitted: &mut Admitted) -> Result<(), Reply> {
    for route in limited {
        let id = route.alias.id;
        let counted = broker.storage().write(move |tx| Box::pin(async move { alias::count_message(tx, id).await }));
        match counted.await {
            Ok(true) => admitted.counted.push(id),
            Ok(false) => {
                admitted.units.retain(|unit| unit.alias_id != id);
                admitted.refused.push(Refused { route, reply: policy::recipient::NO_SUCH_ADDRESS });
            }
            Err(error) => {
                give_back(broker, &admitted.counted).await;
                return Err(broker.storage_failed(&error));
            }
        }
    }
    Ok(())
}

/// Gives back what was used up for a message that was not taken.
pub(super) async fn give_back(broker: &Broker, counted: &[AliasId]) {
    if counted.is_empty() {
        return;
    }
    let ids = counted.to_vec();
    let given = broker.storage().write(move |tx| {
        Box::pin(async move {
            for id in ids {
                alias::uncount_message(tx, id).await?;
            }
            Ok::<_, storage::Error>(())
        })
    });
    if let Err(error) = given.await {
        // The alias dies one message early; the sender was told to come again and may find it dead.
        drop(broker.storage_failed(&error));
    }
}
