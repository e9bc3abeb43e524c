//! One message for one recipient over an open connection: MAIL, RCPT, DATA, the text, the dot (RFC 5321 §3.3, RFC 2920).
//!
//! Every wait has its own deadline, every reply its own expectation: 354 and nothing else after DATA, class 2 and
//! nothing else after the dot. lettre would take any 2xx or 3xx for either. Until the dot is out the message can be
//! taken back; afterwards only the deadline for the answer counts, because giving up then makes a second copy.

use std::time::Duration;

use tokio::time::Instant;

use super::Permit;
use super::body::{self, Body, PIECE, PieceError, Pieces, Text};
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
    /// Whether the sender declared it to hold bytes above 127.
    pub(super) declared_eight_bit: bool,
    /// Whether it may still be sent.
    pub(super) permit: Option<&'a Permit>,
    /// When the attempt is over, unless the final dot is out.
    pub(super) until: Instant,
}

impl Parcel<'_> {
    /// The deadline of a phase before the dot.
    fn limit(&self, deadline: Duration) -> Duration {
        deadline.min(self.until.saturating_duration_since(Instant::now()))
    }
}

/// A permit that is older than this is asked for again before the text leaves.
const STALE: Duration = Duration::from_millis(200);

/// How long the rest of a reply that nobody asked for may take.
const INTERRUPTION: Duration = Duration::from_secs(5);

/// The answers of the permit during one transaction.
struct Consent<'a> {
    permit: Option<&'a Permit>,
    patience: Duration,
    given: Instant,
}

impl<'a> Consent<'a> {
    fn new(permit: Option<&'a Permit>, patience: Duration) -> Self {
        Self { permit, patience, given: Instant::now() }
    }

    /// Asks; an error is the end of the transaction.
    async fn ask(&mut self) -> Result<(), End> {
        let Some(ask) = self.permit else { return Ok(()) };
        let answer = tokio::time::timeout(self.patience, ask()).await;
        self.given = Instant::now();
        match answer {
            Ok(true) => Ok(()),
            Ok(false) => Err(End::withdrawn()),
            Err(_) => {
                let detail = "nobody could say in time whether the message may be sent";
                Err(End::deferred(classify::ours("4.3.0", detail)).here())
            }
        }
    }

    /// Asks again if the answer has become old.
    async fn renew(&mut self) -> Result<(), End> {
        if self.given.elapsed() > STALE { self.ask().await } else { Ok(()) }
    }
}

/// Sends one message. Afterwards `End::reusable` says whether the connection can carry another.
pub(super) async fn run(connection: &mut Connection, parcel: &Parcel<'_>, deadlines: &Deadlines) -> End {
    if let Some(end) = lacking(connection, parcel) {
        return end;
    }
    let mut consent = Consent::new(parcel.permit, deadlines.connect.0);
    if let Err(end) = consent.ask().await {
        return End { reusable: true, ..end };
    }
    connection.used += 1;
    let commands = commands(connection, parcel);
    let opened = if connection.offers.pipelining {
        pipelined(connection, &commands, parcel, deadlines).await
    } else {
        in_turn(connection, &commands, parcel, deadlines).await
    };
    if let Err(end) = opened {
        connection.needs_reset = true;
        return end;
    }
    connection.needs_reset = false;
    if let Err(end) = consent.renew().await {
        // After 354 there is no way back but closing: a dot would deliver what was sent so far.
        return end;
    }
    if let Some(end) = interruption(connection).await {
        return end;
    }
    let answer = match text(connection, parcel, &mut consent, deadlines).await {
        Ok(()) => {
            let reply = tokio::time::timeout(deadlines.end.0, connection.smtp.read_response()).await;
            reply.map_or(Answer::Late, |reply| Answer::of(reply, connection.wire.is_lost()))
        }
        Err(end) => return end,
    };
    match answer {
        Answer::Reply(200..=299, _) => End::delivered(),
        answer => classify::end(answer, Phase::Dot, &connection.peer),
    }
}

