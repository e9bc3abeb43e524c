//! One message for one recipient over an open connection: MAIL, RCPT, DATA, the text, the dot (RFC 5321 §3.3, RFC 2920).
//!
//! Every wait has its own deadline, every reply its own expectation: 354 and nothing else after DATA, class 2 and
//! nothing else after the dot. lettre would take any 2xx or 3xx for either.

use std::time::Duration;

use super::body::{Body, PIECE, PieceError, Pieces};
use super::classify::{self, Answer, End, Phase};
use super::encode::Envelope;
use super::opening::Connection;
use crate::config::outbound::Deadlines;

/// What is sent.
pub(super) struct Parcel<'a> {
    /// The envelope.
    pub(super) envelope: &'a Envelope,
    /// The checked text.
    pub(super) body: &'a Body,
    /// Its size before stuffing.
    pub(super) size: u64,
    /// Whether it holds bytes above 127.
    pub(super) eight_bit: bool,
}

/// Sends one message. Afterwards `End::reusable` says whether the connection can carry another.
pub(super) async fn run(connection: &mut Connection, parcel: &Parcel<'_>, deadlines: &Deadlines) -> End {
    if let Some(end) = lacking(connection, parcel) {
        return end;
    }
    let fresh = connection.used == 0;
    connection.used += 1;
    let commands = commands(connection, parcel);
    let opened = if connection.offers.pipelining {
        pipelined(connection, &commands, deadlines, fresh).await
    } else {
        in_turn(connection, &commands, deadlines, fresh).await
    };
    if let Err(end) = opened {
        connection.needs_reset = true;
        return end;
    }
    connection.needs_reset = false;
    // A reply that is there before the text was sent would be taken for the answer to the dot.
    if !connection.wire.is_quiet() {
        let answer = if connection.wire.is_lost() { Answer::Lost } else { Answer::Garbage };
        return classify::end(answer, Phase::Content, &connection.host, true);
    }
    let sent = text(connection, parcel.body, deadlines).await;
    let answer = match sent {
        Ok(()) => {
            let reply = tokio::time::timeout(deadlines.end.0, connection.smtp.read_response()).await;
            reply.map_or(Answer::Late, |reply| Answer::of(reply, connection.wire.is_lost()))
        }
        Err((phase, answer)) => return classify::end(answer, phase, &connection.host, true),
    };
    match answer {
        Answer::Reply(200..=299, _) => End::delivered(),
        answer => classify::end(answer, Phase::Dot, &connection.host, true),
    }
}

/// What the server would have to offer for this message, and does not. Another host of the site may.
fn lacking(connection: &Connection, parcel: &Parcel<'_>) -> Option<End> {
    let offers = &connection.offers;
    let host = &connection.host;
    let failure = if parcel.envelope.smtputf8 && !offers.smtputf8 {
        classify::ours("5.6.7", format!("{host} does not take internationalised mail (SMTPUTF8)"))
    } else if parcel.eight_bit && !offers.eight_bit {
        // Recoding would break signatures, so it is not done.
        classify::ours("5.6.3", format!("{host} does not take 8-bit mail (8BITMIME)"))
    } else if offers.size.is_some_and(|limit| limit > 0 && parcel.size > limit) {
        classify::ours("5.3.4", format!("{host} does not take messages of this size"))
    } else {
        return None;
    };
    Some(End { next_host: true, reusable: true, ..End::refused(failure) })
}

fn commands(connection: &Connection, parcel: &Parcel<'_>) -> Vec<(Phase, String)> {
    let mut mail = String::with_capacity(128);
    mail.push_str("MAIL FROM:");
    mail.push_str(&parcel.envelope.sender);
    if connection.offers.size.is_some() {
        mail.push_str(" SIZE=");
        mail.push_str(&parcel.size.to_string());
    }
    if parcel.eight_bit {
        mail.push_str(" BODY=8BITMIME");
    }
    if parcel.envelope.smtputf8 {
        mail.push_str(" SMTPUTF8");
    }
    mail.push_str("\r\n");
    let mut commands = Vec::with_capacity(4);
    if connection.needs_reset {
        commands.push((Phase::Reset, "RSET\r\n".to_owned()));
    }
    commands.push((Phase::Mail, mail));
    commands.push((Phase::Rcpt, format!("RCPT TO:{}\r\n", parcel.envelope.recipient)));
    commands.push((Phase::Data, "DATA\r\n".to_owned()));
    commands
}

