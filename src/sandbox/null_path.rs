//! The porch of the inbox: mailin-embedded 0.8 answers `MAIL FROM:<>` with 500, and what Postern writes to its users comes
//! from the null reverse-path (RFC 5321 §4.5.5). So that line gets an address on its way; all others pass unchanged.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What the inbox is told in place of nobody.
pub const NOBODY: &str = "nobody@null-path.invalid";
const NULL: &[u8] = b"MAIL FROM:<>";
const BLOCK: usize = 16 * 1024;

/// Opens the porch: who comes to `listener`, the broker alone, is passed on to `behind`.
pub fn open(listener: TcpListener, behind: SocketAddr, tasks: &TaskTracker, stop: CancellationToken) {
    let inner = tasks.clone();
    tasks.spawn(async move {
        let accept = async {
            loop {
                // Whoever could not be taken comes again: mail waits in the queue.
                let Ok((client, _)) = listener.accept().await else { return };
                let stop = stop.clone();
                inner.spawn(async move {
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
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let asked = async {
        let (mut block, mut lines) = (vec![0; BLOCK], Lines::default());
        loop {
            let count = from_client.read(&mut block).await?;
            if count == 0 {
                return to_server.shutdown().await;
            }
            let bytes = lines.pass(block.get(..count).unwrap_or_default());
            to_server.write_all(&bytes).await?;
        }
    };
    let answered = async {
        tokio::io::copy(&mut from_server, &mut to_client).await?;
        to_client.shutdown().await
    };
    tokio::try_join!(asked, answered).map(drop)
}

/// What the client says, line by line. It waits for the answer to DATA before it sends the message, so that what follows
/// that line is the message, up to the line with the dot.
#[derive(Debug, Default)]
struct Lines {
    line: Vec<u8>,
    in_message: bool,
}

impl Lines {
    fn pass(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len() + NOBODY.len());
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                self.whole(&line, &mut out);
            }
        }
        out
    }

    fn whole(&mut self, line: &[u8], out: &mut Vec<u8>) {
        if self.in_message {
            self.in_message = line != b".\r\n";
        } else if line.eq_ignore_ascii_case(b"DATA\r\n") {
            self.in_message = true;
        } else if let Some((start, rest)) = line.split_at_checked(NULL.len())
            && start.eq_ignore_ascii_case(NULL)
        {
            out.extend_from_slice(b"MAIL FROM:<");
            out.extend_from_slice(NOBODY.as_bytes());
            out.push(b'>');
            out.extend_from_slice(rest);
            return;
        }
        out.extend_from_slice(line);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SAID: &[u8] =
        b"EHLO x\r\nMAIL FROM:<> BODY=8BITMIME\r\nRCPT TO:<a@b>\r\nDATA\r\nMAIL FROM:<>\r\n.\r\nMAIL FROM:<c@d>\r\n";

    #[test]
    fn the_null_path_gets_an_address_in_commands_and_not_in_messages() {
        let heard = String::from_utf8(Lines::default().pass(SAID)).unwrap();
        let expected = "EHLO x\r\nMAIL FROM:<nobody@null-path.invalid> BODY=8BITMIME\r\nRCPT TO:<a@b>\r\nDATA\r\nMAIL FROM:<>\r\n.\r\n\
                        MAIL FROM:<c@d>\r\n";
        assert_eq!(heard, expected);
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_the_bytes_come(cuts in proptest::collection::vec(0usize..100, 0..8)) {
            let (mut lines, mut heard, mut rest) = (Lines::default(), Vec::new(), SAID);
            for cut in cuts {
                let (now, later) = rest.split_at(cut.min(rest.len()));
                heard.extend(lines.pass(now));
                rest = later;
            }
            heard.extend(lines.pass(rest));
            prop_assert_eq!(heard, Lines::default().pass(SAID));
        }

        #[test]
        fn whole_lines_without_the_null_path_pass_unchanged(lines in proptest::collection::vec("[ -~]{0,20}\r?\n", 0..9)) {
            let said = lines.concat();
            prop_assume!(!said.to_ascii_uppercase().contains("MAIL FROM:<>"));
            prop_assert_eq!(Lines::default().pass(said.as_bytes()), said.as_bytes());
        }
    }
}
