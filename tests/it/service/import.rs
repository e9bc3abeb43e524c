//! Aliases from other services: what is kept, what is skipped and why, and that nothing happens twice.

use std::io::{self, Cursor};
use std::sync::Arc;

use postern::model::alias::AliasState;
use postern::model::id::UserId;
use postern::service::alias::{self, AliasFilter};
use postern::service::alias_page::{self, Listed};
use postern::service::import::report::{Line, Outcome, Summary};
use postern::service::import::{self, ImportError, Input, Job, Remap, Source, Watch};
use postern::service::{Desk, domain, mailbox};
use postern::storage;

use super::export::exported;
use super::{add_user, ann, called, desk, name, plain};
use crate::support::database::{address, each_driver};

pub fn job(source: Source, bytes: impl Into<Vec<u8>>) -> Job {
    let bytes = bytes.into();
    let open = Arc::new(move || Ok(Box::new(Cursor::new(bytes.clone())) as Input));
    Job { source, open, limit: 1 << 24, dry_run: false, trust: false, private: false, remap: Vec::new() }
}

fn corpus(source: Source, file: &str) -> Job {
    job(source, std::fs::read(format!("tests/corpus/import/{file}")).unwrap())
}

fn to(domain: &str) -> Vec<Remap> {
    vec![Remap { from: None, to: name(domain) }]
}

/// Keeps what it is told; stops the import after so many lines.
#[derive(Default)]
struct Kept {
    rows: u64,
    lines: Vec<Line>,
    stop_after: Option<usize>,
}

impl Watch for Kept {
    fn counted(&mut self, rows: u64) {
        self.rows = rows;
    }

    fn lines(&mut self, lines: &[Line]) -> io::Result<()> {
        self.lines.extend_from_slice(lines);
        if self.stop_after.is_some_and(|most| self.lines.len() >= most) { Err(io::Error::other("stopped")) } else { Ok(()) }
    }
}

async fn bring(desk: &Desk, user: UserId, job: &Job) -> (Summary, Vec<Line>) {
    let mut kept = Kept::default();
    let summary = import::run(desk, user, job, &mut kept).await.unwrap();
    assert_eq!((kept.rows, kept.lines.len() as u64), (summary.rows, summary.rows));
    (summary, kept.lines)
}

async fn listed(desk: &Desk, user: UserId, text: &str) -> Listed {
    alias_page::get_by_address(desk, user, &address(text)).await.unwrap()
}

async fn count(desk: &Desk, user_id: UserId) -> usize {
    let filter = AliasFilter { user_id, site: None, state: None, before: None, limit: 100_000 };
    alias::list(desk, &filter).await.unwrap().len()
}

/// Why each row was skipped, or what came of it.
fn said(lines: &[Line]) -> Vec<(&str, &str)> {
    lines.iter().map(|line| (line.address.as_str(), line.reason.as_deref().unwrap_or(line.outcome.as_str()))).collect()
}

const RESERVED: &str = "the name is reserved for the instance";
const FOREIGN: &str = "its domain is not one of yours here";

