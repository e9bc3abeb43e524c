//! A resolver over a zone in a test, and one evaluation.

use std::io::Write;

use postern::config::dns::Dns;
use postern::dns::Resolver;
use postern::model::authentication::Authentication;
use postern::model::{Address, DomainName, Timestamp};
use postern::sender_auth::{Facts, authenticate};
use postern::spool::Content;
use postern::transform::header::{HeaderBlock, Limits};

pub const MESSAGE: &str = "From: Shop <news@shop.example>\r\nTo: lg@you.example\r\nSubject:  Spring\r\n  offers\r\n\
                           Message-ID: <1@shop.example>\r\n\r\nHello,  there \r\n\r\n  indented\t text\r\n\r\n\r\n";

pub fn resolver(zone: &str) -> Resolver {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(zone.as_bytes()).unwrap();
    Resolver::open(&Dns { zone_file: Some(file.path().to_owned()), ..Dns::default() }).unwrap()
}

/// How the message came in; by default from an unknown client with a sender of the author's domain.
#[derive(Clone)]
pub struct Arrival<'a> {
    pub client: Option<&'a str>,
    pub helo: &'a str,
    pub sender: Option<&'a str>,
    pub author: &'a str,
    pub draw: u8,
}

impl Default for Arrival<'_> {
    fn default() -> Self {
        let (sender, author) = (Some("news@shop.example"), "shop.example");
        Self { client: Some("198.51.100.1"), helo: "mail.shop.example", sender, author, draw: 0 }
    }
}

pub async fn check(zone: &str, message: &str, arrival: Arrival<'_>) -> Authentication {
    let sender = arrival.sender.map(|sender| Address::parse(sender).unwrap());
    let at = message.find("\r\n\r\n").map_or(message.len(), |at| at + 2);
    let (header, rest) = message.split_at(at);
    let block = HeaderBlock::parse(header.as_bytes(), Limits::default()).unwrap();
    let fields: Vec<&[u8]> = block.fields().iter().map(|field| field.raw(header.as_bytes())).collect();
    let facts = Facts {
        client: arrival.client.map(|client| client.parse().unwrap()),
        helo: arrival.helo,
        sender: sender.as_ref(),
        hostname: &DomainName::parse("gate.you.example").unwrap(),
        author: &DomainName::parse(arrival.author).unwrap(),
        now: Timestamp::from_micros(1_800_000_000_000_000),
        draw: arrival.draw,
    };
    authenticate(&resolver(zone), &facts, &fields, &Content::from_bytes(rest.to_owned())).await
}
