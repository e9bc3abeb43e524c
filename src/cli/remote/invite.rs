//! `postern invite …` on an instance elsewhere, with a token of the scope admin.

use serde::Deserialize;
use serde_json::json;

use super::super::args::InviteCommand;
use super::super::failure::Failure;
use super::super::invite::{self, View};
use super::super::output::Output;
use super::client::Client;

/// A new invitation, its link, and whether that works yet.
#[derive(Deserialize)]
struct Made {
    link: String,
    registration: String,
    invite: View,
}

/// Runs one of them.
pub async fn run(client: &Client, command: InviteCommand, output: &mut Output<'_>) -> Result<(), Failure> {
    match command {
        InviteCommand::New { note, expires } => {
            let wanted = json!({ "note": note, "lasts": expires.as_secs() });
            let Made { link, registration, invite: mut view } = client.make_secret(&["admin", "invites"], &wanted).await?;
            view.link = Some(link);
            invite::print_made(&view, registration == "closed", output)
        }
        InviteCommand::List => invite::print_list(&client.whole::<View>(&["admin", "invites"]).await?, output),
        InviteCommand::Revoke { id } => {
            let done = client.delete::<()>(&["admin", "invites", &id.to_string()]).await;
            done.map_err(|fault| fault.or_missing(invite::unknown))?;
            invite::print_revoked(id, output)
        }
    }
}
