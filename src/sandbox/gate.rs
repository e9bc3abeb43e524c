//! The window at the gate: the door senders knock at, with Postern's own SMTP port behind it.
//!
//! It passes every byte on unchanged in both directions and writes into the [`Journal`] what Postern answered, so that
//! the page shows mail sent by hand (swaks, Python, a mail program) just like that of the scripted senders.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::dialogue::Dialogue;
use super::journal::Journal;

const CONVERSATIONS: usize = 200;
const BLOCK: usize = 16 * 1024;

/// Opens the window: who comes to `listener` is passed on to `behind`.
pub fn open(listener: TcpListener, behind: SocketAddr, journal: Journal, tasks: &TaskTracker, stop: CancellationToken) {
    let (inner, permits) = (tasks.clone(), Arc::new(Semaphore::new(CONVERSATIONS)));
    tasks.spawn(async move {
        let accept = async {
            loop {
                let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
                let Ok((client, _)) = listener.accept().await else {
                    // Out of file descriptors, most likely: let the others end first.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                };
                let (journal, stop) = (journal.clone(), stop.clone());
                inner.spawn(async move {
                    // A broken connection is the sender's affair, and it sees it itself.
                    stop.run_until_cancelled(pass(client, behind, journal)).await.map(Result::ok);
                    drop(permit);
                });
            }
        };
        stop.run_until_cancelled(accept).await;
    });
}

async fn pass(mut client: TcpStream, behind: SocketAddr, journal: Journal) -> io::Result<()> {
    let mut server = connect(client.peer_addr()?.ip(), behind).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    journal.conversation();
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let (mut asked, mut answered) = (vec![0; BLOCK], vec![0; BLOCK]);
    let mut dialogue = Dialogue::default();
    let mut client_talks = true;
    loop {
        tokio::select! {
                    read = from_client.read(&mut asked), if client_talks => {
                        let bytes = asked.get(..read?).unwrap_or_default();
                        client_talks = !bytes.is_empty();
                        if client_talks {
                            dialogue.from_client(bytes);
                            to_server.write_all(bytes).await?;
                        } else {
                            to_server.shutdown().await?;
                        }
                    }
                    read = from_server.read(&mut answered) => {
                        let bytes = answered.get(..read?).unwrap_or_default();
                        if bytes.is_empty() {
                            return to_client.shutdown().await;
                        }
                        let (lines, verdicts) = dialogue.from_server(bytes);
                        journal.answered(&lines);
                        for verdict in verdicts {
         journal.decided(verdict);
        }
                        to_client.write_all(bytes).await?;
                    }
                }
    }
}

/// Comes from where the client comes from: what a domain says of its senders (SPF) is about addresses.
async fn connect(source: IpAddr, behind: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(source, 0))?;
    socket.connect(behind).await
}
