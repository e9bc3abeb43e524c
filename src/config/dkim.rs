//! `[dkim]`: signing departing mail.

use serde::{Deserialize, Serialize};

use crate::model::dkim_key::Algorithm;

/// Signing departing mail.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Dkim {
    /// Whether mail is signed. Without it DMARC rests on SPF alone; turn it off only where the smarthost signs.
    pub sign: bool,
    /// One signature each: `rsa` is checked by everybody, `ed25519` is small and fast.
    pub algorithms: Vec<Algorithm>,
}

impl Dkim {
    /// The algorithms mail is signed with, each once; none when it is not signed.
    pub fn in_use(&self) -> Vec<Algorithm> {
        let mut algorithms = if self.sign { self.algorithms.clone() } else { Vec::new() };
        algorithms.sort_unstable();
        algorithms.dedup();
        algorithms
    }
}

impl Default for Dkim {
    fn default() -> Self {
        Self { sign: true, algorithms: vec![Algorithm::Rsa, Algorithm::Ed25519] }
    }
}
