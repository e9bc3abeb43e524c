//! What the letters say that are not written where the thing they tell of happens, and a sample of every letter.

pub mod samples;

use crate::model::Address;
use crate::transform::notice::Letter;

/// To a mailbox that a user added: the one thing sent there before it is verified. `old`: the one whose place it takes.
pub(super) fn verify_mailbox(address: &Address, old: Option<&Address>, link: &str) -> Letter {
    let wish = match old {
        Some(old) => format!("Somebody, most likely you, wants the mail that is forwarded to {old} to go to {address} instead."),
        None => format!("Somebody, most likely you, wants their mail to be forwarded to {address}."),
    };
    Letter {
        subject: "Please confirm your mailbox".into(),
        paragraphs: vec![
            wish,
            "Open the page behind the link and press its button: that shows that you read this mailbox. The link works for \
             one day."
                .into(),
            "If it was not you, do nothing: no mail is forwarded to you then.".into(),
        ],
        action: Some(("Confirm this mailbox".into(), link.to_owned())),
    }
}

/// To the old mailbox when a move begins.
pub(super) fn mailbox_moves(old: &Address, new: &Address, public_url: &str) -> Letter {
    Letter {
        subject: "One of your mailboxes is about to move".into(),
        paragraphs: vec![
            format!("Somebody, most likely you, wants the mail that is forwarded to {old} to go to {new} instead."),
            format!(
                "A link was sent to {new}. Until it is followed, mail comes here as before; after that it comes here no more."
            ),
            "If it was not you, cancel the move on the page of your mailboxes, and change your password.".into(),
        ],
        action: Some(("Look at your mailboxes".into(), format!("{public_url}/mailboxes"))),
    }
}
