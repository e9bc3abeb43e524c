//! What stands in for passkeys in a build without them: no ceremony begins.

use uuid::Uuid;

use super::{Begun, CeremonyError, Made, Place, Unfit};

/// Nobody is proved by a passkey.
#[derive(Debug)]
pub enum Proved {}

impl Proved {
    /// Never called.
    pub fn credential_id(&self) -> &[u8] {
        match *self {}
    }

    /// Never called.
    pub fn update(&self, _credential: &str) -> Option<String> {
        match *self {}
    }
}

/// Never begins.
pub fn begin_adding(_: &Place, _user: Uuid, _name: &str, _known: &[&str]) -> Result<Begun, CeremonyError> {
    Err(Unfit::LeftOut.into())
}

/// Never ends.
pub fn add(_: &Place, _state: &str, _answer: &str) -> Result<Made, CeremonyError> {
    Err(Unfit::LeftOut.into())
}

/// Never begins.
pub fn begin_proving(_: &Place, _known: &[&str]) -> Result<Begun, CeremonyError> {
    Err(Unfit::LeftOut.into())
}

/// Never ends.
pub fn prove(_: &Place, _state: &str, _answer: &str) -> Result<Proved, CeremonyError> {
    Err(Unfit::LeftOut.into())
}

/// Never begins.
pub fn begin_naming(_: &Place) -> Result<Begun, CeremonyError> {
    Err(Unfit::LeftOut.into())
}

/// Says of nobody who they are.
pub fn who(_answer: &str) -> Result<(Uuid, Vec<u8>), CeremonyError> {
    Err(Unfit::LeftOut.into())
}

/// Never ends.
pub fn prove_named(_: &Place, _state: &str, _answer: &str, _credential: &str) -> Result<Proved, CeremonyError> {
    Err(Unfit::LeftOut.into())
}
