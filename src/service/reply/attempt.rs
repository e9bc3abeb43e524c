//! Somebody wrote to a reverse address and could not be taken for the owner: refused, counted, and told to the owner,
//! who may have been that somebody and only sees that a message did not arrive.

use std::time::Duration;

use crate::model::Address;
use crate::model::activity::Activity;
use crate::model::alias::Alias;
use crate::model::notice::NoticeKind;
use crate::service::broker::Broker;
use crate::service::notice::{self, Telling};
use crate::transform::notice::Letter;

/// Attempts at one alias are told once in so long, however many there are; the counters have them all.
const QUIET: Duration = Duration::from_hours(24);

/// Counts an attempt, and tells the owner beside the answer: that must not take longer for one author than for another.
pub(super) fn note(broker: &Broker, alias: &Alias) {
    broker.ledger.count(alias.id, broker.now(), Activity::UNPROVEN);
    let Some(domain) = broker.rules.domains.first().cloned() else { return };
    let telling = Telling {
        user_id: alias.user_id,
        kind: NoticeKind::ReplyRefused,
        about: alias.id.to_string(),
        quiet_for: QUIET,
        letter: letter(&alias.address, &format!("{}/aliases/{}", broker.rules.public_url, alias.uuid)),
        except: None,
    };
    let background = broker.clone();
    broker.tasks.spawn(async move {
        match notice::tell(&background.desk, &domain, telling).await {
            Ok(true) => background.queue.notify_one(),
            Ok(false) => {}
            Err(error) => drop(background.storage_failed(&error)),
        }
    });
}

/// Nothing of the attempt itself is in it: a stranger wrote that. `page`: of the alias.
pub(in crate::service) fn letter(address: &Address, page: &str) -> Letter {
    Letter {
        subject: format!("A message through {address} was refused"),
        paragraphs: vec![
            format!(
                "Somebody tried to send mail as your address {address}, by writing to the address that stands for one of its \
                 correspondents. The message could not be verified as yours, so it was refused. Nothing was sent."
            ),
            "If it was you: write from a mailbox that this address forwards to, as the only author, through that mailbox's own \
             provider. The provider has to vouch for the message (SPF or DKIM for the domain in From). A message sent by another \
             program or server in the mailbox's name looks like a forgery."
                .to_owned(),
            "If it was not you: there is nothing to do. Whoever it was knows a reverse address, which stands in messages you got, \
             but can't use it. The page of this address counts the attempts. You are told once a day at the most."
                .to_owned(),
        ],
        action: Some(("Look at this address".to_owned(), page.to_owned())),
    }
}
