//! What stands before the inbox: mailin-embedded 0.8 answers `MAIL FROM:<>` with 500, and everything that Postern itself
//! writes comes from there (RFC 3834 §3.3). The null sender passes under another name, which the inbox takes off again.
//!
//! Its one client is the broker and its one server the inbox, which takes every DATA, so that a line with that word is
//! known to be followed by a message, in which nothing is touched.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The name under which the null sender passes.
pub(super) const STAND_IN: &str = "nobody@null.localhost";

/// Passes on to `behind` who comes to `listener`.
pub(super) fn open(listener: TcpListener, behind: SocketAddr, tasks: &TaskTracker, stop: CancellationToken) {
    let inner = tasks.clone();
    tasks.spawn(async move {
        let accept = async {
            loop {
                let Ok((client, _)) = listener.accept().await else {
                    // Out of file descriptors, most likely: let the others end first.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                };
                let stop = stop.clone();
                inner.spawn(async move {
                    // A broken connection is the broker's affair: it tries again.
                    stop.run_until_cancelled(pass(client, behind)).await.map(Result::ok);
                });
            }
        };
        stop.run_until_cancelled(accept).await;
    });
}

async fn pass(mut client: TcpStream, behind: SocketAddr) -> io::Result<()> {
    let mut server = TcpStream::connect(behind).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, mut to_client) = client.split();
    let (mut from_server, to_server) = server.split();
    let asked = rename(BufReader::new(from_client), to_server);
    let answered = async {
        tokio::io::copy(&mut from_server, &mut to_client).await?;
        to_client.shutdown().await
    };
    tokio::try_join!(asked, answered).map(drop)
}

async fn rename(mut from: impl AsyncBufReadExt + AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) -> io::Result<()> {
    let mut is_message = false;
    let mut line = Vec::new();
    loop {
        line.clear();
        if from.read_until(b'\n', &mut line).await? == 0 {
            return to.shutdown().await;
        }
        if is_message {
            is_message = line != b".\r\n";
        } else if let Some(rest) = after_null(&line) {
            to.write_all(format!("MAIL FROM:<{STAND_IN}>").as_bytes()).await?;
            to.write_all(rest).await?;
            continue;
        } else {
            is_message = line.trim_ascii_end().eq_ignore_ascii_case(b"DATA");
        }
        to.write_all(&line).await?;
    }
}

/// What follows the null sender in a MAIL command that names it.
fn after_null(line: &[u8]) -> Option<&[u8]> {
    let command = b"MAIL FROM:<>";
    let (start, rest) = line.split_at_checked(command.len())?;
    start.eq_ignore_ascii_case(command).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_null_sender_gets_a_name_and_messages_are_left_alone() {
        let asked = b"EHLO x\r\nmail from:<> BODY=8BITMIME\r\nRCPT TO:<a@b>\r\nDATA\r\nMAIL FROM:<>\r\nDATA\r\n.\r\n\
                      MAIL FROM:<c@d>\r\nMAIL FROM:<>\r\n";
        let mut passed = Vec::new();
        rename(&asked[..], &mut passed).await.unwrap();
        let text = String::from_utf8(passed).unwrap();
        assert_eq!(
            text,
            format!(
                "EHLO x\r\nMAIL FROM:<{STAND_IN}> BODY=8BITMIME\r\nRCPT TO:<a@b>\r\nDATA\r\nMAIL FROM:<>\r\nDATA\r\n.\r\n\
                 MAIL FROM:<c@d>\r\nMAIL FROM:<{STAND_IN}>\r\n"
            )
        );
    }
}
