//! DNS records a domain needs, as answers show them: what to publish, and what is wrong with what is published.

use serde::Serialize;
use utoipa::ToSchema;

use crate::service::domain_check::{Record, Status};

/// How a record stands.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RecordStatus {
    /// Published and right.
    Ok,
    /// Not published.
    Missing,
    /// Published, but it says something else.
    Wrong,
    /// It can't be looked up now.
    Unknown,
}

/// A DNS record the domain needs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DnsRecord)]
pub struct RecordShape {
    /// Its full name, with the dot at the end.
    #[schema(example = "_dmarc.you.example.")]
    name: String,
    /// `MX` or `TXT`.
    #[schema(example = "TXT")]
    r#type: &'static str,
    /// What to publish, in one piece.
    #[schema(example = "v=DMARC1; p=quarantine")]
    value: String,
    /// The same as it stands in a zone file.
    #[schema(example = "\"v=DMARC1; p=quarantine\"")]
    data: String,
    /// What it is for.
    purpose: &'static str,
    /// What is published now.
    live: Vec<String>,
    /// How it stands.
    status: RecordStatus,
    /// What is wrong, or worth knowing.
    note: Option<String>,
}

impl From<Record> for RecordShape {
    fn from(record: Record) -> Self {
        Self {
            name: record.name,
            r#type: record.kind,
            value: record.value,
            data: record.data,
            purpose: record.purpose,
            live: record.live,
            status: match record.status {
                Status::Ok => RecordStatus::Ok,
                Status::Missing => RecordStatus::Missing,
                Status::Wrong => RecordStatus::Wrong,
                Status::Unknown => RecordStatus::Unknown,
            },
            note: record.note,
        }
    }
}
