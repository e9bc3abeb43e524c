//! What is done with one alias: each act is one form, changes one thing, and says so.

use axum::extract::State;
use axum::response::Response;
use uuid::Uuid;

use super::forms;
use super::view::Page;
use crate::model::Address;
use crate::model::alias::{Alias, AliasState};
use crate::model::contact::Contact;
use crate::service::alias::{self, GetError, StateError};
use crate::service::alias_change::{self, ChangeError};
use crate::service::broker::Broker;
use crate::service::contact::{self, ContactError};
use crate::service::{alias_page, contact_page};
use crate::web::failure::Failure;
use crate::web::form::{Checked, Fields, MENDABLE, encode};
use crate::web::id::{Id, Ids};
use crate::web::pages;
use crate::web::session::SignedIn;

/// Opens, locks, pauses, kills or revives.
pub async fn state(State(broker): State<Broker>, Id(uuid): Id, form: Checked) -> Result<Response, Failure> {
    let Checked { who, fields } = form;
    let before = find(&broker, &who, uuid).await?;
    let Ok(state) = fields.text("state").parse::<AliasState>() else {
        return mend(&broker, &who, uuid, "Nothing was changed. Please use the buttons below.").await;
    };
    if state == AliasState::Killed && !fields.is_on("sure") {
        return mend(&broker, &who, uuid, "Nothing was changed. To kill the alias, tick the box above the button.").await;
    }
    match alias::set_state(&broker.desk, who.user_id(), &before.address, state).await {
        Ok(change) => {
            if change.changed && state == AliasState::Active {
                broker.queue.notify_one();
            }
            Ok(back(&who, uuid, &[("said", state.as_str()), ("was", before.state.as_str())]))
        }
        Err(StateError::Unknown) => Err(Failure::NotFound),
        Err(StateError::Role) => mend(&broker, &who, uuid, ROLE).await,
        Err(StateError::Storage(error)) => Err(error.into()),
    }
}

const ROLE: &str = "Nothing was changed. This address has to be reachable for everybody, so it is always open.";

/// Keeps the settings.
pub async fn settings(State(broker): State<Broker>, Id(uuid): Id, form: Checked) -> Result<Response, Failure> {
    let Checked { who, fields } = form;
    let page = Page::load(&broker, &who, uuid, &Fields::default()).await?;
    let wrong = match forms::read(&fields, &page.view.listed, &page.view.mailboxes) {
        Ok(change) => match alias_change::change(&broker.desk, who.user_id(), page.view.listed.alias.id, change).await {
            Ok(_) => return Ok(back(&who, uuid, &[("said", "saved")])),
            Err(error) => unchanged(error)?,
        },
        Err(words) => words,
    };
    let settings = page.settings.clone().refilled(&fields);
    Ok(pages::show(MENDABLE, &Page { settings, ..page }.but(format!("The settings are not saved. {wrong}"))))
}

/// Why the settings can't be kept, and how to mend them.
fn unchanged(error: ChangeError) -> Result<String, Failure> {
    Ok(match error {
        ChangeError::Unknown => return Err(Failure::NotFound),
        ChangeError::Storage(error) => return Err(error.into()),
        ChangeError::NoMailbox => "Choose at least one mailbox: mail has to go somewhere.".to_owned(),
        ChangeError::UnknownMailbox => "One of the mailboxes is gone. Please choose again.".to_owned(),
        ChangeError::UnverifiedMailbox => {
            "A mailbox that is not verified can’t be chosen: open the link that was mailed to it first.".to_owned()
        }
        ChangeError::InThePast => "“Last day” lies in the past. To end the alias now, kill it.".to_owned(),
        ChangeError::Note => {
            "The note can’t be kept: 10,000 characters at the most, and no control characters but line breaks and tabs."
                .to_owned()
        }
        ChangeError::DisplayName(error) => format!("“Shown as” can’t be used: {error}."),
        ChangeError::TooManyTags => "There are too many tags: 20 at the most.".to_owned(),
    })
}

/// Removes the alias and all it counted.
pub async fn forget(State(broker): State<Broker>, Id(uuid): Id, form: Checked) -> Result<Response, Failure> {
    let Checked { who, fields } = form;
    let alias = find(&broker, &who, uuid).await?;
    if !fields.is_on("sure") {
        return mend(&broker, &who, uuid, "Nothing was removed. To forget the alias, tick the box above the button.").await;
    }
    match alias_change::forget(&broker.desk, who.user_id(), alias.id).await {
        Ok(()) => Ok(who.go("aliases?said=forgotten")),
        Err(StateError::Unknown) => Err(Failure::NotFound),
        Err(StateError::Role) => mend(&broker, &who, uuid, ROLE).await,
        Err(StateError::Storage(error)) => Err(error.into()),
    }
}

