//! `/v1/admin/users`: who has an account, who administers the instance, away with one.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::api::native::account::OnQuarantine;
use crate::api::native::caller::Admin;
use crate::api::native::mailbox::{MailboxShape, Proving};
use crate::api::native::once::{self, RequestKey};
use crate::api::native::page::{self, Page, Wanted};
use crate::api::native::problem::Problem;
use crate::api::native::proof::Proof;
use crate::api::native::request::{Body, Id, Nothing, Params, PublicId};
use crate::api::native::routes::{Access, Routes};
use crate::api::origin::Origin;
use crate::model::Address;
use crate::model::api_token::Scope;
use crate::model::id::UserId;
use crate::model::person::Person;
use crate::service::admin::{self, Added, AdminError};
use crate::service::broker::Broker;
use crate::service::role;
use crate::service::user::{AddError, NewUser};

/// All routes.
pub fn routes(routes: Routes) -> Routes {
    let admin = Access::Needs(Scope::Admin);
    routes
        .noun("Users", "Everybody with an account: what they have, counted, and nothing of what is in it.")
        .on::<__path_list, _, _>(admin, list)
        .once::<__path_create, _, _>(admin, create)
        .on::<__path_show, _, _>(admin, show)
        .on::<__path_change, _, _>(admin, change)
        .on::<__path_remove, _, _>(admin, remove)
}

/// Somebody with an account, and their figures.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserShape {
    /// Their id.
    id: PublicId,
    /// The address they sign in with.
    #[schema(example = "jane.roe@inbox.example")]
    email: String,
    /// Whether they administer the instance.
    is_admin: bool,
    /// When the account was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// Mailboxes they have.
    mailboxes: i64,
    /// Those of them that are verified.
    verified_mailboxes: i64,
    /// Aliases they have that are not killed.
    aliases: i64,
    /// Whether they are asked for a code beside the password.
    totp: bool,
    /// Passkeys they have.
    passkeys: i64,
    /// What happens to mail whose domain asks for quarantine.
    on_quarantine: OnQuarantine,
    /// Whether a mailbox address in a reply's text is replaced by the alias.
    replace_quoted: bool,
}

impl UserShape {
    fn of(person: &Person) -> Self {
        Self {
            id: PublicId(person.uuid),
            email: person.email.to_string(),
            is_admin: person.is_admin,
            created_at: person.created_at.to_rfc3339(),
            mailboxes: person.mailboxes,
            verified_mailboxes: person.verified_mailboxes,
            aliases: person.aliases,
            totp: person.has_second_factor,
            passkeys: person.passkeys,
            on_quarantine: person.on_quarantine.into(),
            replace_quoted: person.replace_quoted,
        }
    }
}

impl From<AdminError> for Problem {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::Unknown => Self::not_found(),
            AdminError::Last => Self::conflict(error),
            AdminError::OtherAddress => {
                Self::invalid("email", "it is not the address of this account; give it as it stands there")
            }
            AdminError::Storage(error) => error.into(),
        }
    }
}

impl From<AddError> for Problem {
    fn from(error: AddError) -> Self {
        match error {
            AddError::Taken => Self::conflict(error),
            AddError::OwnDomain => Self::invalid("email", error),
            AddError::Storage(error) => error.into(),
        }
    }
}

async fn find(broker: &Broker, id: Uuid) -> Result<Person, Problem> {
    admin::find(&broker.desk, id).await?.ok_or_else(Problem::not_found)
}

/// Lists users.
///
/// The oldest first, with their figures.
#[utoipa::path(get, path = "/v1/admin/users", params(Wanted),
    responses((status = 200, description = "A page of users.", body = Page<UserShape>)))]
pub async fn list(
    State(broker): State<Broker>,
    _: Admin,
    Params(wanted): Params<Wanted>,
) -> Result<Json<Page<UserShape>>, Problem> {
    let limit = page::limit(wanted.limit)?;
    let after = page::open_key(wanted.cursor.as_deref())?.map(UserId);
    let found = admin::list(&broker.desk, after, limit + 1).await?;
    let (found, next) = page::cut(found, limit, |last| page::seal_key(last.id.0));
    Ok(Json(Page { items: found.iter().map(UserShape::of).collect(), next }))
}

/// What a new account is made of.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewUser)]
pub struct New {
    /// The address they sign in with, and their first mailbox.
    #[schema(example = "jane.roe@inbox.example")]
    email: String,
    /// Whether they administer the instance; not, when it is left out.
    is_admin: Option<bool>,
    /// Whether you vouch that they read that mailbox: then mail is forwarded there at once. Otherwise a letter with a link
    /// goes there.
    verified: Option<bool>,
    /// Who asks, with either of the two; no `Idempotency-Key` goes with it.
    proof: Option<Proof>,
}

/// An account that was made.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserAdded {
    #[serde(flatten)]
    user: UserShape,
    /// Their first mailbox.
    mailbox: MailboxShape,
    /// What was done about the letter with the link.
    letter: Proving,
}

