//! An authenticator program.

use std::time::Duration;

use postern::model::Clock;
use postern::model::user::User;
use postern::service::session::{self, Browser};
use postern::service::{totp, user};
use totp_rs::{Builder, Secret};

use super::app::TestApp;

/// The code that belongs to a moment.
pub fn code(secret: &str, seconds: i64) -> String {
    let secret = Secret::try_from_base32(secret).unwrap();
    let program = Builder::new().with_secret(secret).build().unwrap();
    program.generate(u64::try_from(seconds).unwrap()).to_string()
}

/// The code of now.
pub fn code_now(app: &TestApp, secret: &str) -> String {
    code(secret, app.clock.now().as_seconds())
}

/// The app's user.
pub async fn owner(app: &TestApp) -> User {
    let users = user::list(&app.running.broker.desk, None, 10).await.unwrap();
    users.into_iter().find(|user| user.id == app.user).unwrap()
}

/// Turns codes on for the app's user: the secret, and the recovery codes. The clock is past the code that was used.
pub async fn turn_on(app: &TestApp) -> (String, Vec<String>) {
    let broker = &app.running.broker;
    let owner = owner(app).await;
    let secret = totp::begin(&broker.desk, &owner, &broker.rules.hostname).await.unwrap().text.into_inner();
    // Of the sessions that there are, the last one is where it is done.
    let here = session::list(&broker.desk, owner.id).await.unwrap().into_iter().next();
    let here = if let Some(here) = here {
        here
    } else {
        let browser = Browser { user_agent: String::new(), ip: std::net::Ipv4Addr::LOCALHOST.into() };
        session::open(&broker.desk, owner.id, false, browser).await.unwrap().0
    };
    let code = code_now(app, &secret);
    let codes = totp::confirm(&broker.desk, &broker.logins, &owner, Some(&here), &code).await.unwrap();
    app.clock.advance(Duration::from_secs(30));
    (secret, codes.into_iter().map(postern::model::Private::into_inner).collect())
}
