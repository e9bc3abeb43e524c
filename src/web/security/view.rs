//! What `/security` shows.

use askama::Template;

use super::agent::in_words;
use crate::model::Timestamp;
use crate::service::broker::Broker;
use crate::service::{factor, mailbox, passkey, session};
use crate::web::chrome::Chrome;
use crate::web::failure::Failure;
use crate::web::passkey::origin;
use crate::web::session::SignedIn;

/// The page.
#[derive(Debug, Template)]
#[template(path = "security.html", config = "src/web/askama.toml")]
pub(super) struct Page {
    pub chrome: Chrome,
    email: String,
    /// Whether a dangerous act may follow without asking again.
    is_confirmed: bool,
    totp: bool,
    /// Whether there is a second factor at all, and how many recovery codes are left.
    is_two_step: bool,
    codes_left: i64,
    passkeys: Vec<PasskeyRow>,
    /// Where passkeys belong, or why there can't be any.
    passkey_origin: Option<String>,
    passkeys_unfit: String,
    with_passkeys: bool,
    sessions: Vec<SessionRow>,
    /// Other mailboxes of theirs that they could sign in with.
    addresses: Vec<AddressRow>,
}

#[derive(Debug)]
struct PasskeyRow {
    id: String,
    name: String,
    added: String,
    used: String,
}

#[derive(Debug)]
struct SessionRow {
    id: String,
    browser: String,
    from: String,
    since: String,
    used: String,
    is_this: bool,
}

#[derive(Debug)]
struct AddressRow {
    id: String,
    address: String,
}

impl Page {
    /// The page as things stand.
    pub(super) async fn of(broker: &Broker, who: &SignedIn) -> Result<Self, Failure> {
        let (desk, user) = (&broker.desk, &who.user);
        let factors = factor::find(desk, user.id).await?;
        let mailboxes = mailbox::list(desk, user.id).await?;
        let addresses = mailboxes.iter().filter(|mailbox| mailbox.verified_at.is_some());
        let addresses = addresses.filter(|mailbox| mailbox.address.folded() != user.email.folded());
        Ok(Self {
            chrome: who.chrome("Security"),
            email: user.email.to_string(),
            is_confirmed: who.session.is_confirmed(broker.now()),
            totp: factors.totp,
            is_two_step: factor::are_asked(&factors),
            codes_left: factors.recovery_codes,
            passkeys: if passkey::BUILT { passkeys(broker, who).await? } else { Vec::new() },
            passkey_origin: origin(broker),
            passkeys_unfit: passkey::place(&broker.rules.public_url).err().map(|unfit| unfit.to_string()).unwrap_or_default(),
            with_passkeys: passkey::BUILT,
            sessions: sessions(broker, who).await?,
            addresses: addresses
                .map(|mailbox| AddressRow { id: mailbox.uuid.to_string(), address: mailbox.address.to_string() })
                .collect(),
        })
    }
}

impl Page {
    /// What is said to whoever came in by a recovery code; nothing where no second factor is asked for any more.
    pub(super) fn rescued(&self) -> Option<String> {
        let left = match self.codes_left {
            0 => "none is left".to_owned(),
            1 => "one is left".to_owned(),
            left => format!("{left} are left"),
        };
        let then = if self.totp { "turn codes off here, with your password" } else { "remove its passkey here" };
        let said = format!(
            "You came in with a recovery code; it does not work again, and {left}. Is your phone lost? Then {then}, and set up another one."
        );
        self.is_two_step.then_some(said)
    }
}

async fn passkeys(broker: &Broker, who: &SignedIn) -> Result<Vec<PasskeyRow>, Failure> {
    let found = passkey::list(&broker.desk, who.user_id()).await?;
    let row = |passkey: crate::model::passkey::Passkey| PasskeyRow {
        id: passkey.uuid.to_string(),
        name: passkey.name,
        added: moment(passkey.created_at),
        used: passkey.last_used_at.map_or_else(|| "never".to_owned(), moment),
    };
    Ok(found.into_iter().map(row).collect())
}

async fn sessions(broker: &Broker, who: &SignedIn) -> Result<Vec<SessionRow>, Failure> {
    let found = session::list(&broker.desk, who.user_id()).await?;
    let row = |session: crate::model::session::Session| SessionRow {
        id: session.uuid.to_string(),
        browser: in_words(&session.user_agent),
        from: session.client_ip.to_canonical().to_string(),
        since: moment(session.created_at),
        used: moment(session.last_seen_at),
        is_this: session.id == who.session.id,
    };
    Ok(found.into_iter().map(row).collect())
}

/// A moment to the minute, without a zone to get wrong.
fn moment(at: Timestamp) -> String {
    let text: String = at.to_rfc3339().chars().take(16).collect();
    format!("{} UTC", text.replace('T', " "))
}
