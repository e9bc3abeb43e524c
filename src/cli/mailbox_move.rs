//! `postern mailbox move|cancel-move`.

use serde::Serialize;

use crate::config::Config;
use crate::model::Address;
use crate::model::id::UserId;
use crate::model::mailbox::Mailbox;
use crate::service::Desk;
use crate::service::mailbox::{self, MoveError};
use crate::service::mailbox_move::{self, BeginError, Begun, CancelError, Plan};

use super::failure::Failure;
use super::mailbox::{View, first_domain, own_domain, unknown};
use super::output::Output;

/// Moves a mailbox: at once when the operator vouches for the new address, else when its link is followed by the owner.
pub async fn run(config: &Config, desk: &Desk, plan: Plan, now: bool, output: &mut Output<'_>) -> Result<(), Failure> {
    let Plan { user, old, .. } = plan.clone();
    if now {
        let moved = mailbox::relocate(desk, plan.user, &plan.old, plan.new.clone(), true).await.map_err(move_failed)?;
        if plan.moves_sign_in {
            mailbox_move::follow(desk, user, &old, &moved.address).await?;
        }
        return done(&old, &moved, output);
    }
    let domain = first_domain(config)
        .ok_or_else(|| Failure::new("there is no domain to write a letter from", "set instance.domains, or say --now"))?;
    let begun = mailbox_move::begin(desk, &domain, config.instance.public_url.trim_end_matches('/'), plan).await;
    match begun.map_err(begin_failed)? {
        Begun::Done(moved) => done(&old, &moved, output),
        Begun::Asked(new) => {
            let view = View::of(&new);
            Ok(output.show(&view, |to| {
                writeln!(to, "a link is on its way to {}; mail goes to {old} until it is followed", view.address)?;
                writeln!(to, "by its owner, signed in; or finish it with `postern mailbox move {old} {} --now`", view.address)?;
                writeln!(to, "cancel it with `postern mailbox cancel-move {old}`")
            })?)
        }
    }
}

fn done(old: &Address, moved: &Mailbox, output: &mut Output<'_>) -> Result<(), Failure> {
    let view = View::of(moved);
    Ok(output.show(&view, |to| {
        writeln!(to, "every alias that forwarded to {old} forwards to {} now", view.address)?;
        view.write_verification(to)
    })?)
}

#[derive(Serialize)]
struct Cancelled {
    stays: String,
}

/// Cancels a move.
pub async fn cancel(desk: &Desk, user: UserId, old: &Address, output: &mut Output<'_>) -> Result<(), Failure> {
    mailbox_move::cancel(desk, user, old).await.map_err(|error| match error {
        CancelError::Unknown => unknown(),
        CancelError::NoMove => Failure::new("this mailbox is not being moved", "see `postern mailbox list`"),
        CancelError::Storage(error) => error.into(),
    })?;
    let view = Cancelled { stays: old.to_string() };
    Ok(output.show(&view, |to| writeln!(to, "mail keeps going to {}", view.stays))?)
}

fn begin_failed(error: BeginError) -> Failure {
    match error {
        BeginError::Move(error) => move_failed(error),
        BeginError::Same => Failure::new("mail goes to this address already", "name another one"),
        BeginError::Underway => {
            Failure::new("one of these mailboxes is being moved already", "cancel that first: `postern mailbox cancel-move OLD`")
        }
        BeginError::Full => Failure::new(error.to_string(), "see `postern mailbox list`"),
        BeginError::TooMany => Failure::new(
            "enough links were mailed to this address within the last hour",
            "look into its spam folder, or try again later",
        ),
        BeginError::Storage(error) => error.into(),
    }
}

pub(super) fn move_failed(error: MoveError) -> Failure {
    match error {
        MoveError::Unknown => unknown(),
        MoveError::OwnDomain => own_domain(),
        MoveError::Unverified => Failure::new(
            "the new address is a mailbox that is not verified yet: its aliases would fall silent",
            "say --verified if you vouch for it",
        ),
        MoveError::Paused => Failure::new(
            "the new address is a mailbox that is paused: its server refuses it",
            "test it first: `postern mailbox test NEW`",
        ),
        MoveError::NoKey => Failure::new(
            "the old mailbox has a PGP key and the new one has none: its mail would go out in clear",
            "set a key for the new one first (postern mailbox key NEW --set FILE), or remove the key of the old one \
             (postern mailbox key OLD --remove)",
        ),
        MoveError::Storage(error) => error.into(),
    }
}
