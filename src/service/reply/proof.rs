//! Is a message to a reverse address the owner's own (promise 3)? What is asked, and what of it is proof.
//!
//! An aligned SPF pass says that the author's domain sent this message just now. A signature only says that it signed
//! it once: whoever got a copy can hand it in again, to another reverse address, with changes to what is not covered.
//! So a signature alone is proof of a recent message that names the correspondents, with all fields that go out to
//! them covered, and that was not sent through the alias long ago.
//!
//! Everything is asked for every message, whoever the author claims to be: neither the answer nor the time it takes
//! may tell a stranger whether a guessed mailbox is the owner's.

use std::time::Duration;

use super::{Standing, ours};
use crate::model::authentication::{Authentication, DkimSignature};
use crate::model::{Address, Reply, Timestamp};
use crate::policy;
use crate::policy::reply::{Refusal, ReplyFacts};
use crate::service::broker::Broker;
use crate::service::forward::author;
use crate::service::forward::units::Arrival;
use crate::storage::{self, message_id};
use crate::transform::header::HeaderBlock;
use crate::transform::reply;

/// A signature alone vouches for a message whose `Date` is no farther from now.
const FRESH: Duration = Duration::from_hours(72);

/// The owner's provider may hand a message in again for so long: one connection for each recipient, a lost answer.
pub(super) const RETRIED: Duration = Duration::from_hours(24);

/// What a reader sees of a reply; a signature that is the only proof covers all of these that are there and say something.
const COVERED: [&str; 9] = [
    "to",
    "cc",
    "subject",
    "date",
    "content-type",
    "content-transfer-encoding",
    "content-disposition",
    "content-description",
    "message-id",
];

/// Fields that stand once at the most, together with all `Content-` fields.
const ONCE: [&str; 9] = ["from", "to", "cc", "subject", "date", "message-id", "in-reply-to", "references", "mime-version"];

/// The answer to a message of which a verifier and we might read different fields.
const UNCLEAR: Reply = Reply::new(550, 6, 0, "A field of the message header stands there twice or has a space before its colon");

/// Refuses a block in which it is not clear which instance of a field was signed.
pub(super) fn check_form(header: &HeaderBlock, start: &[u8]) -> Result<(), Reply> {
    let mut seen = Vec::new();
    for field in header.fields() {
        let name = field.name(start).to_ascii_lowercase();
        if !name.starts_with(b"content-") && !ONCE.iter().any(|once| once.as_bytes() == name) {
            continue;
        }
        if field.has_space_before_colon() || seen.contains(&name) {
            return Err(UNCLEAR);
        }
        seen.push(name);
    }
    Ok(())
}

/// Whether the author is the owner, and proven to be.
pub(super) async fn prove(broker: &Broker, arrival: &Arrival<'_>, author: &Address, state: &Standing) -> Result<(), Refusal> {
    let Arrival { client, mail, header, start, content, .. } = arrival;
    let found = author::ask(broker, client, mail, author.domain(), header, start, content).await;
    let letter = Letter::read(broker, arrival, state).await.map_err(|error| {
        // Logged there; that the answer is the same as for other faults is what matters here.
        broker.storage_failed(&error);
        Refusal::NotKnownNow
    })?;
    let (is_proven, is_temporary) = proof(&found, &letter);
    policy::reply::prove(&ReplyFacts { author, mailboxes: &state.owners, is_proven, is_temporary })
}

/// What a message has to say for itself when only a signature vouches for it.
struct Letter {
    /// Those of [`COVERED`] that are there.
    present: Vec<&'static str>,
    /// Whether `To` and `Cc` name every contact it is for.
    is_named: bool,
    /// Whether it was written lately, and is not one that went out long ago.
    is_fresh: bool,
}

impl Letter {
    async fn read(broker: &Broker, arrival: &Arrival<'_>, state: &Standing) -> Result<Self, storage::Error> {
        let (header, start, now) = (arrival.header, arrival.start, broker.now());
        let speaks = |name: &&str| header.named(start, name).next().is_some_and(|field| says_something(name, field.value(start)));
        let present = COVERED.into_iter().filter(speaks).collect();
        let named = reply::named(header, start, &state.alias.address);
        let is_named = state.contacts.iter().all(|contact| named.contains(&contact.token));
        let date = header.named(start, "Date").next().and_then(|field| reply::moment(field.value(start)));
        let id = ours(broker, &state.alias, reply::client_id(header, start).unwrap_or_default());
        let mut tx = broker.storage().read().await?;
        let sent_at = message_id::recorded_at(&mut tx, state.alias.id, &id).await?;
        Ok(Self { present, is_named, is_fresh: is_fresh(date, sent_at, now) })
    }

    fn is_proven_by(&self, signature: &DkimSignature) -> bool {
        let covers = |name: &&str| signature.covers.iter().any(|covered| covered == name);
        self.is_named && self.is_fresh && !signature.is_testing && self.present.iter().all(covers)
    }
}

/// mutt writes `Content-Disposition: inline` on everything and few providers sign it; a file name there shows.
fn says_something(name: &str, value: &[u8]) -> bool {
    name != "content-disposition" || !value.trim_ascii().eq_ignore_ascii_case(b"inline")
}

fn is_fresh(date: Option<Timestamp>, sent_at: Option<Timestamp>, now: Timestamp) -> bool {
    date.is_some_and(|date| now.minus(FRESH) <= date && date <= now.plus(FRESH))
        && sent_at.is_none_or(|sent_at| sent_at >= now.minus(RETRIED))
}

