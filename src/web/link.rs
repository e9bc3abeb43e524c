//! `/u/…`: the links in forwarded mail. GET shows a page and changes nothing; POST does what the link says, without login,
//! cookie or redirect (RFC 8058 §3.1, §3.2).
//!
//! Nobody guesses 128 bits, and a wrong guess costs one digest, so that no limit per client is needed; behind a reverse
//! proxy all clients would share one. A request from another site can do nothing that its sender could not do without a
//! browser: the link is the only proof there is.

use askama::Template;
use axum::body::Body;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{DefaultBodyLimit, Form, FromRequest, Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::Response;
use axum::routing::get;
use axum::{Router, body::Bytes};
use mail_parser::{MessageParser, MimeHeaders};

use super::chrome::Chrome;
use super::pages::{self, Message};
use crate::model::alias::AliasState;
use crate::service::broker::Broker;
use crate::service::link::{self, Action, Choices, Followed, LinkError, Press, Subject};

/// A form of ours has a hundred bytes, a provider's a few hundred.
const LARGEST_FORM: usize = 8192;

/// The routes.
pub fn routes(broker: Broker) -> Router {
    Router::new().route("/u/{token}", get(look).post(press)).layer(DefaultBodyLimit::max(LARGEST_FORM)).with_state(broker)
}

/// The last part of the path; what is no text is no link.
type Token = Result<Path<String>, PathRejection>;

fn text(token: Token) -> String {
    token.map(|Path(token)| token).unwrap_or_default()
}

async fn look(State(broker): State<Broker>, token: Token) -> Response {
    match link::describe(&broker, &text(token)).await {
        Ok(choices) => pages::show(StatusCode::OK, &Page::new(choices, None)),
        Err(error) => refusal(&broker, &error),
    }
}

async fn press(State(broker): State<Broker>, token: Token, headers: HeaderMap, body: Result<Bytes, BytesRejection>) -> Response {
    let token = text(token);
    let Ok(body) = body else { return say(StatusCode::PAYLOAD_TOO_LARGE, "That was too much", NOT_ASKED) };
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let followed = match read(kind, &body).await {
        Some(press) => link::follow(&broker, &token, &press).await,
        // A link that leads nowhere says so first, whatever came with it.
        None => link::describe(&broker, &token).await.and(Err(LinkError::NotAsked)),
    };
    match followed {
        Ok(Followed { action, changed, choices }) => {
            let outcome = outcome(action, changed, &choices.subject);
            pages::show(StatusCode::OK, &Page::new(choices, Some(outcome)))
        }
        Err(error) => refusal(&broker, &error),
    }
}

/// What a form asks for: RFC 8058's one pair, or the page's own fields.
async fn read(kind: &str, body: &Bytes) -> Option<Press> {
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let fields = match essence.as_str() {
        "multipart/form-data" => parts(kind, body)?,
        "application/x-www-form-urlencoded" => {
            let request = Request::post("/").header(CONTENT_TYPE, &essence).body(Body::from(body.clone())).ok()?;
            Form::<Vec<(String, String)>>::from_request(request, &()).await.ok()?.0
        }
        _ => return None,
    };
    let named = |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str());
    if named("List-Unsubscribe") == Some("One-Click") {
        return Some(Press::OneClick);
    }
    Some(Press::Button { word: named("do")?.to_owned(), is_sure: named("sure") == Some("yes") })
}

/// The fields of `multipart/form-data` (RFC 7578), which has the form of a MIME body.
fn parts(kind: &str, body: &[u8]) -> Option<Vec<(String, String)>> {
    let message = [b"Content-Type: ", kind.as_bytes(), b"\r\n\r\n", body].concat();
    let parsed = MessageParser::default().parse(&message)?;
    let field = |part: &mail_parser::MessagePart| {
        let name = part.content_disposition()?.attribute("name")?.to_owned();
        // A part without a type of its own is text.
        Some((name, part.text_contents()?.trim_end_matches(['\r', '\n']).to_owned()))
    };
    Some(parsed.parts.iter().filter_map(field).collect())
}

const NOT_ASKED: &str = "Nothing was changed. Please open the link in your mail again and use the buttons on the page.";

fn refusal(broker: &Broker, error: &LinkError) -> Response {
    match error {
        LinkError::Unknown => say(
            StatusCode::NOT_FOUND,
            "This link is not valid",
            "Part of it may be missing. Please open it from the mail itself; if you copied it, copy all of it.",
        ),
        LinkError::Expired => say(
            StatusCode::GONE,
            "This link has expired",
            "Links in mail are good for a year, those on an open page for a day, and an undo for an hour. Please use the link \
             in a newer mail.",
        ),
        LinkError::Gone => say(StatusCode::GONE, "This address is gone", "It was removed, and there is nothing left to do."),
        LinkError::NotAsked => say(StatusCode::BAD_REQUEST, "Nothing was changed", NOT_ASKED),
        LinkError::NotSure => say(
            StatusCode::BAD_REQUEST,
            "Nothing was changed",
            "To kill the address, tick the box above the button. Please go back one page.",
        ),
        LinkError::Storage(error) => {
            broker.storage_failed(error);
            say(StatusCode::SERVICE_UNAVAILABLE, "That did not work", "Nothing was changed. Please try again in a minute.")
        }
    }
}