/// Makes an account.
///
/// It has no password. Who reads the mailbox sets one where a forgotten one is reset, once the mailbox is verified: so nobody
/// else ever knows it. An administrator is only made, and a mailbox only vouched for, by who proves to be there.
#[utoipa::path(post, path = "/v1/admin/users",
    request_body(content = New, example = json!({"email": "jane.roe@inbox.example", "is_admin": false})),
    responses((status = 201, description = "The account, and whether a letter was sent.", body = UserAdded,
            headers(("Location" = String, description = "Its address."))),
        (status = 409, description = "Somebody signs in with this address."),
        (status = 429, description = "Too many wrong proofs; wait a quarter of an hour.")))]
pub async fn create(
    State(broker): State<Broker>,
    Admin(caller): Admin,
    from: Origin,
    key: RequestKey,
    body: Body<New>,
) -> Result<Response, Problem> {
    let New { email, is_admin, verified, proof } = body.value;
    let email = Address::parse(&email).map_err(|error| Problem::invalid("email", error))?;
    let new = NewUser { email, is_admin: is_admin.unwrap_or_default(), verified: verified.unwrap_or_default() };
    match proof {
        Some(proof) => {
            key.refuse_proof()?;
            proof.check(&broker, from, &caller.user).await?;
        }
        None if new.is_admin || new.verified => {
            let fix = "is_admin and verified take the password of who asks, and a code where there is a second factor";
            return Err(Problem::invalid("proof", fix));
        }
        None => {}
    }
    let once = key.once(&caller, &body.bytes, |added: &Added| UserAdded {
        user: UserShape::of(&added.person),
        mailbox: MailboxShape::of(&added.mailbox),
        letter: Proving::of(added.sent),
    });
    Ok(once::answer(admin::add_once(&broker, new, once).await?, "/v1/admin/users"))
}

/// Shows a user.
#[utoipa::path(get, path = "/v1/admin/users/{user}", params(("user" = PublicId, Path, description = "Their id.")),
    responses((status = 200, description = "The user.", body = UserShape)))]
pub async fn show(State(broker): State<Broker>, _: Admin, Id(id): Id, _: Params<Nothing>) -> Result<Json<UserShape>, Problem> {
    Ok(Json(UserShape::of(&find(&broker, id).await?)))
}

/// What to change of a user.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UserChange)]
pub struct Edit {
    /// Whether they administer the instance.
    is_admin: bool,
    /// Who asks.
    proof: Proof,
}

/// Makes a user an administrator, or no longer one.
///
/// Who is none any more can't use a token for this part from then on.
#[utoipa::path(patch, path = "/v1/admin/users/{user}", params(("user" = PublicId, Path, description = "Their id.")),
    request_body(content = Edit, example = json!({"is_admin": true, "proof": {"password": "correct horse battery staple"}})),
    responses((status = 200, description = "The user as they are then.", body = UserShape),
        (status = 409, description = "Nobody else administers the instance."),
        (status = 429, description = "Too many wrong proofs; wait a quarter of an hour.")))]
pub async fn change(
    State(broker): State<Broker>,
    Admin(caller): Admin,
    from: Origin,
    Id(id): Id,
    body: Body<Edit>,
) -> Result<Json<UserShape>, Problem> {
    let Edit { is_admin, proof } = body.value;
    find(&broker, id).await?;
    proof.check(&broker, from, &caller.user).await?;
    Ok(Json(UserShape::of(&admin::set_admin(&broker.desk, id, is_admin).await?)))
}

/// Whose account is to go, once more.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserRemoval {
    /// The address of the account, to be sure that it is the one that is meant.
    #[schema(example = "jane.roe@inbox.example")]
    email: String,
    /// Who asks.
    proof: Proof,
}

/// What went with an account.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserRemoved {
    /// Aliases whose addresses nobody is ever given again.
    retired_aliases: u64,
}

/// Removes an account with everything it has.
///
/// Its aliases' addresses are never handed out again. It can't be undone. One's own account ends at `/v1/account/remove`.
#[utoipa::path(post, path = "/v1/admin/users/{user}/remove", params(("user" = PublicId, Path, description = "Their id.")),
    request_body(content = UserRemoval,
        example = json!({"email": "jane.roe@inbox.example", "proof": {"password": "correct horse battery staple"}})),
    responses((status = 200, description = "It is gone.", body = UserRemoved),
        (status = 409, description = "It is one's own, or nobody else administers the instance."),
        (status = 429, description = "Too many wrong proofs; wait a quarter of an hour.")))]
pub async fn remove(
    State(broker): State<Broker>,
    Admin(caller): Admin,
    from: Origin,
    Id(id): Id,
    body: Body<UserRemoval>,
) -> Result<Json<UserRemoved>, Problem> {
    let UserRemoval { email, proof } = body.value;
    let person = find(&broker, id).await?;
    if person.id == caller.user.id {
        let fix = "this is the account of this token; it ends at /v1/account/remove, with a token of the scope account";
        return Err(Problem::conflict(fix));
    }
    if Address::parse(email.trim()).ok().map(|typed| typed.folded()) != Some(person.email.folded()) {
        return Err(AdminError::OtherAddress.into());
    }
    proof.check(&broker, from, &caller.user).await?;
    let retired_aliases = admin::remove(&broker.desk, id, &email).await?;
    // The next administrator reads what was sent to the role addresses.
    if let Err(error) = role::ensure(&broker.desk, &broker.rules.domains).await {
        tracing::warn!(%error, "the role addresses could not be made; the next start makes them");
    }
    Ok(Json(UserRemoved { retired_aliases }))
}
