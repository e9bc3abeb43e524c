//! Signatures checked by somebody else: Debian's python3-dkim, told the time and the records.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use data_encoding::BASE64;
use postern::model::dkim_key::DkimKey;
use serde::Deserialize;

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

/// The signatures of each message, from the top, at that moment (seconds since the epoch).
pub fn check(messages: &[Vec<u8>], records: &Records, now: i64) -> Vec<Vec<Signature>> {
    let messages: Vec<String> = messages.iter().map(|message| BASE64.encode(message)).collect();
    let work = serde_json::json!({ "now": now, "records": records, "messages": messages });
    let mut child = Command::new("/usr/bin/python3")
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 with python3-dkim and python3-nacl is needed: tests/run installs them");
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(work.to_string().as_bytes()));
    let done = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(done.status.success(), "python3-dkim failed (is it installed? tests/run does it)");
    serde_json::from_slice(&done.stdout).unwrap()
}

/// Both our signatures stand on top of the message and hold.
pub fn assert_signed(message: &[u8], signatures: &[Signature], domain: &str) {
    let shown = || format!("{signatures:#?}\n{}", message.escape_ascii().to_string().replace("\\r\\n", "\n"));
    let ours: Vec<_> = signatures.iter().take(2).map(|one| (one.ok, one.domain.as_str(), one.algorithm.as_str())).collect();
    assert_eq!(ours, [(true, domain, "rsa-sha256"), (true, domain, "ed25519-sha256")], "{}", shown());
}
