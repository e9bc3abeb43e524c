//! Signatures checked by others: Debian's python3-dkim, told the time and the records, and mail-auth.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::hash::Hash;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use data_encoding::BASE64;
use mail_auth::common::parse::TxtRecordParser;
use mail_auth::common::verify::DomainKey;
use mail_auth::hickory_resolver::config::{ResolverConfig, ResolverOpts};
use mail_auth::{AuthenticatedMessage, MessageAuthenticator, Parameters, ResolverCache, Txt};
use postern::model::dkim_key::DkimKey;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::app::TestApp;

/// Checks our signatures, which stand in front of any others. The interpreter's clock is the test's.
const SCRIPT: &str = r#"
import base64, json, sys, time
import dkim
work = json.load(sys.stdin)
time.time = lambda: work["now"]
def lookup(name, timeout=5):
    found = work["records"].get(name.decode().rstrip("."))
    return found.encode() if found else None
answers = []
for message in work["messages"]:
    checker = dkim.DKIM(base64.b64decode(message))
    count = sum(1 for name, _ in checker.headers if name.lower() == b"dkim-signature")
    found = []
    for index in range(count):
        try:
            ok, why = bool(checker.verify(idx=index, dnsfunc=lookup)), ""
        except Exception as error:
            ok, why = False, repr(error)
        fields = {key.decode(): value.decode() for key, value in checker.signature_fields.items()}
        found.append({"ok": ok, "why": why, "domain": fields["d"], "algorithm": fields["a"], "fields": fields})
    answers.append(found)
json.dump(answers, sys.stdout)
"#;

/// Checks the whole chain.
const ARC_SCRIPT: &str = r#"
import base64, json, sys, time
import dkim
work = json.load(sys.stdin)
time.time = lambda: work["now"]
def lookup(name, timeout=5):
    found = work["records"].get(name.decode().rstrip("."))
    return found.encode() if found else None
answers = []
for message in work["messages"]:
    result, _, why = dkim.arc_verify(base64.b64decode(message), dnsfunc=lookup)
    answers.append([(result or b"ended").decode(), why])
json.dump(answers, sys.stdout)
"#;

/// One signature of a message, as python3-dkim sees it.
#[derive(Debug, Deserialize)]
pub struct Signature {
    pub ok: bool,
    pub why: String,
    pub domain: String,
    pub algorithm: String,
    pub fields: BTreeMap<String, String>,
}

/// The records an instance's keys need.
pub type Records = BTreeMap<String, String>;

pub fn records(keys: &[DkimKey]) -> Records {
    keys.iter().map(|key| (key.record_name(), postern::service::dkim_key::record(key))).collect()
}

/// The records of all keys an instance signs with.
pub async fn records_of(app: &TestApp) -> Records {
    records(&app.read(async |tx| postern::storage::dkim_key::list_active(tx).await).await)
}

/// The signatures of each message, from the top, at that moment (seconds since the epoch). Nothing where python3-dkim is
/// not installed, unless `POSTERN_TEST_REQUIRE_DKIM=1` says that it has to be.
pub fn check(messages: &[Vec<u8>], records: &Records, now: i64) -> Vec<Vec<Signature>> {
    run(SCRIPT, messages, records, now)
}

/// The result of each message's ARC chain and why, in the same way.
pub fn check_chains(messages: &[Vec<u8>], records: &Records, now: i64) -> Vec<(String, String)> {
    run(ARC_SCRIPT, messages, records, now)
}

/// One answer for each message, or none at all.
#[expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "who runs the tests says what is there, and must see what was left out"
)]
fn run<T: DeserializeOwned>(script: &str, messages: &[Vec<u8>], records: &Records, now: i64) -> Vec<T> {
    let messages: Vec<String> = messages.iter().map(|message| BASE64.encode(message)).collect();
    let work = serde_json::json!({ "now": now, "records": records, "messages": messages });
    // Debian's own interpreter: its packages belong to no other that may come first in PATH.
    let has_checker = Command::new("/usr/bin/python3").args(["-c", "import dkim, nacl"]).stderr(Stdio::null()).status();
    if !has_checker.is_ok_and(|status| status.success()) {
        let required = std::env::var("POSTERN_TEST_REQUIRE_DKIM").is_ok_and(|value| value == "1");
        assert!(!required, "python3-dkim and python3-nacl are not installed; tests/run does it");
        println!("skipped: python3-dkim and python3-nacl are not installed");
        return Vec::new();
    }
    let mut child =
        Command::new("/usr/bin/python3").args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(work.to_string().as_bytes()));
    let done = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(done.status.success(), "python3-dkim could not read a message");
    serde_json::from_slice(&done.stdout).unwrap()
}

/// What mail-auth finds of the ARC chain.
pub async fn check_chain_with_mail_auth(message: &AuthenticatedMessage<'_>, records: &Records) -> mail_auth::DkimResult {
    let nowhere = ResolverConfig::from_parts(None, Vec::new(), Vec::new());
    let checker = MessageAuthenticator::new(nowhere, ResolverOpts::default()).unwrap();
    let keys = Keys(records);
    checker.verify_arc(Parameters::new(message).with_txt_cache(&keys)).await.result().clone()
}

/// The domain of each signature and whether mail-auth finds it good.
pub async fn check_with_mail_auth(message: &AuthenticatedMessage<'_>, records: &Records) -> Vec<(String, bool)> {
    let nowhere = ResolverConfig::from_parts(None, Vec::new(), Vec::new());
    let checker = MessageAuthenticator::new(nowhere, ResolverOpts::default()).unwrap();
    let keys = Keys(records);
    let outputs = checker.verify_dkim(Parameters::new(message).with_txt_cache(&keys)).await;
    // One that can't be read has no domain.
    let domain = |signature: &mail_auth::dkim::Signature| signature.d.clone();
    outputs
        .iter()
        .map(|output| {
            (output.signature().map(domain).unwrap_or_default(), matches!(output.result(), mail_auth::DkimResult::Pass))
        })
        .collect()
}

/// The records in the shape of mail-auth's cache.
struct Keys<'a>(&'a Records);

impl ResolverCache<Box<str>, Txt> for Keys<'_> {
    fn get<Q: Hash + Eq + ?Sized>(&self, name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
    {
        // The name comes with its dot at the end.
        let (_, record) = self.0.iter().find(|(known, _)| Borrow::<Q>::borrow(&format!("{known}.").into_boxed_str()) == name)?;
        Some(Txt::DomainKey(Arc::new(DomainKey::parse(record.as_bytes()).unwrap())))
    }

    fn remove<Q: Hash + Eq + ?Sized>(&self, _name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
    {
        None
    }

    fn insert(&self, _key: Box<str>, _value: Txt, _until: Instant) {}
}

/// Both our signatures stand on top of the message and hold.
pub fn assert_signed(message: &[u8], signatures: &[Signature], domain: &str) {
    let shown = || format!("{signatures:#?}\n{}", message.escape_ascii().to_string().replace("\\r\\n", "\n"));
    let ours = signatures.iter().take(2).map(|one| (one.ok, one.why.as_str(), one.domain.as_str(), one.algorithm.as_str()));
    let ours: Vec<_> = ours.collect();
    assert_eq!(ours, [(true, "", domain, "rsa-sha256"), (true, "", domain, "ed25519-sha256")], "{}", shown());
}
