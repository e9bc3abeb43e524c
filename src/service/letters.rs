//! What the letters say that are not written where the thing they tell of happens.

use crate::model::Address;
use crate::transform::notice::Letter;

/// To a mailbox that a user added: the one thing sent there before it is verified.
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
