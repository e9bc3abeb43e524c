//! `/v1/mailboxes`: the real inboxes mail goes to.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::caller::{Reader, Writer};
use super::once::{self, RequestKey};
use super::page::Page;
use super::problem::Problem;
use super::request::{Body, Id, Nothing, Params, PublicId};
use super::routes::{Access, Routes};
use super::shape::FailureShape;
use super::{mailbox_key, mailbox_move};
use crate::model::api_token::Scope;
use crate::model::id::UserId;
use crate::model::mailbox::Mailbox;
use crate::model::{Address, Timestamp};
use crate::service::broker::Broker;
use crate::service::mailbox;
use crate::service::mailbox_test::{self, Tested};
use crate::service::verification::{self, Sent};

/// All routes.
pub fn routes(routes: Routes) -> Routes {
    let (read, write, account) = (Access::Needs(Scope::Read), Access::Needs(Scope::Write), Access::Needs(Scope::Account));
    routes
        .noun("Mailboxes", "The real inboxes mail goes to. Nothing is sent to one before it is verified.")
        .on::<__path_list, _, _>(read, list)
        .once::<__path_create, _, _>(write, create)
        .on::<__path_show, _, _>(read, show)
        .on::<__path_remove, _, _>(write, remove)
        .on::<__path_make_default, _, _>(write, make_default)
        .on::<__path_verify, _, _>(write, verify)
        .on::<__path_test, _, _>(write, test)
        .on::<mailbox_key::__path_show_key, _, _>(read, mailbox_key::show_key)
        .on::<mailbox_key::__path_set_key, _, _>(account, mailbox_key::set_key)
        .on::<mailbox_key::__path_remove_key, _, _>(account, mailbox_key::remove_key)
        .on::<mailbox_move::__path_begin_move, _, _>(account, mailbox_move::begin_move)
        .on::<mailbox_move::__path_finish_move, _, _>(write, mailbox_move::finish_move)
        .on::<mailbox_move::__path_cancel_move, _, _>(write, mailbox_move::cancel_move)
}

/// Why nothing is forwarded to a mailbox.
#[derive(Debug, Serialize, ToSchema)]
pub struct Pause {
    /// Since when.
    #[schema(format = DateTime)]
    since: String,
    /// What its server says.
    #[schema(example = "5.2.1")]
    status: String,
}

/// A real inbox.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Mailbox)]
pub struct MailboxShape {
    /// Its id.
    id: PublicId,
    /// Its address.
    #[schema(example = "jane.roe@inbox.example")]
    address: String,
    /// Whether new aliases forward here.
    is_default: bool,
    /// Whether it is proven that the user reads it.
    verified: bool,
    /// Since when.
    #[schema(format = DateTime)]
    verified_at: Option<String>,
    /// Set while nothing is forwarded because its server refused too often; a test that succeeds ends it.
    paused: Option<Pause>,
    /// When it was added.
    #[schema(format = DateTime)]
    created_at: String,
}

impl MailboxShape {
    /// Of somebody's mailbox.
    pub fn of(mailbox: &Mailbox) -> Self {
        Self {
            id: PublicId(mailbox.uuid),
            address: mailbox.address.to_string(),
            is_default: mailbox.is_default,
            verified: mailbox.verified_at.is_some(),
            verified_at: mailbox.verified_at.map(Timestamp::to_rfc3339),
            paused: mailbox.paused.as_ref().map(|pause| Pause { since: pause.at.to_rfc3339(), status: pause.status.clone() }),
            created_at: mailbox.created_at.to_rfc3339(),
        }
    }
}

pub(super) async fn find(broker: &Broker, user: UserId, id: Uuid) -> Result<Mailbox, Problem> {
    let all = mailbox::list(&broker.desk, user).await?;
    all.into_iter().find(|mailbox| mailbox.uuid == id).ok_or_else(Problem::not_found)
}

/// Lists mailboxes.
#[utoipa::path(get, path = "/v1/mailboxes",
    responses((status = 200, description = "All mailboxes, the oldest first.", body = Page<MailboxShape>)))]
pub async fn list(State(broker): State<Broker>, reader: Reader, _: Params<Nothing>) -> Result<Json<Page<MailboxShape>>, Problem> {
    let all = mailbox::list(&broker.desk, reader.user_id()).await?;
    Ok(Json(Page::whole(all.iter().map(MailboxShape::of).collect())))
}

/// Which mailbox to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewMailbox)]
pub struct New {
    /// Its address.
    #[schema(example = "jane.roe@other.example")]
    address: String,
}

/// A mailbox that was added.
#[derive(Debug, Serialize, ToSchema)]
pub struct MailboxAdded {
    #[serde(flatten)]
    mailbox: MailboxShape,
    /// What was done about the letter with the link.
    letter: Proving,
}

/// Adds a mailbox.
///
/// A letter with a link goes there; nothing is forwarded before somebody who reads it opened that.
#[utoipa::path(post, path = "/v1/mailboxes",
    request_body(content = New, example = json!({"address": "jane.roe@other.example"})),
    responses((status = 201, description = "The mailbox, and whether a letter was sent.", body = MailboxAdded,
            headers(("Location" = String, description = "Its address."))),
        (status = 409, description = "It is there already.")))]
pub async fn create(State(broker): State<Broker>, writer: Writer, key: RequestKey, body: Body<New>) -> Result<Response, Problem> {
    let address = Address::parse(&body.value.address).map_err(|error| Problem::invalid("address", error))?;
    let once = key.once(&writer.0, &body.bytes, |(mailbox, sent): &(Mailbox, Sent)| MailboxAdded {
        mailbox: MailboxShape::of(mailbox),
        letter: Proving::of(*sent),
    });
    Ok(once::answer(verification::add_once(&broker, writer.user_id(), address, once).await?, "/v1/mailboxes"))
}