/// Whether the author's domain vouches for the message, and whether a fault may be why it does not.
fn proof(found: &Authentication, letter: &Letter) -> (bool, bool) {
    author::vouch(found, |signature| letter.is_proven_by(signature))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::DomainName;
    use crate::model::authentication::{ArcResult, DkimResult, Dmarc, DmarcPolicy, DmarcResult, Mechanism, SpfCheck, SpfResult};
    use crate::transform::header::Limits;

    fn name(text: &str) -> DomainName {
        DomainName::parse(text).unwrap()
    }

    fn key(result: DkimResult) -> DkimSignature {
        let covers = ["from", "to", "subject"].map(str::to_owned).to_vec();
        let domain = name("inbox.example");
        DkimSignature { domain, selector: "s".into(), result, reason: None, aligned: true, covers, is_testing: false }
    }

    fn spf(result: SpfResult) -> SpfCheck {
        SpfCheck { result, domain: name("inbox.example"), is_helo: false, aligned: true }
    }

    fn found(spf: Option<SpfCheck>, dkim: Vec<DkimSignature>, result: DmarcResult) -> Authentication {
        let published = (result != DmarcResult::None).then_some(DmarcPolicy::Reject);
        let dmarc = Dmarc { result, domain: name("inbox.example"), published, applied: published, aligned_by: None };
        Authentication { spf, dkim, arc: ArcResult::None, is_unread: false, dmarc }
    }

    fn letter() -> Letter {
        Letter { present: vec!["to", "subject"], is_named: true, is_fresh: true }
    }

    #[test]
    fn a_greeting_is_no_proof_even_where_it_satisfies_the_policy() {
        let helo = SpfCheck { is_helo: true, ..spf(SpfResult::Pass) };
        // adkim=s: the key of a sub-domain is not aligned.
        let guest = DkimSignature { domain: name("guest.inbox.example"), aligned: false, ..key(DkimResult::Pass) };
        let mut both = found(Some(helo), vec![guest.clone()], DmarcResult::Pass);
        both.dmarc.aligned_by = Some(Mechanism::Spf);
        assert_eq!(proof(&both, &letter()), (false, false));
        // The policy can't be read: it may be strict.
        both.dmarc = Dmarc { result: DmarcResult::TempError, published: None, ..both.dmarc };
        both.dkim = vec![DkimSignature { aligned: true, ..guest }];
        assert_eq!(proof(&both, &letter()), (false, true));
        assert_eq!(proof(&found(Some(spf(SpfResult::Pass)), vec![], DmarcResult::Pass), &letter()), (true, false));
    }

    #[test]
    fn only_faults_of_what_could_be_proof_are_temporary() {
        let mut forged = found(Some(spf(SpfResult::Fail)), vec![], DmarcResult::Fail);
        forged.arc = ArcResult::TempError;
        assert_eq!(proof(&forged, &letter()), (false, false), "anybody can add a chain");
        forged.dkim = vec![DkimSignature { aligned: false, ..key(DkimResult::TempError) }];
        assert_eq!(proof(&forged, &letter()), (false, false), "somebody else's signature");
        forged.dkim = vec![key(DkimResult::TempError)];
        assert_eq!(proof(&forged, &letter()), (false, true));
        forged.dkim = vec![];
        forged.is_unread = true;
        assert_eq!(proof(&forged, &letter()), (false, true));
    }

    #[test]
    fn a_signature_alone_proves_a_fresh_message_that_it_covers() {
        let by = |signature: DkimSignature, letter: Letter| proof(&found(None, vec![signature], DmarcResult::None), &letter).0;
        assert!(by(key(DkimResult::Pass), letter()));
        assert!(!by(DkimSignature { is_testing: true, ..key(DkimResult::Pass) }, letter()));
        assert!(!by(key(DkimResult::Pass), Letter { present: vec!["to", "date"], ..letter() }));
        assert!(!by(key(DkimResult::Pass), Letter { is_named: false, ..letter() }));
        assert!(!by(key(DkimResult::Pass), Letter { is_fresh: false, ..letter() }));
        // Two that cover everything between them are not one that does.
        let half = |covered: &str| DkimSignature { covers: vec![covered.into()], ..key(DkimResult::Pass) };
        assert!(!proof(&found(None, vec![half("to"), half("subject")], DmarcResult::None), &letter()).0);
        let sent = found(Some(spf(SpfResult::Pass)), vec![], DmarcResult::None);
        assert!(proof(&sent, &Letter { is_named: false, is_fresh: false, ..letter() }).0, "SPF needs none of that");
    }

    #[test]
    fn a_message_is_fresh_for_three_days_and_for_one_after_it_went() {
        let now = Timestamp::from_micros(1_800_000_000_000_000);
        let ago = |hours| Some(now.minus(Duration::from_hours(hours)));
        assert!(is_fresh(ago(72), None, now) && is_fresh(Some(now.plus(FRESH)), ago(24), now));
        assert!(!is_fresh(None, None, now) && !is_fresh(ago(73), None, now) && !is_fresh(ago(30), ago(25), now));
        assert!(!is_fresh(Some(now.plus(Duration::from_hours(73))), None, now));
    }

    #[test]
    fn a_field_that_can_be_read_in_two_ways_is_refused() {
        let check = |message: &str| {
            let block = HeaderBlock::parse(message.as_bytes(), Limits::default()).unwrap();
            check_form(&block, message.as_bytes())
        };
        assert_eq!(check("From: a@x\r\nReceived: 1\r\nReceived: 2\r\nX-A : 1\r\nContent-Type: a\r\n\r\n"), Ok(()));
        for field in ONCE.into_iter().chain(["content-type", "content-id"]) {
            let upper = field.to_uppercase();
            assert_eq!(check(&format!("{field}: a\r\nX: b\r\n{upper}: c\r\n\r\n")), Err(UNCLEAR), "{field}");
            assert_eq!(check(&format!("{upper} : a\r\n\r\n")), Err(UNCLEAR), "{field}");
        }
    }
}
