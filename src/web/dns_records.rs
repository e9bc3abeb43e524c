//! The records of the instance's domains as pages show them: what to publish, what is there, what is wrong, in words.

use crate::model::DomainName;
use crate::model::domain::Domain;
use crate::service::broker::Broker;
use crate::service::dkim_key::KeyError;
use crate::service::domain_check::{self, Record, Status};
use crate::service::{StorageError, domain};

/// A domain with its records.
#[derive(Debug)]
pub struct DomainRecords {
    /// Its name.
    pub name: String,
    /// Whether nothing is left to do.
    pub is_ok: bool,
    /// The records.
    pub records: Vec<RecordView>,
}

/// A record.
#[derive(Debug)]
pub struct RecordView {
    /// `MX` or `TXT`.
    pub kind: &'static str,
    /// Fully qualified, without the dot at the end: what most forms ask for.
    pub name: String,
    /// What to publish.
    pub value: String,
    /// What it is for.
    pub purpose: &'static str,
    /// How it stands, in words.
    pub status: &'static str,
    /// Whether nothing is left to do.
    pub is_ok: bool,
    /// What is wrong, or worth knowing.
    pub note: Option<String>,
    /// What is published now, when that is something else.
    pub live: Vec<String>,
}

impl RecordView {
    /// A record in words.
    pub fn new(record: Record) -> Self {
        let status = match record.status {
            Status::Ok => "in place",
            Status::Missing => "missing",
            Status::Wrong => "needs a change",
            Status::Unknown => "not found out",
        };
        Self {
            kind: record.kind,
            name: record.name.trim_end_matches('.').to_owned(),
            is_ok: record.status == Status::Ok,
            live: record.live.into_iter().filter(|live| *live != record.value).collect(),
            value: record.value,
            purpose: record.purpose,
            status,
            note: record.note,
        }
    }
}

/// The domains everybody may use, each checked now.
pub async fn of_instance(broker: &Broker) -> Result<Vec<DomainRecords>, StorageError> {
    let domains: Vec<Domain> = domain::list(&broker.desk).await?.into_iter().filter(|domain| domain.user_id.is_none()).collect();
    let checks = domains.iter().map(|domain| of_domain(broker, &domain.name));
    futures_util::future::try_join_all(checks).await
}

async fn of_domain(broker: &Broker, name: &DomainName) -> Result<DomainRecords, StorageError> {
    let records = match domain_check::check(&broker.desk, &broker.surroundings(), name).await {
        Ok(records) => records,
        Err(KeyError::Storage(error)) => return Err(error),
        // Removed meanwhile, or its keys could not be made: there is nothing to publish yet.
        Err(KeyError::UnknownDomain | KeyError::NothingWaits | KeyError::Generate(_)) => Vec::new(),
    };
    let records: Vec<RecordView> = records.into_iter().map(RecordView::new).collect();
    let is_ok = !records.is_empty() && records.iter().all(|record| record.is_ok);
    Ok(DomainRecords { name: name.to_string(), is_ok, records })
}
