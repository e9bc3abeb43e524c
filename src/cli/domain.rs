//! `postern domain add|list|check|make-by-sending|rotate-keys`. What else users do with their own is `own_domain`'s.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use crate::app;
use crate::config::Config;
use crate::model::dkim_key::DkimKey;
use crate::model::domain::{Domain, DomainClaim};
use crate::model::{Address, DomainName};
use crate::service::Desk;
use crate::service::dkim_key::{self, KeyError};
use crate::service::domain::{self, AddError, ChangeError};
use crate::service::domain_check::{self, Record, Status};
use crate::service::domain_claim;
use crate::service::mailbox;

use super::args::{DomainCommand, RotateKeys};
use super::failure::Failure;
use super::output::{Output, printable};
use super::{desk, own_domain};

/// A domain as shown.
#[derive(Serialize)]
pub struct View {
    pub(super) id: String,
    pub(super) name: String,
    /// Whether every user of the instance may use it.
    pub(super) shared: bool,
    /// Whether aliases can be made on it; otherwise its user has yet to prove that it is theirs.
    pub(super) proven: bool,
    pub(super) catch_all: String,
    pub(super) catch_all_pattern: Option<String>,
    pub(super) created_at: String,
}

impl View {
    fn of(domain: &Domain) -> Self {
        Self {
            id: domain.uuid.to_string(),
            name: domain.name.to_string(),
            shared: domain.user_id.is_none(),
            proven: true,
            catch_all: domain.catch_all.as_str().to_owned(),
            catch_all_pattern: domain.catch_all.patterns().map(ToString::to_string),
            created_at: domain.created_at.to_rfc3339(),
        }
    }

    fn of_claim(claim: &DomainClaim) -> Self {
        Self {
            id: claim.uuid.to_string(),
            name: claim.name.to_string(),
            shared: false,
            proven: false,
            catch_all: "off".to_owned(),
            catch_all_pattern: None,
            created_at: claim.created_at.to_rfc3339(),
        }
    }

    fn whose(&self) -> &'static str {
        match (self.shared, self.proven) {
            (true, _) => "everybody",
            (false, true) => "this user",
            (false, false) => "nobody yet: not proven",
        }
    }
}

#[derive(Serialize)]
struct Setting {
    domain: String,
    make_by_sending: bool,
}

/// A key as far as it may be shown.
#[derive(Serialize)]
struct KeyView {
    selector: String,
    algorithm: &'static str,
    state: &'static str,
    /// Where its TXT record stands.
    name: String,
    value: String,
    /// The value as it stands in a zone file.
    data: String,
    state_changed_at: String,
}

impl KeyView {
    fn of(key: &DkimKey) -> Self {
        Self {
            selector: key.selector.clone(),
            algorithm: key.algorithm.as_str(),
            state: key.state.as_str(),
            name: format!("{}.", key.record_name()),
            value: dkim_key::record(key),
            data: dkim_key::zone_data(key),
            state_changed_at: key.state_changed_at.to_rfc3339(),
        }
    }
}

/// Runs one of them.
pub fn run(config: &Config, user: Option<&Address>, command: DomainCommand, output: &mut Output<'_>) -> Result<(), Failure> {
    desk::with(config, async |desk| match command {
        DomainCommand::Add { domain } => add(config, desk, user, domain, output).await,
        DomainCommand::List => {
            let user = desk::user(desk, user).await?.id;
            let mut views: Vec<View> = domain::list_usable(desk, user).await?.iter().map(View::of).collect();
            views.extend(domain_claim::list(desk, user).await?.iter().map(View::of_claim));
            print_list(&views, output)
        }
        DomainCommand::MakeBySending { domain, allowed } => {
            let user = desk::user(desk, user).await?.id;
            domain::set_submission_creates(desk, user, domain.clone(), allowed).await.map_err(|error| match error {
                ChangeError::NotOwned => not_set(),
                ChangeError::Storage(error) => error.into(),
            })?;
            print_setting(&domain, allowed, output)
        }
        DomainCommand::Claim { domain } => own_domain::claim(config, desk, user, domain, output).await,
        DomainCommand::CatchAll { domain, word, patterns } => {
            own_domain::catch_all(desk, user, domain, &word, &patterns.join(" "), output).await
        }
        DomainCommand::Remove { domain } => own_domain::remove(desk, user, domain, output).await,
        DomainCommand::Check { domain } => check(config, desk, user, &domain, output).await,
        DomainCommand::RotateKeys(RotateKeys { domain, activate: true, .. }) => {
            dkim_key::activate(desk, &domain).await?;
            show_keys(&dkim_key::list(desk, &domain).await?, "the keys that waited sign now", output)
        }
        DomainCommand::RotateKeys(RotateKeys { domain, remove: true, .. }) => {
            let lifetime = dkim_key::signature_lifetime(config.outbound.expire.0.max(config.outbound.expire_notice.0));
            let removed = dkim_key::remove_retired(desk, &domain, lifetime).await?;
            Ok(output.list(&removed, "no key is retired for long enough", ["RECORDS THAT MAY BE REMOVED NOW"], |selector| {
                [format!("{selector}._domainkey.{domain}.")]
            })?)
        }
        DomainCommand::RotateKeys(RotateKeys { domain, .. }) => {
            let keys = dkim_key::rotate(desk, &domain, &config.dkim.in_use()).await?;
            let hint = format!("publish these, check them with `postern domain check {domain}`, then rotate with --activate");
            show_keys(&keys, &hint, output)
        }
    })
}

