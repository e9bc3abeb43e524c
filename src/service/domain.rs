//! The domains of the instance.
use super::Desk;
use crate::model::DomainName;
use crate::model::id::uuid_v7;
use crate::storage::{self, domain};
/// Enters the operator's domains that are not known yet.
pub async fn ensure_instance_domains(desk: &Desk, names: &[DomainName]) -> Result<(), storage::Error> {
    let (d, names) = (desk.clone(), names.to_vec());
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                for name in names {
                    if domain::find_by_name(tx, &name).await?.is_none() {
                        domain::create(
                            tx,
                            &domain::NewDomain {
                                uuid: uuid_v7(d.clock.now(), &d.chance),
                                name,
                                user_id: None,
                                created_at: d.clock.now(),
                            },
                        )
                        .await?;
                    }
                }
                Ok(())
            })
        })
        .await
}
