//! Letters about an account: how it is made, how its password is set anew. `url` is where our pages are seen from outside.
//!
//! Who asked for one of them is not known, and the letter says so, with what happens when it is ignored.

use crate::model::Private;
use crate::transform::notice::Letter;

fn letter(subject: &str, paragraphs: [String; 3], label: &str, link: String) -> Letter {
    Letter { subject: subject.into(), paragraphs: paragraphs.to_vec(), action: Some((label.into(), link)) }
}

/// To an address that an account can be made for.
pub fn sign_up(url: &str, secret: &str) -> Letter {
    letter(
        "Make your account",
        [
            format!("Somebody, hopefully you, wants to make an account with this address at {url}."),
            "Open the link below and choose a password; that makes the account. The link works once, within 24 hours.".into(),
            "If it was not you, do nothing: no account is made, and the link stops working by itself.".into(),
        ],
        "Make the account",
        format!("{url}/sign-up/{secret}"),
    )
}

/// To an address that somebody signs up with in an app, which asks for a code.
pub fn sign_up_code(url: &str, code: &Private<String>) -> Letter {
    Letter {
        subject: "The code for your account".into(),
        paragraphs: vec![
            format!(
                "Somebody, hopefully you, wants to make an account with this address at {url}, and chose a password in an app."
            ),
            format!("Your code is {}. Type it where the app asks for it; that makes the account.", code.reveal()),
            "The code works for one hour, five tries long. The app can ask for another one; then only the newest works.".into(),
            "If it was not you, do nothing and give the code to nobody: without it no account is made.".into(),
        ],
        action: None,
    }
}

/// To the owner of a new account without a password: two were chosen, and one may be a stranger's.
pub fn choose_password(url: &str, secret: &str) -> Letter {
    letter(
        "Choose the password of your account",
        [
            format!("Your account at {url} is made: the code was right."),
            "Somebody signed up with this address more than once and chose different passwords. One of them may be a stranger's, \
             so that none was taken. Open the link below and choose one. The link works once, within 24 hours."
                .into(),
            format!("Later you can have another link sent to this address here: {url}/reset"),
        ],
        "Choose a password",
        format!("{url}/reset/{secret}"),
    )
}

/// To an address that somebody has an account with already.
pub fn has_account(url: &str) -> Letter {
    letter(
        "You have an account already",
        [
            format!("Somebody, hopefully you, wanted to make an account with this address at {url}. You have one already."),
            format!("Sign in with the link below. If you forgot your password, set a new one here: {url}/reset"),
            "If it was not you, do nothing: nothing was changed, and whoever it was did not learn that you have an account."
                .into(),
        ],
        "Sign in",
        format!("{url}/sign-in"),
    )
}

/// To whoever forgot their password.
pub fn reset(url: &str, secret: &str) -> Letter {
    letter(
        "Set a new password",
        [
            format!("Somebody, hopefully you, forgot the password of your account at {url}."),
            "Open the link below and choose a new one. The link works once, within 24 hours. All browsers that are signed in \
             are signed out by it; your second step at sign-in, if you have one, stays as it is."
                .into(),
            "If it was not you, do nothing: your password stays as it is, and the link stops working by itself.".into(),
        ],
        "Set a new password",
        format!("{url}/reset/{secret}"),
    )
}

/// After a password was set by the link in a mail.
pub fn password_changed(url: &str) -> Letter {
    letter(
        "Your password was changed",
        [
            format!(
                "The password of your account at {url} was just changed by a link that was sent to the address you sign in with."
            ),
            "All browsers were signed out. Programs and devices that you let in go on working; you can end them under Apps."
                .into(),
            "If it was not you, somebody else reads that mailbox: change its password at your mail provider first, then set a \
             new one here."
                .into(),
        ],
        "Set a new password",
        format!("{url}/reset"),
    )
}

/// To whoever's second factor somebody guesses at.
pub(super) fn codes_wrong(url: &str) -> Letter {
    Letter {
        subject: "Somebody knows your password".into(),
        paragraphs: vec![
            "Somebody typed the right password of your Postern account, and then ten codes that were wrong. They did not get in."
                .into(),
            "If that was you, there is nothing to do. If it was not, choose another password, which you use nowhere else.".into(),
        ],
        action: Some(("Change your password".into(), format!("{url}/security"))),
    }
}