/// A domain that is not this user's own makes nothing by sending.
pub(super) fn not_set() -> Failure {
    Failure::new(
        "there is no such domain of this user's own",
        "see `postern domain list`; on a domain for everybody make aliases first: `postern alias new`",
    )
}

pub(super) fn print_setting(domain: &DomainName, allowed: bool, output: &mut Output<'_>) -> Result<(), Failure> {
    let view = Setting { domain: domain.to_string(), make_by_sending: allowed };
    let word = if allowed { "makes" } else { "does not make" };
    Ok(output.show(&view, |to| writeln!(to, "sending from an address of {} {word} the alias when there is none", view.domain))?)
}

pub(super) fn print_list(views: &[View], output: &mut Output<'_>) -> Result<(), Failure> {
    Ok(output.list(views, "no domains", ["DOMAIN", "FOR", "SINCE"], |view| {
        [view.name.clone(), view.whose().to_owned(), view.created_at.clone()]
    })?)
}

async fn add(
    config: &Config,
    desk: &Desk,
    user: Option<&Address>,
    name: DomainName,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let user = desk::user(desk, user).await?.id;
    let added = domain::add(desk, name.clone(), Some(user)).await.map_err(add_failed)?;
    dkim_key::ensure(desk, &config.dkim.in_use()).await?;
    let inside = mailbox::count_at(desk, &name).await?;
    let view = View::of(&added);
    Ok(output.show(&view, |to| {
        writeln!(
            to,
            "{0} can hold aliases now; its MX record must point here: {0}. MX 10 {1}.",
            view.name, config.instance.hostname
        )?;
        if inside > 0 {
            writeln!(
                to,
                "WARNING: {inside} mailboxes are on {}: once its mail comes here, mail for them ends here, too. Move them first: \
                 postern mailbox move OLD NEW",
                view.name
            )?;
        }
        writeln!(to, "All records it needs: postern domain check {}", view.name)
    })?)
}

/// The records of a domain as shown.
#[derive(Serialize)]
pub struct CheckView {
    domain: String,
    /// Whether every record is published and right.
    ok: bool,
    records: Vec<RecordView>,
}

impl CheckView {
    /// What was found of a domain.
    pub(super) fn of(domain: &DomainName, records: Vec<RecordView>) -> Self {
        let ok = records.iter().all(|record| record.status == Status::Ok.as_str());
        Self { domain: domain.to_string(), ok, records }
    }
}

/// One record as shown, and as the API tells of it.
#[derive(Serialize, Deserialize)]
pub struct RecordView {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    value: String,
    data: String,
    purpose: String,
    live: Vec<String>,
    status: String,
    note: Option<String>,
}

impl From<Record> for RecordView {
    fn from(record: Record) -> Self {
        Self {
            name: record.name,
            kind: record.kind.to_owned(),
            value: record.value,
            data: record.data,
            purpose: record.purpose.to_owned(),
            live: record.live,
            status: record.status.as_str().to_owned(),
            note: record.note,
        }
    }
}

async fn check(
    config: &Config,
    desk: &Desk,
    user: Option<&Address>,
    name: &DomainName,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let around = app::surroundings(config)?;
    let mut records = own_domain::prove(desk, &around, user, name).await?;
    let is_open = records.iter().any(|record| record.status != Status::Ok);
    if !is_open {
        dkim_key::ensure(desk, &config.dkim.in_use()).await?;
        records.extend(domain_check::check(desk, &around, name).await?);
    }
    print_checked(&CheckView::of(name, records.into_iter().map(RecordView::from).collect()), output)
}

pub(super) fn print_checked(view: &CheckView, output: &mut Output<'_>) -> Result<(), Failure> {
    Ok(output.show(view, |to| view.records.iter().try_for_each(|record| write_record(to, record)))?)
}

/// One record as people read it.
pub(super) fn write_record(to: &mut dyn Write, record: &RecordView) -> io::Result<()> {
    writeln!(to, "[{}] {}", record.status, record.purpose)?;
    if let Some(note) = &record.note {
        writeln!(to, "    {}", printable(note))?;
    }
    writeln!(to, "    {} {} {}", record.name, record.kind, record.data)?;
    for live in &record.live {
        if *live != record.value {
            writeln!(to, "    published now: {}", printable(live))?;
        }
    }
    Ok(())
}

fn show_keys(keys: &[DkimKey], hint: &str, output: &mut Output<'_>) -> Result<(), Failure> {
    let views: Vec<KeyView> = keys.iter().map(KeyView::of).collect();
    Ok(output.show(&views, |to| {
        for view in &views {
            writeln!(to, "[{}] {} TXT {}", view.state, view.name, view.data)?;
        }
        writeln!(to, "{hint}")
    })?)
}

fn add_failed(error: AddError) -> Failure {
    match error {
        AddError::Taken => {
            Failure::new("this domain is on this instance already, perhaps for someone else", "see `postern domain list`")
        }
        AddError::Storage(error) => error.into(),
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::UnknownDomain => Self::new("this domain is not on this instance", "see `postern domain list`"),
            KeyError::NothingWaits => {
                Self::new("no keys wait to take over", "make them first: `postern domain rotate-keys DOMAIN`, then publish them")
            }
            KeyError::Generate(_) => Self::new(error.to_string(), "see the message; is this a damaged installation?"),
            KeyError::Storage(error) => error.into(),
        }
    }
}
