//! The relying party, on webauthn-rs. User verification is always asked for: the passkey is what one has, and what unlocks
//! it is what one knows or is, so that it stands for both factors.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;
use webauthn_rs::WebauthnBuilder;
use webauthn_rs::prelude::{
    AuthenticationResult, DiscoverableAuthentication, Passkey, PasskeyAuthentication, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, Webauthn, WebauthnError,
};

use super::{Begun, CeremonyError, Made, Place};

/// Somebody who was proved by a passkey.
#[derive(Debug)]
pub struct Proved(AuthenticationResult);

impl Proved {
    /// By which.
    pub fn credential_id(&self) -> &[u8] {
        self.0.cred_id().as_ref()
    }

    /// The passkey with its counter and its flags as they are now; `None` when it is another one.
    pub fn update(&self, credential: &str) -> Option<String> {
        let mut passkey: Passkey = serde_json::from_str(credential).ok()?;
        passkey.update_credential(&self.0)?;
        serde_json::to_string(&passkey).ok()
    }
}

/// Begins to add a passkey for a user who is called so; one that is known already is not added twice.
pub fn begin_adding(place: &Place, user: Uuid, name: &str, known: &[&str]) -> Result<Begun, CeremonyError> {
    let known = known.iter().map(|text| read::<Passkey>(text)).collect::<Result<Vec<_>, _>>()?;
    let exclude = known.iter().map(|passkey| passkey.cred_id().clone()).collect();
    let begun = party(place)?.start_passkey_registration(user, name, name, Some(exclude));
    let (options, state) = begun.map_err(refused)?;
    let mut begun = kept(&options, &state)?;
    // One that the device can list by itself also signs in without an address; one that can't is welcome all the same.
    if let Some(selection) = begun.options.pointer_mut("/publicKey/authenticatorSelection").and_then(Value::as_object_mut) {
        selection.insert("residentKey".into(), json!("preferred"));
    }
    Ok(begun)
}

/// Adds the passkey that the browser made.
pub fn add(place: &Place, state: &str, answer: &str) -> Result<Made, CeremonyError> {
    let state: PasskeyRegistration = read(state)?;
    let answer: RegisterPublicKeyCredential = answered(answer)?;
    let passkey = party(place)?.finish_passkey_registration(&answer, &state).map_err(refused)?;
    let credential = serde_json::to_string(&passkey).map_err(|_| CeremonyError::Damaged)?;
    Ok(Made { credential_id: passkey.cred_id().to_vec(), credential })
}

/// Begins to prove somebody by one of these passkeys.
pub fn begin_proving(place: &Place, known: &[&str]) -> Result<Begun, CeremonyError> {
    let known = known.iter().map(|text| read::<Passkey>(text)).collect::<Result<Vec<_>, _>>()?;
    let (options, state) = party(place)?.start_passkey_authentication(&known).map_err(refused)?;
    kept(&options, &state)
}

/// Proves them.
pub fn prove(place: &Place, state: &str, answer: &str) -> Result<Proved, CeremonyError> {
    let state: PasskeyAuthentication = read(state)?;
    let answer: PublicKeyCredential = answered(answer)?;
    party(place)?.finish_passkey_authentication(&answer, &state).map(Proved).map_err(refused)
}

/// Begins to prove somebody whose passkey will say who they are.
pub fn begin_naming(place: &Place) -> Result<Begun, CeremonyError> {
    let (options, state) = party(place)?.start_discoverable_authentication().map_err(refused)?;
    kept(&options, &state)
}

/// Who an answer says they are, and by which passkey. Nothing is proved by that.
pub fn who(answer: &str) -> Result<(Uuid, Vec<u8>), CeremonyError> {
    let answer: PublicKeyCredential = answered(answer)?;
    let user = answer.get_user_unique_id().and_then(|id| Uuid::from_slice(id).ok()).ok_or(CeremonyError::Refused)?;
    Ok((user, answer.get_credential_id().to_vec()))
}

/// Proves who an answer says they are, by that passkey of theirs.
pub fn prove_named(place: &Place, state: &str, answer: &str, credential: &str) -> Result<Proved, CeremonyError> {
    let state: DiscoverableAuthentication = read(state)?;
    let answer: PublicKeyCredential = answered(answer)?;
    let passkey: Passkey = read(credential)?;
    party(place)?.finish_discoverable_authentication_v2(&answer, state, &passkey).map(Proved).map_err(refused)
}

fn party(place: &Place) -> Result<Webauthn, CeremonyError> {
    let builder = WebauthnBuilder::new(&place.host, &place.origin).map_err(refused)?;
    builder.rp_name("Postern").build().map_err(refused)
}

fn refused(error: WebauthnError) -> CeremonyError {
    tracing::debug!(%error, "a passkey's answer is not right");
    CeremonyError::Refused
}

fn kept(options: &impl Serialize, state: &impl Serialize) -> Result<Begun, CeremonyError> {
    let options = serde_json::to_value(options).map_err(|_| CeremonyError::Damaged)?;
    Ok(Begun { options, state: serde_json::to_string(state).map_err(|_| CeremonyError::Damaged)? })
}

/// What we kept ourselves.
fn read<T: DeserializeOwned>(text: &str) -> Result<T, CeremonyError> {
    serde_json::from_str(text).map_err(|_| CeremonyError::Damaged)
}

/// What a browser sent.
fn answered<T: DeserializeOwned>(text: &str) -> Result<T, CeremonyError> {
    serde_json::from_str(text).map_err(|_| CeremonyError::Refused)
}
