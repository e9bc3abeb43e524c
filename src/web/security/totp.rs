//! Codes of an authenticator program: set up with a picture, confirmed, turned off.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use qrcode::{Color, EcLevel, QrCode};

use super::{again, codes, need_proof};
use crate::service::broker::Broker;
use crate::service::totp::{self, OffError, SetupError, TurnOnError};
use crate::web::chrome::Chrome;
use crate::web::factor::WRONG_CODE;
use crate::web::failure::Failure;
use crate::web::form::Checked;
use crate::web::pages;
use crate::web::session::{Confirmed, SignedIn, Visitor};
use crate::web::sign_in::{BUSY, TOO_MANY};

#[derive(Template)]
#[template(path = "totp.html", config = "src/web/askama.toml")]
struct Page {
    chrome: Chrome,
    /// The secret in groups of four.
    groups: Vec<String>,
    /// The way of the pen over the dark squares, and how many squares a side has.
    picture: String,
    side: usize,
}

pub(super) async fn look(State(broker): State<Broker>, Confirmed(who): Confirmed) -> Result<Response, Failure> {
    show(&broker, &who, None).await
}

async fn show(broker: &Broker, who: &SignedIn, wrong: Option<(StatusCode, &str)>) -> Result<Response, Failure> {
    let (desk, user, here) = (&broker.desk, &who.user, &broker.rules.hostname);
    let setup = if wrong.is_some() { totp::again(desk, user, here).await } else { totp::begin(desk, user, here).await };
    let setup = match setup {
        Ok(setup) => setup,
        Err(SetupError::AlreadyOn) => return Ok(who.go("security")),
        Err(SetupError::Storage(error)) => return Err(error.into()),
    };
    let symbols: Vec<char> = setup.text.reveal().chars().collect();
    let (picture, side) = picture(setup.address.reveal());
    let chrome = who.chrome("Codes from your phone");
    let chrome = match wrong {
        Some((_, wrong)) => chrome.but(wrong),
        None => chrome,
    };
    let groups = symbols.chunks(4).map(|group| group.iter().collect()).collect();
    Ok(pages::show(wrong.map_or(StatusCode::OK, |(status, _)| status), &Page { chrome, groups, picture, side }))
}

/// The squares of a QR code with the quiet zone it needs, as one path.
fn picture(text: &str) -> (String, usize) {
    const QUIET: usize = 4;
    let Ok(code) = QrCode::with_error_correction_level(text, EcLevel::M) else { return (String::new(), 1) };
    let width = code.width();
    let dark = code.to_colors().into_iter().enumerate().filter(|(_, color)| *color == Color::Dark);
    let squares = dark.map(|(at, _)| format!("M{} {}h1v1h-1z", at % width + QUIET, at / width + QUIET));
    (squares.collect(), width + 2 * QUIET)
}

pub(super) async fn confirm(State(broker): State<Broker>, Checked { who, fields }: Checked) -> Result<Response, Failure> {
    if let Some(first) = need_proof(&broker, &who, "/security/totp") {
        return Ok(first);
    }
    let confirmed = totp::confirm(&broker.desk, &broker.logins, &who.user, Some(&who.session), fields.raw("code")).await;
    let wrong = match confirmed {
        Ok(fresh) => return Ok(codes::show(&who, fresh, "Codes are on")),
        // The page shows the secret that counts: another one, when that which was shown does not any more.
        Err(TurnOnError::Wrong | TurnOnError::NoDraft) => (StatusCode::FORBIDDEN, WRONG_CODE),
        Err(TurnOnError::TooMany) => (StatusCode::TOO_MANY_REQUESTS, TOO_MANY),
        Err(TurnOnError::Storage(error)) => return Err(error.into()),
    };
    show(&broker, &who, Some(wrong)).await
}

pub(super) async fn turn_off(
    State(broker): State<Broker>,
    visitor: Visitor,
    Checked { who, fields }: Checked,
) -> Result<Response, Failure> {
    if let Some(first) = need_proof(&broker, &who, "/security") {
        return Ok(first);
    }
    let ip = visitor.browser.ip;
    let wrong = match totp::turn_off(&broker.desk, &broker.logins, ip, &who.user, fields.raw("proof")).await {
        Ok(()) => return Ok(who.go("security?said=totp-off")),
        Err(OffError::Wrong) => {
            (StatusCode::FORBIDDEN, "This is neither a code that counts now nor your password. Codes are still on.")
        }
        Err(OffError::TooMany) => (StatusCode::TOO_MANY_REQUESTS, TOO_MANY),
        Err(OffError::Busy) => (StatusCode::SERVICE_UNAVAILABLE, BUSY),
        Err(OffError::Storage(error)) => return Err(error.into()),
    };
    again(&broker, &who, wrong).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_as_wide_as_its_code_and_the_quiet_zone() {
        let (path, side) = picture("otpauth://totp/gate.you.example:jane%40inbox.example?secret=AAAA&issuer=gate.you.example");
        assert!(path.starts_with("M4 4h1v1h-1z"), "{path}");
        assert_eq!((side - 8 - 21) % 4, 0, "{side}");
        assert_eq!(picture(&"x".repeat(10_000)), (String::new(), 1));
    }
}