/// What the server would have to offer for this message, and does not. Another host of the site may.
fn lacking(connection: &Connection, parcel: &Parcel<'_>) -> Option<End> {
    let offers = &connection.offers;
    let host = &connection.peer.name;
    let failure = if parcel.envelope.smtputf8 && !offers.smtputf8 {
        classify::ours("5.6.7", format!("{host} does not take internationalised mail (SMTPUTF8)"))
    } else if parcel.body.eight_bit && !offers.eight_bit {
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
    // The sender's word is passed on where it can be; only what is really there is insisted on.
    if parcel.body.eight_bit || (parcel.declared_eight_bit && connection.offers.eight_bit) {
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
    parcel: &Parcel<'_>,
    deadlines: &Deadlines,
) -> Result<(), End> {
    for (phase, command) in commands {
        let limit = parcel.limit(deadline(*phase, deadlines));
        let reply = tokio::time::timeout(limit, connection.smtp.command(command)).await;
        let answer = reply.map_or(Answer::Late, |reply| Answer::of(reply, connection.wire.is_lost()));
        expect(answer, *phase, connection)?;
    }
    Ok(())
}

/// All commands in one write, then all replies. The first that fails counts; if DATA was taken all the same, the
/// connection is closed without a dot, because a dot would deliver an empty message.
async fn pipelined(
    connection: &mut Connection,
    commands: &[(Phase, String)],
    parcel: &Parcel<'_>,
    deadlines: &Deadlines,
) -> Result<(), End> {
    let batch: String = commands.iter().map(|(_, command)| command.as_str()).collect();
    let mut failed: Option<End> = None;
    for (number, (phase, _)) in commands.iter().enumerate() {
        let limit = parcel.limit(deadline(*phase, deadlines));
        let reply = if number == 0 {
            tokio::time::timeout(limit, connection.smtp.command(&batch)).await
        } else {
            tokio::time::timeout(limit, connection.smtp.read_response()).await
        };
        let answer = reply.map_or(Answer::Late, |reply| Answer::of(reply, connection.wire.is_lost()));
        let open = matches!(answer, Answer::Reply(..=399, _)) && *phase == Phase::Data;
        let end = expect(answer, *phase, connection);
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

fn expect(answer: Answer, phase: Phase, connection: &Connection) -> Result<(), End> {
    match (&answer, phase) {
        (Answer::Reply(354, _), Phase::Data) | (Answer::Reply(200..=299, _), Phase::Reset | Phase::Mail | Phase::Rcpt) => Ok(()),
        _ => Err(classify::end(answer, phase, &connection.peer)),
    }
}

/// Writes the text and its terminator. An error says whether the terminator may have gone out.
async fn text(
    connection: &mut Connection,
    parcel: &Parcel<'_>,
    consent: &mut Consent<'_>,
    deadlines: &Deadlines,
) -> Result<(), End> {
    let (header, content) = match &parcel.body.text {
        Text::Whole(bytes) => return send(connection, bytes, Phase::Dot, deadlines.block.0).await,
        Text::Pieces(header, content) => (header.clone(), content.clone()),
    };
    let mut pieces = Pieces::new(header, content);
    let mut current = Vec::with_capacity(2 * PIECE);
    let mut following = Vec::with_capacity(2 * PIECE);
    let mut more = pieces.next(&mut current).await.map_err(gone)?;
    while more {
        // The next piece is made before this one is sent, so that the last one, which holds the dot, is known.
        following.clear();
        more = pieces.next(&mut following).await.map_err(gone)?;
        let (phase, limit) =
            if more { (Phase::Content, parcel.limit(deadlines.block.0)) } else { (Phase::Dot, deadlines.block.0) };
        if !more {
            consent.renew().await?;
        }
        let sent = send(connection, &current, phase, limit).await;
        if more && let Some(end) = interruption(connection).await {
            return Err(end);
        }
        sent?;
        std::mem::swap(&mut current, &mut following);
    }
    Ok(())
}

/// What the server has said before the dot was out. It would be taken for the answer to the dot; if it is a refusal (too
/// large, not wanted), the rest need not be sent and the words are worth more than "closed the connection".
async fn interruption(connection: &mut Connection) -> Option<End> {
    if connection.wire.is_quiet() {
        return None;
    }
    let answer = if connection.wire.has_unread() {
        let reply = tokio::time::timeout(INTERRUPTION, connection.smtp.read_response()).await;
        match reply.map_or(Answer::Late, |reply| Answer::of(reply, connection.wire.is_lost())) {
            Answer::Reply(..=399, _) => Answer::Garbage,
            answer => answer,
        }
    } else {
        Answer::Lost
    };
    Some(End { reusable: false, ..classify::end(answer, Phase::Content, &connection.peer) })
}

/// The text was checked before; if it can't be read now, the connection is closed without a dot.
fn gone(error: PieceError) -> End {
    match error {
        PieceError::Unsendable => body::unreadable(std::io::ErrorKind::InvalidData.into()),
        PieceError::Io(error) => body::unreadable(error),
    }
}

async fn send(connection: &mut Connection, bytes: &[u8], phase: Phase, limit: Duration) -> Result<(), End> {
    let answer = match tokio::time::timeout(limit, connection.wire.send(bytes)).await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(_)) => Answer::Lost,
        Err(_) => Answer::Late,
    };
    Err(classify::end(answer, phase, &connection.peer))
}