#[tokio::test]
async fn an_alias_keeps_its_address_state_note_site_and_mailboxes() {
    each_driver(async |database| {
        let desk = desk(&database);
        let ann = ann(&desk).await;
        mailbox::add(&desk, ann.id, address("work@inbox.example"), true).await.unwrap();
        let (summary, lines) = bring(&desk, ann.id, &corpus(Source::SimpleLogin, "simplelogin.csv")).await;
        assert_eq!((summary.made, summary.skipped, summary.rows), (2, 2, 4));
        let expected = [
            ("shop.k7f3q@alias.example", "made"),
            ("letters@alias.example", "made"),
            ("quiet.owl123@simplelogin.example", FOREIGN),
            ("postmaster@alias.example", RESERVED),
        ];
        assert_eq!(said(&lines), expected);
        let shop = listed(&desk, ann.id, "shop.k7f3q@alias.example").await;
        assert_eq!((shop.alias.site.unwrap().as_str(), shop.mailboxes.len()), ("lg.com", 2));
        assert_eq!((shop.alias.state, shop.alias.note.lines().count()), (AliasState::Active, 2));
        let letters = listed(&desk, ann.id, "letters@alias.example").await;
        assert_eq!(
            (letters.alias.state, letters.mailboxes[0].address.to_string()),
            (AliasState::Paused, "Ann@inbox.example".into())
        );

        let (summary, _) = bring(&desk, ann.id, &corpus(Source::Addy, "addy.csv")).await;
        assert_eq!((summary.made, summary.skipped), (2, 2));
        assert_eq!(summary.reasons.keys().collect::<Vec<_>>(), ["it was deleted where it comes from", FOREIGN]);
        let first = listed(&desk, ann.id, "first@alias.example").await;
        assert_eq!((first.pinned, first.alias.display_name.as_deref()), (true, Some("Ann Roe")));
        assert_eq!(first.alias.created_at.to_rfc3339(), "2023-05-06T07:08:09Z");
        assert_eq!(first.alias.state_changed_at, database.now());

        let plain = bring(&desk, ann.id, &corpus(Source::Plain, "plain.csv")).await.1;
        assert_eq!(plain[2].outcome, Outcome::Made);
        assert!(plain[2].new_address.as_ref().unwrap().starts_with("lg."));
        let unknown = "its state is none of active, locked, paused, killed";
        assert_eq!(said(&plain)[3..], [("three@alias.example", unknown), ("", "there is neither an address nor a site")]);
        let one = listed(&desk, ann.id, "one@alias.example").await;
        assert_eq!((one.alias.state, one.alias.max_messages), (AliasState::Locked, Some(10)));
        assert_eq!(listed(&desk, ann.id, "two@alias.example").await.alias.note, "=1+1");
        let tags = storage::alias_export::page(&mut desk.storage.read().await.unwrap(), ann.id, None, 100).await.unwrap();
        let tags = tags.into_iter().find(|whole| whole.alias.id == one.alias.id).unwrap().tags;
        assert_eq!(tags, ["shopping", "travel"]);
    })
    .await;
}

/// SimpleLogin's archive, and with it what somebody put into it.
fn archive(more: &[(&str, &[u8])]) -> Vec<u8> {
    use std::io::Write;
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let mut add = |name: &str, bytes: &[u8]| {
        archive.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(bytes).unwrap();
    };
    for table in ["aliases", "mailboxes", "contacts"] {
        add(&format!("{table}.json"), &std::fs::read(format!("tests/corpus/import/simplelogin-{table}.json")).unwrap());
    }
    for (name, bytes) in more {
        add(name, bytes);
    }
    archive.finish().unwrap().into_inner()
}

#[tokio::test]
async fn correspondents_of_simplelogin_come_along_under_reverse_addresses_of_ours() {
    each_driver(async |database| {
        let desk = desk(&database);
        let ann = ann(&desk).await;
        mailbox::add(&desk, ann.id, address("work@inbox.example"), true).await.unwrap();
        let (summary, _) = bring(&desk, ann.id, &job(Source::SimpleLogin, archive(&[]))).await;
        assert_eq!((summary.made, summary.skipped, summary.contacts_renewed), (2, 1, 2));
        assert!(summary.notes[0].contains("aliases.csv"));
        let tx = &mut desk.storage.read().await.unwrap();
        let mut page = storage::alias_export::page(tx, ann.id, None, 100).await.unwrap();
        storage::alias_export::add_history(tx, &mut page).await.unwrap();
        let of = |name: &str| page.iter().find(|whole| whole.alias.address.to_string() == name).unwrap();
        let contacts = &of("forum@alias.example").contacts;
        let seen: Vec<_> = contacts.iter().map(|contact| (contact.address.as_str(), contact.blocked_at.is_some())).collect();
        assert_eq!(seen, [("news@shop.example", false), ("spam@bad.example", true)]);
        assert!(contacts.iter().all(|contact| !contact.token.is_empty()) && contacts[0].token != contacts[1].token);
        assert_eq!(contacts[0].created_at.to_rfc3339(), "2021-03-05T01:02:03Z");
        assert!(of("old@alias.example").contacts.is_empty(), "one's own mailbox is nobody to correspond with");
        assert_eq!(of("forum@alias.example").mailboxes, ["Ann@inbox.example"]);
    })
    .await;
}