/// Shows a mailbox.
#[utoipa::path(get, path = "/v1/mailboxes/{mailbox}", params(("mailbox" = PublicId, Path, description = "Its id.")),
    responses((status = 200, description = "The mailbox.", body = MailboxShape)))]
pub async fn show(
    State(broker): State<Broker>,
    reader: Reader,
    Id(id): Id,
    _: Params<Nothing>,
) -> Result<Json<MailboxShape>, Problem> {
    Ok(Json(MailboxShape::of(&find(&broker, reader.user_id(), id).await?)))
}

/// Removes a mailbox.
///
/// What still waits for it is cancelled and stays visible.
#[utoipa::path(delete, path = "/v1/mailboxes/{mailbox}", params(("mailbox" = PublicId, Path, description = "Its id.")),
    responses((status = 204, description = "It is removed."),
        (status = 409, description = "It is the default one, or the only one of some alias.")))]
pub async fn remove(State(broker): State<Broker>, writer: Writer, Id(id): Id, _: Params<Nothing>) -> Result<StatusCode, Problem> {
    let found = find(&broker, writer.user_id(), id).await?;
    mailbox::remove(&broker.desk, writer.user_id(), &found.address).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a mailbox the default.
///
/// New aliases forward to it; those there are stay as they are.
#[utoipa::path(post, path = "/v1/mailboxes/{mailbox}/default", params(("mailbox" = PublicId, Path, description = "Its id.")),
    responses((status = 200, description = "The mailbox as it is then.", body = MailboxShape),
        (status = 409, description = "It is not verified, or paused.")))]
pub async fn make_default(
    State(broker): State<Broker>,
    writer: Writer,
    Id(id): Id,
    _: Params<Nothing>,
) -> Result<Json<MailboxShape>, Problem> {
    let found = find(&broker, writer.user_id(), id).await?;
    mailbox::make_default(&broker.desk, writer.user_id(), &found.address).await?;
    Ok(Json(MailboxShape::of(&find(&broker, writer.user_id(), id).await?)))
}

/// What was done about a proof.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Proving {
    /// A letter with a link is on its way.
    Sent,
    /// None is sent for now: so many went out lately, or there is no domain to write from yet.
    Enough,
    /// It is verified already.
    Needless,
}

impl Proving {
    /// Of what became of the letter.
    pub fn of(sent: Sent) -> Self {
        match sent {
            Sent::Mailed => Self::Sent,
            Sent::Enough => Self::Enough,
            Sent::Needless => Self::Needless,
        }
    }
}

/// What was done about a proof.
#[derive(Debug, Serialize, ToSchema)]
pub struct MailboxProof {
    /// What.
    outcome: Proving,
}

/// Sends the letter that verifies a mailbox again.
#[utoipa::path(post, path = "/v1/mailboxes/{mailbox}/verify", params(("mailbox" = PublicId, Path, description = "Its id.")),
    responses((status = 200, description = "What was done.", body = MailboxProof)))]
pub async fn verify(
    State(broker): State<Broker>,
    writer: Writer,
    Id(id): Id,
    _: Params<Nothing>,
) -> Result<Json<MailboxProof>, Problem> {
    let found = find(&broker, writer.user_id(), id).await?;
    Ok(Json(MailboxProof { outcome: Proving::of(verification::resend(&broker, &found).await?) }))
}

/// How a test ended.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The mailbox's server has the message.
    Taken,
    /// It refuses it.
    Refused,
    /// It could not be found out now.
    Unanswered,
}

/// How a test ended, and what follows.
#[derive(Debug, Serialize, ToSchema)]
pub struct MailboxTest {
    /// How it ended.
    outcome: Verdict,
    /// Whether the mailbox was paused, and is no more.
    resumed: bool,
    /// How many waiting messages go there now.
    due: u64,
    /// What its server said, unless it took the message.
    failure: Option<FailureShape>,
}

impl MailboxTest {
    fn of(tested: Tested) -> Self {
        match tested {
            Tested::Taken { resumed, due } => Self { outcome: Verdict::Taken, resumed, due, failure: None },
            Tested::Refused(failure) => Self::failed(Verdict::Refused, FailureShape::of(&failure)),
            Tested::Unanswered(failure) => Self::failed(Verdict::Unanswered, FailureShape::of(&failure)),
        }
    }

    fn failed(outcome: Verdict, failure: FailureShape) -> Self {
        Self { outcome, resumed: false, due: 0, failure: Some(failure) }
    }
}

/// Tests a mailbox.
///
/// A small message goes straight to its server, which takes up to a minute. A paused mailbox is resumed if it is taken.
#[utoipa::path(post, path = "/v1/mailboxes/{mailbox}/test", params(("mailbox" = PublicId, Path, description = "Its id.")),
    responses((status = 200, description = "How it ended.", body = MailboxTest),
        (status = 409, description = "It is not verified, or there is no domain to write from.")))]
pub async fn test(
    State(broker): State<Broker>,
    writer: Writer,
    Id(id): Id,
    _: Params<Nothing>,
) -> Result<Json<MailboxTest>, Problem> {
    let found = find(&broker, writer.user_id(), id).await?;
    let bench = broker.bench().ok_or_else(|| Problem::conflict("this instance has no domain to write from"))?;
    let tested = mailbox_test::test(&bench, &found).await?;
    if matches!(tested, Tested::Taken { due: 1.., .. }) {
        broker.queue.notify_one();
    }
    Ok(Json(MailboxTest::of(tested)))
}
