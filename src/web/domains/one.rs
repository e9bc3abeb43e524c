//! `/domains/{uuid}`: what DNS says of a domain beside what it should say, and what the domain does with mail.
//!
//! Looking asks DNS and changes nothing; that a proof was seen is recorded when its owner presses the button.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use uuid::Uuid;

use super::view::RecordView;
use crate::model::catch_all::{CatchAll, CatchAllError};
use crate::model::domain::Domain;
use crate::service::broker::Broker;
use crate::service::dkim_key::KeyError;
use crate::service::domain::{self, ChangeError, RemoveError};
use crate::service::domain_check::Status;
use crate::service::domain_claim::{self, FindError, Theirs};
use crate::service::{domain_check, overview};
use crate::web::chrome::Chrome;
use crate::web::failure::Failure;
use crate::web::form::{Asked, Checked, MENDABLE};
use crate::web::id::Word;
use crate::web::pages;
use crate::web::session::SignedIn;

const SAID: &[(&str, &str)] = &[
    ("proven", "The domain is yours now. Publish the other records, too, then make aliases on it."),
    ("not-yet", "The proof was not found yet. A new record can take an hour to be seen; nothing is lost by trying again later."),
    ("not-now", "The domain could not be asked now. Please try again in a few minutes."),
    ("catch-all", "What happens to mail for names you never made is changed."),
    ("sending", "What sending from a new name does is changed."),
];

#[derive(Debug, Template)]
#[template(path = "domain.html", config = "src/web/askama.toml")]
struct Page {
    chrome: Chrome,
    uuid: Uuid,
    name: String,
    is_proven: bool,
    is_own: bool,
    /// Where the records were looked up and all are right.
    is_fine: bool,
    records: Vec<RecordView>,
    /// Whose mail would come here instead.
    has_mailboxes: bool,
    catch_all: String,
    patterns: String,
    submission_creates: bool,
    aliases: i64,
}

impl Page {
    async fn of(broker: &Broker, who: &SignedIn, theirs: Theirs) -> Result<Self, Failure> {
        let (desk, around) = (&broker.desk, broker.surroundings());
        let (uuid, name) = match &theirs {
            Theirs::Domain(domain) => (domain.uuid, domain.name.clone()),
            Theirs::Claim(claim) => (claim.uuid, claim.name.clone()),
        };
        let records = match &theirs {
            Theirs::Domain(domain) => match domain_check::check(desk, &around, &domain.name).await {
                Ok(records) => records,
                Err(KeyError::Storage(error)) => return Err(error.into()),
                // Removed since it was found.
                Err(_) => return Err(Failure::NotFound),
            },
            Theirs::Claim(claim) => domain_check::of_claim(&around, claim).await,
        };
        let domain = match theirs {
            Theirs::Domain(domain) => Some(domain),
            Theirs::Claim(_) => None,
        };
        let is_own = domain.as_ref().is_none_or(|domain| domain.user_id.is_some());
        // Before the proof only what the user knows anyway.
        let of = domain.is_none().then(|| who.user_id());
        let counts = overview::aliases_by_domain(desk, who.user_id()).await?;
        let catch_all = domain.as_ref().map_or(CatchAll::Off, |domain| domain.catch_all.clone());
        Ok(Self {
            chrome: who.chrome(name.to_string()),
            uuid,
            has_mailboxes: is_own && domain_claim::has_mailboxes(desk, &name, of).await?,
            name: name.to_string(),
            is_proven: domain.is_some(),
            is_own,
            is_fine: records.iter().all(|record| record.status == Status::Ok),
            records: records.into_iter().map(RecordView::of).collect(),
            catch_all: catch_all.as_str().to_owned(),
            patterns: catch_all.patterns().map(ToString::to_string).unwrap_or_default(),
            submission_creates: domain.as_ref().is_some_and(|domain| domain.submission_creates),
            aliases: domain.map_or(0, |domain| counts.get(&domain.id).copied().unwrap_or(0)),
        })
    }

    fn is(&self, word: &str) -> bool {
        self.catch_all == word
    }
}

async fn find(broker: &Broker, who: &SignedIn, uuid: &str) -> Result<Theirs, Failure> {
    let uuid = Uuid::parse_str(uuid).map_err(|_| Failure::NotFound)?;
    domain_claim::find_by_uuid(&broker.desk, who.user_id(), who.user.is_admin, uuid).await.map_err(not_found)
}

/// A proven domain of the user's own: only those can be changed.
async fn own(broker: &Broker, who: &SignedIn, uuid: &str) -> Result<Domain, Failure> {
    match find(broker, who, uuid).await? {
        Theirs::Domain(domain) if domain.user_id.is_some() => Ok(domain),
        Theirs::Domain(_) | Theirs::Claim(_) => Err(Failure::NotFound),
    }
}

fn not_found(error: FindError) -> Failure {
    match error {
        FindError::Unknown | FindError::Taken => Failure::NotFound,
        FindError::Storage(error) => error.into(),
    }
}

fn not_owned(error: ChangeError) -> Failure {
    match error {
        ChangeError::NotOwned => Failure::NotFound,
        ChangeError::Storage(error) => error.into(),
    }
}

