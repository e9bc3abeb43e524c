//! `[sender_auth]`: what becomes of mail whose author's domain disowns it.

use serde::{Deserialize, Serialize};

/// Authentication of arriving mail.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SenderAuth {
    /// What the policy of the author's domain (DMARC) does here.
    pub dmarc: DmarcMode,
    /// Whether forwarded copies continue the ARC chain (RFC 8617) with what was found out here.
    pub seal_arc: bool,
}

/// What DMARC does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DmarcMode {
    /// What a policy of `reject` disowns is refused; `quarantine` adds a warning; what can't be found out is put off.
    #[default]
    Enforce,
    /// Everything is delivered, with a warning where `enforce` would refuse or warn.
    Tag,
    /// Nothing is looked up and nothing is noted.
    Off,
}