fn say(status: StatusCode, title: &'static str, text: &'static str) -> Response {
    pages::show(status, &Message { chrome: Chrome::open("/u/", title), text })
}

/// What happened: a headline and a sentence.
type Outcome = (&'static str, &'static str);

fn outcome(action: Action, changed: bool, subject: &Subject) -> Outcome {
    const DEAD: Outcome = ("This address is killed", "Nothing reaches you at it any more, so there was nothing to do.");
    match action {
        Action::Pause | Action::Resume | Action::Relock if subject.state == AliasState::Killed => DEAD,
        Action::Pause if changed => ("Paused", "No more mail comes through at this address until you open it again."),
        Action::Pause => ("Paused already", "No mail comes through at this address."),
        Action::Kill if changed => ("Killed", "From now on every mail to this address is returned as undeliverable."),
        Action::Kill => ("Killed already", "Every mail to this address is returned as undeliverable."),
        Action::Block if changed => ("Blocked", "This sender no longer reaches you at this address."),
        Action::Block => ("Blocked already", "This sender does not reach you at this address."),
        Action::Resume | Action::Relock if changed => ("Open again", "Mail comes through as before."),
        Action::Unblock if changed => ("No longer blocked", "This sender reaches you at this address again."),
        Action::Resume | Action::Relock | Action::Unblock => ("Nothing to undo", "It is as it was before."),
    }
}

/// The page of a link.
#[derive(Debug, Template)]
#[template(path = "link.html", config = "src/web/askama.toml")]
struct Page {
    chrome: Chrome,
    title: &'static str,
    outcome: Option<&'static str>,
    alias: String,
    site: Option<String>,
    sender: Option<String>,
    is_blocked: bool,
    state: &'static str,
    is_shut: bool,
    pause: Option<String>,
    kill: Option<String>,
    block: Option<String>,
    undo: Option<String>,
}

impl Page {
    fn new(choices: Choices, outcome: Option<Outcome>) -> Self {
        let Choices { subject, pause, kill, block, undo } = choices;
        let state = match subject.state {
            AliasState::Killed => "killed: nothing comes through any more",
            _ if subject.is_expired => "expired: nothing comes through any more",
            AliasState::Active => "open: mail to it comes through to you",
            AliasState::Locked => "locked: only mail from its known senders comes through",
            AliasState::Paused => "paused: nothing comes through for now",
        };
        let nothing = pause.is_none() && kill.is_none() && block.is_none() && undo.is_none();
        Self {
            chrome: Chrome::open("/u/", ""),
            title: match outcome {
                Some((title, _)) => title,
                None if nothing => "This address is closed",
                None => "What should happen to mail for this address?",
            },
            outcome: outcome.map(|(_, text)| text),
            alias: subject.alias.to_string(),
            site: subject.site.map(|site| site.to_string()),
            sender: subject.sender.map(|sender| sender.to_string()),
            is_blocked: subject.is_blocked,
            state,
            is_shut: matches!(subject.state, AliasState::Paused | AliasState::Killed),
            pause,
            kill,
            block,
            undo: undo.map(|(_, link)| link),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[tokio::test]
    async fn both_kinds_of_form_are_read() {
        let url = "application/x-www-form-urlencoded";
        let kind = "multipart/form-data; boundary=\"=_b\"";
        let multipart = |name: &str, value: &str| {
            Bytes::from(format!("--=_b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n--=_b--\r\n"))
        };
        let pause = || Press::Button { word: "pause".into(), is_sure: false };
        assert_eq!(read(url, &Bytes::from_static(b"List-Unsubscribe=One-Click")).await, Some(Press::OneClick));
        let charset = format!("{}; charset=utf-8", url.to_uppercase());
        assert_eq!(read(&charset, &Bytes::from_static(b"a=b&List-Unsubscribe=One-Click")).await, Some(Press::OneClick));
        assert_eq!(read(kind, &multipart("List-Unsubscribe", "One-Click")).await, Some(Press::OneClick));
        assert_eq!(read(kind, &multipart("do", "pause")).await, Some(pause()));
        assert_eq!(read(url, &Bytes::from_static(b"do=pause")).await, Some(pause()));
        let kill = Press::Button { word: "kill".into(), is_sure: true };
        assert_eq!(read(url, &Bytes::from_static(b"do=kill&sure=yes")).await, Some(kill));
        for (kind, body) in [
            (url, &b""[..]),
            (url, b"List-Unsubscribe=one-click"),
            (url, b"\xff\xfe=%zz"),
            ("text/plain", b"List-Unsubscribe=One-Click"),
            ("", b"List-Unsubscribe=One-Click"),
            ("multipart/form-data", b"List-Unsubscribe=One-Click"),
        ] {
            assert_eq!(read(kind, &Bytes::from_static(body)).await, None, "{kind} {}", body.escape_ascii());
        }
        assert_eq!(read(kind, &multipart("x", "One-Click")).await, None);
    }

    proptest! {
        #[test]
        fn any_form_is_no_panic(kind in "(multipart/form-data; boundary=b)?[ -~]{0,20}", body in proptest::collection::vec(prop_oneof![
            Just(b"--b".to_vec()), Just(b"\r\n".to_vec()), Just(b"Content-Disposition: form-data; name=".to_vec()),
            proptest::collection::vec(any::<u8>(), 0..9)], 0..12))
        {
            let _ = parts(&kind, &body.concat());
        }
    }
}
