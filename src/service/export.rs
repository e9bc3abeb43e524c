//! Everything a user has, as one archive to take away: `postern.json` with all of it, `aliases.csv` for other programs,
//! `about.json` with the moment it was made, which is no part of it, and `README.txt` (`docs/import-export.md`).
//!
//! Reverse addresses are in it, because without them letters in the owner's inbox could not be answered any more; whoever
//! has the archive can't use them without the owner's mailbox. The one secret in it is the key that signs names: without
//! it, names made on the way and not used yet would come to nothing. Who may not see how the user signs in gets the archive
//! without it. What of the database is not in it, and why, stands in the document, table by table; a test walks the
//! tables.
//!
//! Aliases are read a page at a time and written as they come, so that a million of them need no more memory than a
//! hundred. Mail goes on meanwhile: what is made during an export may or may not be in it.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, Write};
use std::path::Path;

use bytes::Bytes;
use futures_util::Stream;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::Desk;
use super::import::gate::Pass;
use super::import::{COLUMNS, guard};
use super::signed_name::NameKey;
use crate::model::alias_name;
use crate::model::client_setting::ClientSettings;
use crate::model::id::{AliasId, DomainId, UserId};
use crate::model::{Timestamp, transfer};
use crate::storage::alias_export::{self, Whole};
use crate::storage::{self, account_copy};

/// Aliases read at once.
const PAGE: u32 = 500;
/// Bytes of an archive sent at once.
const PIECE: usize = 64 * 1024;
/// Bytes of `about.json` that are read.
const LONGEST_ABOUT: u64 = 64 * 1024;
/// What the files are, for whoever finds the archive in ten years.
const README: &str = include_str!("export.txt");

/// Why nothing can be taken away.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The account was removed.
    #[error("there is no such user")]
    Unknown,
    /// The disk.
    #[error("the archive can't be written: {0}")]
    Io(#[from] io::Error),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

impl From<zip::result::ZipError> for ExportError {
    fn from(error: zip::result::ZipError) -> Self {
        Self::Io(error.into())
    }
}

/// What becomes of the key that signs names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameKeyIs {
    /// It comes along.
    In,
    /// It stays here, and the archive says so.
    LeftOut,
}

/// What an archive says of itself, beside what is in it.
#[derive(Debug, Serialize, Deserialize)]
pub struct About {
    format: u64,
    made_at: Timestamp,
    made_by: String,
    account: String,
    /// Aliases in it.
    pub aliases: u64,
    /// What is not in it although there is such a thing.
    pub left_out: Vec<String>,
}

/// Looks at an archive that came from elsewhere; `None` when not all of it can be read.
pub fn look(file: &File) -> Option<About> {
    let mut archive = ZipArchive::new(file).ok()?;
    for name in ["postern.json", "aliases.csv"] {
        // Each part is read to its end, where its sum is compared.
        io::copy(&mut archive.by_name(name).ok()?, &mut io::sink()).ok()?;
    }
    let mut text = Vec::new();
    archive.by_name("about.json").ok()?.take(LONGEST_ABOUT).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

/// A whole archive, in a file without a name: when it is closed it is gone.
#[derive(Debug)]
pub struct Archive {
    /// At its beginning.
    pub file: File,
    /// Bytes in it.
    pub length: u64,
}

/// Makes the archive in this folder, so that nobody is sent half of one.
pub async fn make(desk: &Desk, user: UserId, key: NameKeyIs, folder: &Path) -> Result<Archive, ExportError> {
    let mut file = tempfile::tempfile_in(folder)?;
    write(desk, user, key, BufWriter::new(&file), &mut |_| {}).await?;
    let length = file.stream_position()?;
    file.rewind()?;
    Ok(Archive { file, length })
}

impl Archive {
    /// Its bytes, piece by piece. The file takes room on the disk until the last one is read, so the pass is held as long; not
    /// longer, so that whoever has it all may ask again at once.
    pub fn pieces(self, pass: Pass) -> impl Stream<Item = io::Result<Bytes>> + Send {
        pass.only_sends();
        let begin = Some((tokio::fs::File::from_std(self.file), pass, self.length));
        futures_util::stream::try_unfold(begin, async |rest| {
            let Some((mut file, pass, left)) = rest else { return Ok(None) };
            let mut piece = vec![0; PIECE];
            let read = file.read(&mut piece).await?;
            piece.truncate(read);
            let left = left.saturating_sub(read as u64);
            let rest = (left > 0).then_some((file, pass, left));
            Ok((read > 0).then(|| (Bytes::from(piece), rest)))
        })
    }
}

/// Writes the archive; how many aliases are in it. `went` is told how many were written so far.
pub async fn write<W: Write + Seek + Send>(
    desk: &Desk,
    user: UserId,
    key: NameKeyIs,
    to: W,
    went: &mut (dyn FnMut(u64) + Send),
) -> Result<u64, ExportError> {
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated).unix_permissions(0o600);
    let mut archive = ZipWriter::new(to);
    archive.start_file("postern.json", options)?;
    let (account, left_out) = write_belongings(desk, user, key, &mut archive).await?;
    let own = own_domains(desk, user).await?;
    let (mut count, mut pages) = (0, Pages::new(user, own.clone()));
    while let Some(page) = pages.next(desk, true).await? {
        let mut text = Vec::new();
        for whole in page {
            text.extend_from_slice(if count == 0 { b"\n" } else { b",\n" });
            to_json(&mut text, &alias(whole))?;
            count += 1;
        }
        archive.write_all(&text)?;
        went(count);
    }
    archive.write_all(b"\n]\n}\n")?;
    archive.start_file("aliases.csv", options)?;
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(COLUMNS).map_err(io::Error::from)?;
    let mut pages = Pages::new(user, own);
    while let Some(page) = pages.next(desk, false).await? {
        for whole in &page {
            write_row(&mut table, whole)?;
        }
        let text = table.into_inner().map_err(csv::IntoInnerError::into_error)?;
        archive.write_all(&text)?;
        table = csv::Writer::from_writer(Vec::new());
    }
    archive.write_all(&table.into_inner().map_err(csv::IntoInnerError::into_error)?)?;
    archive.start_file("about.json", options)?;
    let made_by = concat!("postern ", env!("CARGO_PKG_VERSION")).to_owned();
    let about = About { format: transfer::VERSION, made_at: desk.clock.now(), made_by, account, aliases: count, left_out };
    let mut text = Vec::new();
    to_json(&mut text, &about)?;
    text.push(b'\n');
    archive.write_all(&text)?;
    archive.start_file("README.txt", options)?;
    archive.write_all(README.as_bytes())?;
    archive.finish()?.flush()?;
    Ok(count)
}

