//! The same answers from a server: which of them are facts and which are faults.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::rdata::{A, MX, SOA, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use postern::config::dns::Dns;
use postern::dns::{DnsError, Resolver};
use postern::model::{Address, DomainName};
use postern::sender_auth::{SpfResult, spf};
use tokio::net::UdpSocket;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// A name server with a few names of known behaviour.
struct Server {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
    _stop: DropGuard,
}

impl Server {
    async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let stop = CancellationToken::new();
        let serve = async move {
            let mut buffer = [0; 4096];
            loop {
                let (length, peer) = socket.recv_from(&mut buffer).await.unwrap();
                count.fetch_add(1, Ordering::Relaxed);
                let request = Message::from_vec(buffer.get(..length).unwrap()).unwrap();
                socket.send_to(&answer(&request).to_vec().unwrap(), peer).await.unwrap();
            }
        };
        TaskTracker::new().spawn(stop.clone().run_until_cancelled_owned(serve));
        Self { address, asked, _stop: stop.drop_guard() }
    }

    fn resolver(&self) -> Resolver {
        Resolver::open(&Dns { resolver: self.address.to_string(), zone_file: None }).unwrap()
    }
}

fn answer(request: &Message) -> Message {
    let query = request.queries.first().unwrap().clone();
    let name = query.name().to_lowercase();
    let root: Name = "example.".parse().unwrap();
    let mut reply = Message::response(request.metadata.id, request.metadata.op_code);
    reply.metadata.message_type = MessageType::Response;
    reply.metadata.recursion_available = true;
    let soa = RData::SOA(SOA::new(root.clone(), root.clone(), 1, 60, 60, 60, 60));
    let mut found = Vec::new();
    match (name.to_ascii().as_str(), query.query_type()) {
        ("good.example.", RecordType::MX) => {
            found.push(RData::MX(MX::new(10, "mx.example.".parse().unwrap())));
        }
        ("good.example.", RecordType::TXT) => {
            found.push(RData::TXT(TXT::new(vec!["v=spf1 a:mx.example exists:%{i}.nowhere.example -all".to_owned()])));
        }
        ("mx.example.", RecordType::A) => found.push(RData::A(A(Ipv4Addr::new(192, 0, 2, 1)))),
        ("lame.example.", _) => reply.metadata.response_code = ResponseCode::ServFail,
        ("shut.example.", _) => reply.metadata.response_code = ResponseCode::Refused,
        ("good.example." | "mx.example." | "empty.example.", _) => {}
        _ => reply.metadata.response_code = ResponseCode::NXDomain,
    }
    if found.is_empty() && matches!(reply.metadata.response_code, ResponseCode::NoError | ResponseCode::NXDomain) {
        reply.add_authority(Record::from_rdata(root, 60, soa));
    }
    for data in found {
        reply.add_answer(Record::from_rdata(query.name().clone(), 60, data));
    }
    reply.add_query(query);
    reply
}

fn name(text: &str) -> DomainName {
    DomainName::parse(text).unwrap()
}

#[tokio::test]
async fn only_clean_answers_are_facts() {
    let server = Server::start().await;
    let resolver = server.resolver();
    assert_eq!(resolver.mx(&name("good.example")).await.unwrap().len(), 1);
    assert_eq!(resolver.mx(&name("empty.example")).await, Err(DnsError::NoData));
    assert_eq!(resolver.mx(&name("gone.example")).await, Err(DnsError::NoSuchName));
    assert_eq!(resolver.mx(&name("lame.example")).await, Err(DnsError::Temporary));
    assert_eq!(resolver.mx(&name("shut.example")).await, Err(DnsError::Temporary));
    assert_eq!(resolver.addresses(&name("mx.example")).await.unwrap().len(), 1, "one family is enough");
}

#[tokio::test]
async fn clones_share_one_cache() {
    let server = Server::start().await;
    let resolver = server.resolver();
    for _ in 0..5 {
        resolver.clone().mx(&name("good.example")).await.unwrap();
        assert_eq!(resolver.clone().mx(&name("gone.example")).await, Err(DnsError::NoSuchName));
    }
    assert_eq!(server.asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn spf_asks_the_same_resolver() {
    let server = Server::start().await;
    let resolver = server.resolver();
    let ask = async |client: &str, sender: &str| {
        let sender = Address::parse(sender).unwrap();
        spf(&resolver, client.parse().unwrap(), "helo.example", &sender, "postern.example").await
    };
    assert_eq!(ask("192.0.2.1", "a@good.example").await, SpfResult::Pass);
    assert_eq!(ask("192.0.2.2", "a@good.example").await, SpfResult::Fail);
    assert_eq!(ask("192.0.2.1", "a@gone.example").await, SpfResult::None);
    assert_eq!(ask("192.0.2.1", "a@lame.example").await, SpfResult::TempError);
}