/// Makes the address by which the owner writes to somebody first.
pub async fn write_first(State(broker): State<Broker>, Id(uuid): Id, form: Checked) -> Result<Response, Failure> {
    let Checked { who, fields } = form;
    let alias = find(&broker, &who, uuid).await?;
    let written = fields.text("address");
    let wrong = match Address::parse(written) {
        Ok(address) => match contact_page::create(&broker.desk, who.user_id(), alias.id, address).await {
            Ok(entry) => {
                let made = entry.contact.uuid.to_string();
                return Ok(back(&who, uuid, &[("said", "contact"), ("contact", &made)]));
            }
            Err(error) => not_made(error)?,
        },
        Err(_) => "That is no e-mail address. Write it like name@example.com.",
    };
    let page = Page::load(&broker, &who, uuid, &Fields::default()).await?;
    Ok(pages::show(MENDABLE, &Page { correspondent: written.to_owned(), ..page }.but(wrong)))
}

fn not_made(error: ContactError) -> Result<&'static str, Failure> {
    Ok(match error {
        ContactError::UnknownAlias | ContactError::Unknown => return Err(Failure::NotFound),
        ContactError::Storage(error) => return Err(error.into()),
        ContactError::NotSomebody => "That address stands for somebody else here. Write the real address.",
        ContactError::Itself => "An alias can’t write to itself. Write somebody else’s address.",
        ContactError::OwnMailbox => "That is your own mailbox. Write somebody else’s address.",
    })
}

/// Wants nothing more from a correspondent.
pub async fn block(State(broker): State<Broker>, Ids(uuid, contact): Ids, form: Checked) -> Result<Response, Failure> {
    let (alias, found) = find_contact(&broker, &form.who, uuid, contact).await?;
    contact::block(&broker.desk, form.who.user_id(), &alias.address, found.address).await.map_err(gone)?;
    Ok(back(&form.who, uuid, &[("said", "blocked"), ("contact", &contact.to_string())]))
}

/// Lets them write again.
pub async fn unblock(State(broker): State<Broker>, Ids(uuid, contact): Ids, form: Checked) -> Result<Response, Failure> {
    let (alias, found) = find_contact(&broker, &form.who, uuid, contact).await?;
    contact::unblock(&broker.desk, form.who.user_id(), &alias.address, &found.address).await.map_err(gone)?;
    Ok(back(&form.who, uuid, &[("said", "unblocked"), ("contact", &contact.to_string())]))
}

/// Takes a correspondent out of the list.
pub async fn hide(State(broker): State<Broker>, Ids(uuid, contact): Ids, form: Checked) -> Result<Response, Failure> {
    let (_, found) = find_contact(&broker, &form.who, uuid, contact).await?;
    contact_page::hide(&broker.desk, form.who.user_id(), found.id).await.map_err(unknown)?;
    Ok(back(&form.who, uuid, &[("said", "hidden")]))
}

async fn find(broker: &Broker, who: &SignedIn, uuid: Uuid) -> Result<Alias, Failure> {
    let found = alias_page::get_by_uuid(&broker.desk, who.user_id(), uuid).await;
    found.map(|listed| listed.alias).map_err(unknown)
}

async fn find_contact(broker: &Broker, who: &SignedIn, uuid: Uuid, contact: Uuid) -> Result<(Alias, Contact), Failure> {
    let alias = find(broker, who, uuid).await?;
    let found = contact_page::get_by_uuid(&broker.desk, who.user_id(), alias.id, contact).await.map_err(unknown)?;
    Ok((alias, found))
}

fn unknown(error: GetError) -> Failure {
    match error {
        GetError::Unknown => Failure::NotFound,
        GetError::Storage(error) => error.into(),
    }
}

/// A contact that is there is blocked and let go without a question; what else can happen is that it went meanwhile.
fn gone(error: ContactError) -> Failure {
    match error {
        ContactError::Storage(error) => error.into(),
        ContactError::UnknownAlias
        | ContactError::Unknown
        | ContactError::NotSomebody
        | ContactError::Itself
        | ContactError::OwnMailbox => Failure::NotFound,
    }
}

fn back(who: &SignedIn, uuid: Uuid, said: &[(&str, &str)]) -> Response {
    who.go(&format!("aliases/{uuid}?{}", encode(said)))
}

async fn mend(broker: &Broker, who: &SignedIn, uuid: Uuid, wrong: &str) -> Result<Response, Failure> {
    let page = Page::load(broker, who, uuid, &Fields::default()).await?;
    Ok(pages::show(MENDABLE, &page.but(wrong)))
}