fn to_json(to: &mut Vec<u8>, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(to, value).map_err(io::Error::from)
}

/// Everything that stands before the aliases; the account's address, and what was left out.
async fn write_belongings(
    desk: &Desk,
    user: UserId,
    key: NameKeyIs,
    to: &mut (impl Write + Send),
) -> Result<(String, Vec<String>), ExportError> {
    let tx = &mut desk.storage.read().await?;
    let found = storage::user::find(tx, user).await?.ok_or(ExportError::Unknown)?;
    let clients = storage::client_setting::get(tx, user).await?;
    let name_key = storage::made_alias::name_key(tx, user).await?;
    let left_out = if name_key.is_some() && key == NameKeyIs::LeftOut { vec!["name_key".to_owned()] } else { Vec::new() };
    let account = transfer::Account {
        email: found.email.to_string(),
        created_at: found.created_at,
        on_quarantine: found.on_quarantine.as_str().into(),
        replace_quoted: found.replace_quoted,
        clients: (clients != ClientSettings::default()).then(|| of_clients(&clients)),
        name_key: name_key.filter(|_| key == NameKeyIs::In).map(|key| NameKey::of(key).shown()),
    };
    let keys = storage::pgp_key::list(tx, user).await?;
    let mut mailboxes = Vec::new();
    for mailbox in storage::mailbox::list(tx, user).await? {
        let key = keys.iter().find(|key| key.mailbox_id == mailbox.id).map(|key| transfer::Key {
            public_key: data_encoding::BASE64.encode(&key.public_key),
            fingerprint: key.fingerprint.clone(),
            expires_at: key.expires_at,
            hide_subject: key.hide_subject,
            created_at: key.created_at,
        });
        mailboxes.push(transfer::Mailbox {
            address: mailbox.address.to_string(),
            verified_at: mailbox.verified_at,
            is_default: mailbox.is_default,
            created_at: mailbox.created_at,
            pgp_key: key,
        });
    }
    // In an order that says nothing of the database they come from.
    mailboxes.sort_by(|a, b| (a.created_at, &a.address).cmp(&(b.created_at, &b.address)));
    let mut domains = account_copy::domains(tx, user).await?;
    domains.sort_by(|a, b| (a.created_at, &a.name).cmp(&(b.created_at, &b.name)));
    let block =
        |block: crate::model::block::Block| transfer::Block { sender: block.sender.to_string(), created_at: block.created_at };
    let mut blocks: Vec<_> = storage::block::list(tx, user).await?.into_iter().map(block).collect();
    blocks.sort_by(|a, b| (a.created_at, &a.sender).cmp(&(b.created_at, &b.sender)));
    let mut webhooks = account_copy::webhooks(tx, user).await?;
    webhooks.sort_by(|a, b| (a.created_at, &a.url).cmp(&(b.created_at, &b.url)));
    let mut text = format!("{{\n\"postern\": {},\n\"account\": ", transfer::VERSION).into_bytes();
    to_json(&mut text, &account)?;
    text.extend_from_slice(b",\n");
    list(&mut text, "mailboxes", &mailboxes)?;
    list(&mut text, "domains", &domains)?;
    list(&mut text, "blocks", &blocks)?;
    list(&mut text, "webhooks", &webhooks)?;
    text.extend_from_slice(b"\"aliases\": [");
    to.write_all(&text)?;
    Ok((account.email, left_out))
}