/// Command, reply, command, reply.
async fn in_turn(
    connection: &mut Connection,
    commands: &[(Phase, String)],
    deadlines: &Deadlines,
    fresh: bool,
) -> Result<(), End> {
    for (phase, command) in commands {
        let reply = tokio::time::timeout(deadline(*phase, deadlines), connection.smtp.command(command)).await;
        let answer = reply.map_or(Answer::Late, |reply| Answer::of(reply, connection.wire.is_lost()));
        expect(answer, *phase, connection, fresh)?;
    }
    Ok(())
}

/// All commands in one write, then all replies. The first that fails counts; if DATA was taken all the same, the
/// connection is closed without a dot, because a dot would deliver an empty message.
async fn pipelined(
    connection: &mut Connection,
    commands: &[(Phase, String)],
    deadlines: &Deadlines,
    fresh: bool,
) -> Result<(), End> {
    let batch: String = commands.iter().map(|(_, command)| command.as_str()).collect();
    let mut failed: Option<End> = None;
    for (number, (phase, _)) in commands.iter().enumerate() {
        let limit = deadline(*phase, deadlines);
        let reply = if number == 0 {
            tokio::time::timeout(limit, connection.smtp.command(&batch)).await
        } else {
            tokio::time::timeout(limit, connection.smtp.read_response()).await
        };
        let answer = reply.map_or(Answer::Late, |reply| Answer::of(reply, connection.wire.is_lost()));
        let open = matches!(answer, Answer::Reply(..=399, _)) && *phase == Phase::Data;
        let end = expect(answer, *phase, connection, fresh);
        let usable = end.as_ref().map_or_else(|end| end.reusable, |()| true);
        match (&mut failed, end) {
            (Some(first), _) => first.reusable &= usable && !open,
            (None, Err(end)) => failed = Some(end),
            (None, Ok(())) => {}
        }
        if !usable {
            break;
        }
    }
    failed.map_or(Ok(()), Err)
}

const fn deadline(phase: Phase, deadlines: &Deadlines) -> Duration {
    match phase {
        Phase::Data => deadlines.data.0,
        _ => deadlines.command.0,
    }
}

fn expect(answer: Answer, phase: Phase, connection: &Connection, fresh: bool) -> Result<(), End> {
    match (&answer, phase) {
        (Answer::Reply(354, _), Phase::Data) | (Answer::Reply(200..=299, _), Phase::Reset | Phase::Mail | Phase::Rcpt) => Ok(()),
        _ => Err(classify::end(answer, phase, &connection.host, fresh)),
    }
}

/// Writes the text and its terminator. An error says whether the terminator may have gone out.
async fn text(connection: &mut Connection, body: &Body, deadlines: &Deadlines) -> Result<(), (Phase, Answer)> {
    match body {
        Body::Whole(bytes) => send(connection, bytes, deadlines).await.map_err(|answer| (Phase::Dot, answer)),
        Body::Pieces(header, content) => {
            let mut pieces = Pieces::new(header.clone(), content.clone());
            let mut current = Vec::with_capacity(2 * PIECE);
            let mut following = Vec::with_capacity(2 * PIECE);
            let mut more = pieces.next(&mut current).await.map_err(gone)?;
            while more {
                // The next piece is made before this one is sent, so that the last one, which holds the dot, is known.
                following.clear();
                more = pieces.next(&mut following).await.map_err(gone)?;
                let phase = if more { Phase::Content } else { Phase::Dot };
                send(connection, &current, deadlines).await.map_err(|answer| (phase, answer))?;
                std::mem::swap(&mut current, &mut following);
            }
            Ok(())
        }
    }
}

/// The text was checked before; if it can't be read now, the connection is closed without a dot.
fn gone(error: PieceError) -> (Phase, Answer) {
    match error {
        PieceError::Unsendable | PieceError::Io(_) => (Phase::Content, Answer::Lost),
    }
}

async fn send(connection: &mut Connection, bytes: &[u8], deadlines: &Deadlines) -> Result<(), Answer> {
    match tokio::time::timeout(deadlines.block.0, connection.wire.send(bytes)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(Answer::Lost),
        Err(_) => Err(Answer::Late),
    }
}
