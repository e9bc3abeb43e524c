//! `postern try`: the inbox, the window at the gate, the page, the whole story.

mod gate;
mod inbox;
mod letters;
mod page;
mod story;

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// Long enough for a loaded machine.
const DEADLINE: Duration = Duration::from_secs(30);
const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// A client that says one thing at a time.
struct Client(BufReader<TcpStream>);

impl Client {
    async fn connect(address: SocketAddr) -> Self {
        let mut client = Self(BufReader::new(TcpStream::connect(address).await.unwrap()));
        assert!(client.answer().await.starts_with("220 "));
        client
    }

    async fn say(&mut self, bytes: &[u8]) -> String {
        self.0.get_mut().write_all(bytes).await.unwrap();
        self.answer().await
    }

    async fn answer(&mut self) -> String {
        let mut whole = String::new();
        loop {
            let mut line = String::new();
            tokio::time::timeout(DEADLINE, self.0.read_line(&mut line)).await.unwrap().unwrap();
            let last = line.as_bytes().get(3) != Some(&b'-');
            whole.push_str(&line);
            if last {
                return whole;
            }
        }
    }
}