fn of_clients(clients: &ClientSettings) -> transfer::Clients {
    transfer::Clients {
        generator: clients.generator.as_str().into(),
        domain: clients.domain.as_ref().map(ToString::to_string),
        notification: clients.notification,
        sender: clients.sender.as_str().into(),
        suffix: clients.suffix.as_str().into(),
    }
}

/// A member that is a list, each element on a line of its own.
fn list(to: &mut Vec<u8>, name: &str, elements: &[impl Serialize]) -> io::Result<()> {
    to.extend_from_slice(format!("\"{name}\": [").as_bytes());
    for (place, element) in elements.iter().enumerate() {
        to.extend_from_slice(if place == 0 { b"\n" } else { b",\n" });
        to_json(to, element)?;
    }
    to.extend_from_slice(b"\n],\n");
    Ok(())
}

async fn own_domains(desk: &Desk, user: UserId) -> Result<HashSet<DomainId>, storage::Error> {
    let usable = storage::domain::list_usable(&mut desk.storage.read().await?, user).await?;
    Ok(usable.into_iter().filter(|domain| domain.user_id == Some(user)).map(|domain| domain.id).collect())
}

/// A user's aliases, page by page.
struct Pages {
    user: UserId,
    own: HashSet<DomainId>,
    after: Option<AliasId>,
}

impl Pages {
    fn new(user: UserId, own: HashSet<DomainId>) -> Self {
        Self { user, own, after: None }
    }

    /// The next one, with what happened to each if wanted. Role addresses of the instance's domains are the instance's.
    async fn next(&mut self, desk: &Desk, with_history: bool) -> Result<Option<Vec<Whole>>, storage::Error> {
        let tx = &mut desk.storage.read().await?;
        let mut page = alias_export::page(tx, self.user, self.after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(None) };
        self.after = Some(last.alias.id);
        page.retain(|whole| self.own.contains(&whole.alias.domain_id) || !alias_name::is_role(whole.alias.address.local()));
        if with_history {
            alias_export::add_history(tx, &mut page).await?;
        }
        Ok(Some(page))
    }
}

fn alias(whole: Whole) -> transfer::Alias {
    let alias = whole.alias;
    transfer::Alias {
        uuid: Some(alias.uuid.to_string()),
        address: alias.address.to_string(),
        site: alias.site.map(|site| site.to_string()),
        state: alias.state.as_str().into(),
        note: alias.note,
        display_name: alias.display_name,
        mailboxes: whole.mailboxes,
        tags: whole.tags,
        pinned: whole.pinned,
        created_at: alias.created_at,
        state_changed_at: Some(alias.state_changed_at),
        expires_at: alias.expires_at,
        max_messages: alias.max_messages,
        messages_used: alias.messages_used,
        made_by: whole.made_by,
        contacts: whole.contacts,
        activity: whole.activity,
        sightings: whole.sightings,
    }
}

/// The same as a row for other programs: without history, and nothing a spreadsheet would run.
fn write_row(table: &mut csv::Writer<Vec<u8>>, whole: &Whole) -> io::Result<()> {
    let alias = &whole.alias;
    let moment = |at: Option<Timestamp>| at.map(Timestamp::to_rfc3339).unwrap_or_default();
    let fields = [
        alias.address.to_string(),
        alias.site.as_ref().map(ToString::to_string).unwrap_or_default(),
        alias.state.as_str().to_owned(),
        alias.note.clone(),
        alias.display_name.clone().unwrap_or_default(),
        whole.mailboxes.join(" "),
        whole.tags.join(", "),
        if whole.pinned { "yes" } else { "no" }.to_owned(),
        moment(Some(alias.created_at)),
        moment(alias.expires_at),
        alias.max_messages.map(|max| max.to_string()).unwrap_or_default(),
    ];
    table.write_record(fields.iter().map(|field| guard(field))).map_err(io::Error::from)
}