/// The page.
pub async fn show(
    State(broker): State<Broker>,
    who: SignedIn,
    Word(uuid): Word,
    Asked(asked): Asked,
) -> Result<Response, Failure> {
    let theirs = find(&broker, &who, &uuid).await?;
    let mut page = Page::of(&broker, &who, theirs).await?;
    page.chrome = page.chrome.saying(asked.some("said"), SAID);
    Ok(pages::show(StatusCode::OK, &page))
}

/// Looks for the proof; the domain is the user's once it was seen.
pub async fn check(State(broker): State<Broker>, Word(uuid): Word, Checked { who, .. }: Checked) -> Result<Response, Failure> {
    let theirs = find(&broker, &who, &uuid).await?;
    let said = match &theirs {
        Theirs::Domain(_) => "proven",
        Theirs::Claim(claim) => {
            match domain_claim::check(&broker.desk, &broker.surroundings(), who.user_id(), &claim.name).await {
                Ok(look) if look.domain.is_some() => {
                    make_keys(&broker).await?;
                    "proven"
                }
                Ok(look) if look.records.first().is_some_and(|proof| proof.status == Status::Unknown) => "not-now",
                Ok(_) => "not-yet",
                Err(FindError::Taken) => {
                    let mut page = Page::of(&broker, &who, theirs).await?;
                    page.chrome = page.chrome.but("Somebody else here has proven this domain. Ask whoever runs this Postern.");
                    return Ok(pages::show(MENDABLE, &page));
                }
                Err(error) => return Err(not_found(error)),
            }
        }
    };
    Ok(who.go(&format!("domains/{uuid}?said={said}")))
}

/// The keys its mail is signed with, so that their records can be shown at once.
async fn make_keys(broker: &Broker) -> Result<(), Failure> {
    match broker.signing.keep_up(&broker.desk).await {
        Ok(()) => Ok(()),
        Err(KeyError::Storage(error)) => Err(error.into()),
        Err(error) => {
            tracing::error!(%error, "keys to sign mail with could not be made yet");
            Ok(())
        }
    }
}

/// Says for which names the first message makes the alias.
pub async fn catch_all(
    State(broker): State<Broker>,
    Word(uuid): Word,
    Checked { who, fields }: Checked,
) -> Result<Response, Failure> {
    let domain = own(&broker, &who, &uuid).await?;
    let (word, patterns) = (fields.text("catch_all"), fields.text("patterns"));
    let wrong = match CatchAll::parse(word, patterns) {
        Ok(choice) => {
            domain::set_catch_all(&broker.desk, who.user_id(), domain.name, choice).await.map_err(not_owned)?;
            return Ok(who.go(&format!("domains/{uuid}?said=catch-all")));
        }
        Err(CatchAllError::Word) => "Choose one of the three.",
        Err(CatchAllError::Empty) => "Write at least one pattern, for example shop-*.",
        Err(CatchAllError::Characters) => "A pattern has letters, digits, dots, hyphens, underscores, and * for any run of them.",
        Err(CatchAllError::TooMany) => "These are too many patterns: 20 at the most, with 500 characters together.",
    };
    let page = Page::of(&broker, &who, Theirs::Domain(domain)).await?;
    let page = Page { chrome: page.chrome.but(wrong), catch_all: word.to_owned(), patterns: patterns.to_owned(), ..page };
    Ok(pages::show(MENDABLE, &page))
}

/// Says whether sending from a new name makes the alias.
pub async fn sending(
    State(broker): State<Broker>,
    Word(uuid): Word,
    Checked { who, fields }: Checked,
) -> Result<Response, Failure> {
    let domain = own(&broker, &who, &uuid).await?;
    let creates = fields.is_on("submission_creates");
    domain::set_submission_creates(&broker.desk, who.user_id(), domain.name, creates).await.map_err(not_owned)?;
    Ok(who.go(&format!("domains/{uuid}?said=sending")))
}

/// Removes the domain, or takes the claim back.
pub async fn remove(State(broker): State<Broker>, Word(uuid): Word, Checked { who, .. }: Checked) -> Result<Response, Failure> {
    let theirs = find(&broker, &who, &uuid).await?;
    match &theirs {
        Theirs::Claim(claim) => {
            domain_claim::remove(&broker.desk, who.user_id(), claim.name.clone()).await.map_err(not_found)?;
        }
        Theirs::Domain(domain) => match domain::remove(&broker.desk, who.user_id(), domain.name.clone()).await {
            Ok(()) => {}
            Err(RemoveError::NotOwned) => return Err(Failure::NotFound),
            Err(RemoveError::Storage(error)) => return Err(error.into()),
            Err(RemoveError::HasAliases(count)) => {
                let mut page = Page::of(&broker, &who, theirs).await?;
                let what = if count == 1 { "One alias on it is".to_owned() } else { format!("{count} aliases on it are") };
                page.chrome = page
                    .chrome
                    .but(format!("The domain was not removed. {what} still alive: mail to them would be lost. Kill them first."));
                return Ok(pages::show(MENDABLE, &page));
            }
        },
    }
    Ok(who.go("domains?said=removed"))
}
