//! What the letters say that are not written where the thing they tell of happens, and a sample of every letter.

pub mod samples;
pub(super) mod security;

use crate::model::Address;
use crate::transform::notice::Letter;

/// To a mailbox whose reader has to prove it: the one thing sent there before. It says no more when it is to take the place of
/// another: whoever reads an address that was mistyped must not learn of that one.
pub(super) fn verify_mailbox(address: &Address, link: &str) -> Letter {
    Letter {
        subject: "Please confirm your mailbox".into(),
        paragraphs: vec![
            format!("Somebody, most likely you, wants their mail to be forwarded to {address}."),
            "Open the page behind the link and press its button: that shows that you read this mailbox. The link works for \
             one day."
                .into(),
            "If it was not you, do nothing: no mail is forwarded to you then.".into(),
        ],
        action: Some(("Confirm this mailbox".into(), link.to_owned())),
    }
}

fn mailboxes(public_url: &str) -> (String, String) {
    ("Look at your mailboxes".into(), format!("{public_url}/mailboxes"))
}

/// To the default mailbox when mail may go to another one.
pub(super) fn mailbox_added(new: &Address, public_url: &str) -> Letter {
    Letter {
        subject: "Your account has another mailbox".into(),
        paragraphs: vec![
            format!("{new} was confirmed as a mailbox of your Postern account: mail can be forwarded there from now on."),
            "If that was not you, somebody else is in your account: remove that mailbox, and change your password.".into(),
        ],
        action: Some(mailboxes(public_url)),
    }
}

/// To the old mailbox when another one took its place. `signs_in`: its user signs in with the new address from now on.
pub(super) fn mailbox_moved(old: &Address, new: &Address, public_url: Option<&str>, signs_in: bool) -> Letter {
    let sign_in =
        if signs_in { format!(" You sign in with {new} from now on, and not with this address.") } else { String::new() };
    Letter {
        subject: "One of your mailboxes has moved".into(),
        paragraphs: vec![
            format!("The mail that was forwarded to {old} goes to {new} from now on.{sign_in}"),
            "If that was not you, somebody else is in your account: sign in, move the mailbox back, and change your password. If \
             you can't sign in any more, ask whoever runs this Postern."
                .into(),
        ],
        action: public_url.map(mailboxes),
    }
}

/// To the old mailbox when a move begins. `signs_in`: the address its user signs in with moves, too.
pub(super) fn mailbox_moves(old: &Address, new: &Address, public_url: &str, signs_in: bool) -> Letter {
    let sign_in = if signs_in { " The address you sign in with moves, too: this one will not let you in any more." } else { "" };
    Letter {
        subject: "One of your mailboxes is about to move".into(),
        paragraphs: vec![
            format!("Somebody, most likely you, wants the mail that is forwarded to {old} to go to {new} instead."),
            format!(
                "A link was sent to {new}. Until it is followed and the move is finished, mail comes here as before; after that it \
                 comes here no more.{sign_in}"
            ),
            "If it was not you, cancel the move on the page of your mailboxes, and change your password.".into(),
        ],
        action: Some(mailboxes(public_url)),
    }
}