#[tokio::test]
async fn the_table_of_simplelogin_in_its_archive_knows_further_mailboxes() {
    each_driver(async |database| {
        let desk = desk(&database);
        let ann = ann(&desk).await;
        mailbox::add(&desk, ann.id, address("work@inbox.example"), true).await.unwrap();
        let table = b"alias,note,enabled,mailboxes\nforum@alias.example,,True,ann@inbox.example work@inbox.example\n";
        let (summary, _) = bring(&desk, ann.id, &job(Source::SimpleLogin, archive(&[("aliases.csv", table)]))).await;
        assert_eq!((summary.made, summary.notes.len()), (2, 0));
        assert_eq!(listed(&desk, ann.id, "forum@alias.example").await.mailboxes.len(), 2);
        assert_eq!(listed(&desk, ann.id, "old@alias.example").await.mailboxes.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn every_row_that_is_skipped_has_its_reason() {
    each_driver(async |database| {
        let desk = desk(&database);
        let ann = ann(&desk).await;
        let bob = add_user(&desk, "bob@inbox.example", true).await;
        domain::add(&desk, name("ann.example"), Some(ann.id)).await.unwrap();
        domain::add(&desk, name("bob.example"), Some(bob.id)).await.unwrap();
        alias::create(&desk, called(bob.id, "bobs")).await.unwrap();
        alias::create(&desk, called(ann.id, "mine")).await.unwrap();
        let gone = alias::create(&desk, called(ann.id, "gone")).await.unwrap();
        let now = database.now();
        let retire = desk.storage.write(move |tx| Box::pin(async move { storage::alias::retire(tx, &gone, now).await }));
        retire.await.unwrap();
        let table = "address\nbobs@alias.example\nMINE@alias.example\ngone@alias.example\nx@bob.example\ninfo@alias.example\n\
                     info@ann.example\nabuse@ann.example\nreply+x@ann.example\na+b@alias.example\na+b@ann.example\n\
                     Fresh@alias.example\nfresh@ALIAS.example\n\"\"\"a b\"\"@ann.example\"\nnonsense\nä@ann.example\n";
        let expected = [
            ("bobs@alias.example", "somebody else has this address"),
            ("MINE@alias.example", "there"),
            ("gone@alias.example", "the address was in use once and is gone for good"),
            ("x@bob.example", FOREIGN),
            ("info@alias.example", RESERVED),
            ("info@ann.example", "made"),
            ("abuse@ann.example", RESERVED),
            ("reply+x@ann.example", RESERVED),
            ("a+b@alias.example", "the name has characters that names on this domain can't have"),
            ("a+b@ann.example", "made"),
            ("Fresh@alias.example", "made"),
            ("fresh@ALIAS.example", "it stands in the file twice"),
            ("\"a b\"@ann.example", "the name has characters that names on this domain can't have"),
            ("nonsense", "the address is not valid"),
            ("ä@ann.example", "the name has characters that names on this domain can't have"),
        ];
        let job = job(Source::Plain, table);
        let before = exported(&desk, ann.id).await;
        let (tried, lines) = bring(&desk, ann.id, &Job { dry_run: true, ..job.clone() }).await;
        assert_eq!(said(&lines), expected);
        assert_eq!(exported(&desk, ann.id).await, before, "a dry run writes nothing");
        let (done, lines) = bring(&desk, ann.id, &job).await;
        assert_eq!((said(&lines), done), (expected.to_vec(), tried));
        let missing = Job { remap: to("bob.example"), ..job };
        let refused = import::run(&desk, ann.id, &missing, &mut ()).await;
        assert!(matches!(refused, Err(ImportError::Remap(domain)) if domain == name("bob.example")));
    })
    .await;
}

#[tokio::test]
async fn what_is_on_another_domain_is_made_anew_where_one_says() {
    each_driver(async |database| {
        let desk = desk(&database);
        let ann = ann(&desk).await;
        domain::add(&desk, name("ann.example"), Some(ann.id)).await.unwrap();
        let only = vec![Remap { from: Some(name("mozmail.example")), to: name("ann.example") }];
        let (_, lines) = bring(&desk, ann.id, &Job { remap: only.clone(), ..corpus(Source::Relay, "relay.json") }).await;
        assert_eq!((lines[0].outcome, lines[0].new_address.as_deref()), (Outcome::Remapped, Some("q7x1k2v9@ann.example")));
        assert_eq!((lines[1].outcome, lines[1].new_address.as_deref()), (Outcome::Made, None));
        assert_eq!(listed(&desk, ann.id, "q7x1k2v9@ann.example").await.alias.site.unwrap().as_str(), "lg.com");
        let foreign = Job { remap: only, ..corpus(Source::SimpleLogin, "simplelogin.csv") };
        assert_eq!(bring(&desk, ann.id, &foreign).await.1[2].reason.as_deref(), Some(FOREIGN));
        // Whatever is not here goes to one place; what was moved before is there.
        let all = Job { remap: to("alias.example"), ..corpus(Source::SimpleLogin, "simplelogin.csv") };
        assert_eq!(bring(&desk, ann.id, &all).await.1[2].new_address.as_deref(), Some("quiet.owl123@alias.example"));
        let again = bring(&desk, ann.id, &all).await.1;
        assert_eq!((again[2].outcome, again[2].new_address.as_deref()), (Outcome::There, Some("quiet.owl123@alias.example")));
    })
    .await;
}

#[tokio::test]
async fn importing_again_changes_nothing_and_an_import_cut_off_goes_on() {
    each_driver(async |database| {
        let desk = desk(&database);
        let ann = ann(&desk).await;
        let rows: Vec<String> = (0..1203).map(|number| format!("n{number}@alias.example,note {number}\n")).collect();
        let rows = rows.concat();
        let job = job(Source::Plain, format!("address,note\n{rows},Website: lg.com\n,lg.com\n"));
        let mut cut = Kept { stop_after: Some(500), ..Kept::default() };
        assert!(matches!(import::run(&desk, ann.id, &job, &mut cut).await, Err(ImportError::Read(_))));
        let made = count(&desk, ann.id).await;
        assert!((500..1205).contains(&made), "{made}");
        let (summary, _) = bring(&desk, ann.id, &job).await;
        assert_eq!((summary.there, summary.made, summary.skipped), (made as u64, 1204 - made as u64, 1));
        let before = exported(&desk, ann.id).await;
        let (summary, _) = bring(&desk, ann.id, &job).await;
        assert_eq!((summary.there, summary.made, summary.skipped), (1204, 0, 1));
        assert_eq!(exported(&desk, ann.id).await, before);
    })
    .await;
}

#[tokio::test]
async fn what_can_not_be_kept_of_an_alias_is_said() {
    each_driver(async |database| {
        let desk = desk(&database);
        let ann = ann(&desk).await;
        alias::create(&desk, plain(ann.id)).await.unwrap();
        let note = "n".repeat(20_000);
        let table = format!(
            "address,note,display_name,mailboxes,tags,created_at\na@alias.example,{note},x@y,gone@inbox.example,\"{}\",2999-01-01\n",
            "t".repeat(60)
        );
        let (summary, lines) = bring(&desk, ann.id, &job(Source::Plain, table)).await;
        assert_eq!((lines[0].remarks.len(), summary.remarks.len()), (4, 4));
        let alias = listed(&desk, ann.id, "a@alias.example").await;
        assert_eq!((alias.alias.note.len(), alias.alias.display_name, alias.mailboxes.len()), (10_000, None, 1));
        assert_eq!(alias.alias.created_at, database.now(), "nothing was made in the future");
        let broken = job(Source::Plain, "address\nb@alias.example\n\"\0\u{1}\"\n");
        assert_eq!(bring(&desk, ann.id, &broken).await.0.made, 1);
    })
    .await;
}
