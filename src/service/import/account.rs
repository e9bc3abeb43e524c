//! What an export holds besides aliases: settings, mailboxes, domains, blocks, webhooks, brought in before the aliases that
//! refer to them.
//!
//! Nothing that is there is overwritten but settings. A file proves nothing: mailboxes must be verified anew and domains
//! proven, unless the operator vouches for it. A dry run does all of it and takes it back.

use crate::model::catch_all::CatchAll;
use crate::model::client_setting::ClientSettings;
use crate::model::id::{UserId, uuid_v7};
use crate::model::mailbox::Mailbox;
use crate::model::pgp_key::PgpKey;
use crate::model::webhook::{EventKinds, parse_url};
use crate::model::{Address, Chance, DomainName, Timestamp, transfer};
use crate::storage::mailbox::NewMailbox;
use crate::storage::{self, Tx, account_copy};
use crate::transform::openpgp::MAX_KEY_SIZE;

use super::own::Belongings;
use super::plan::Plan;
use super::text;
use super::{Desk, ImportError, Job, Remap};

/// Ready for the aliases.
pub struct Prepared {
    /// With what is there now.
    pub plan: Plan,
    /// What happened, a sentence each.
    pub said: Vec<String>,
}

/// Why a transaction does not keep what it did.
enum Undone {
    /// It was a dry run.
    Tried(Box<Prepared>),
    Failed(ImportError),
}

impl From<storage::Error> for Undone {
    fn from(error: storage::Error) -> Self {
        Self::Failed(error.into())
    }
}

struct Bringing {
    user: UserId,
    trust: bool,
    private: bool,
    now: Timestamp,
    chance: Chance,
    said: Vec<String>,
    /// How many there are by now.
    mailboxes: usize,
    blocks: usize,
    webhooks: usize,
}

/// Brings it in, or says what would happen.
pub async fn bring(desk: &Desk, user: UserId, belongings: Belongings, job: &Job) -> Result<Prepared, ImportError> {
    let (dry_run, remap) = (job.dry_run, job.remap.clone());
    let mut bringing = Bringing {
        user,
        trust: job.trust,
        private: job.private,
        now: desk.clock.now(),
        chance: desk.chance.clone(),
        said: Vec::new(),
        mailboxes: 0,
        blocks: 0,
        webhooks: 0,
    };
    let write = desk.storage.write(move |tx| {
        Box::pin(async move {
            bringing.all(tx, &belongings).await?;
            let prepared = bringing.prepared(tx, &remap).await?;
            if dry_run { Err(Undone::Tried(Box::new(prepared))) } else { Ok(prepared) }
        })
    });
    match write.await {
        Ok(prepared) => Ok(prepared),
        Err(Undone::Tried(prepared)) => Ok(*prepared),
        Err(Undone::Failed(error)) => Err(error),
    }
}

impl Bringing {
    async fn prepared(self, tx: &mut Tx, remap: &[Remap]) -> Result<Prepared, Undone> {
        let plan = Plan::load(tx, self.user, remap, self.now).await?;
        let plan = plan.map_err(|domain| Undone::Failed(ImportError::Remap(domain)))?;
        Ok(Prepared { plan, said: self.said })
    }

    async fn all(&mut self, tx: &mut Tx, from: &Belongings) -> Result<(), storage::Error> {
        // No mailbox is removed meanwhile.
        storage::user::lock(tx, self.user).await?;
        self.mailboxes = storage::mailbox::list(tx, self.user).await?.len();
        self.blocks = storage::block::list(tx, self.user).await?.len();
        self.webhooks = storage::webhook::list(tx, self.user).await?.len();
        // Domains first: what is one of ours is no mailbox.
        for domain in &from.domains {
            self.domain(tx, domain).await?;
        }
        for mailbox in &from.mailboxes {
            self.mailbox(tx, mailbox).await?;
        }
        if let Some(account) = &from.account {
            self.account(tx, account).await?;
        }
        for block in &from.blocks {
            match block.sender.parse() {
                Ok(_) if self.blocks >= crate::service::block::MOST => {
                    self.said.push("there are too many blocked senders; the others are left out".into());
                    break;
                }
                Ok(sender) => {
                    let (uuid, at) = (uuid_v7(self.now, &self.chance), text::past(block.created_at, self.now));
                    self.blocks += usize::from(storage::block::add(tx, self.user, &sender, uuid, at).await?);
                }
                Err(_) => self.said.push("a blocked sender that is neither address nor domain is left out".into()),
            }
        }
        for webhook in &from.webhooks {
            self.webhook(tx, webhook).await?;
        }
        Ok(())
    }

    async fn account(&mut self, tx: &mut Tx, from: &transfer::Account) -> Result<(), storage::Error> {
        if let Ok(on_quarantine) = from.on_quarantine.parse() {
            storage::user::set_choices(tx, self.user, on_quarantine, from.replace_quoted).await?;
        }
        if let Some(settings) = from.clients.as_ref().and_then(clients) {
            storage::client_setting::put(tx, self.user, &settings).await?;
        }
        if self.trust {
            account_copy::set_user_created(tx, self.user, text::past(from.created_at, self.now)).await?;
            self.name_key(tx, from).await?;
        }
        Ok(())
    }

    /// The key that signs names, where there is none: addresses that were made with it go on to work.
    async fn name_key(&mut self, tx: &mut Tx, from: &transfer::Account) -> Result<(), storage::Error> {
        let Some(text) = &from.name_key else { return Ok(()) };
        if storage::made_alias::name_key(tx, self.user).await?.is_some() {
            return Ok(());
        }
        if let Ok(key) = crate::service::signed_name::NameKey::parse(text) {
            storage::made_alias::set_name_key(tx, self.user, Some(key.reveal())).await.map(drop)
        } else {
            self.said.push("the key that signs names can't be read and is left out".into());
            Ok(())
        }
    }

    async fn domain(&mut self, tx: &mut Tx, from: &transfer::Domain) -> Result<(), storage::Error> {
        let Ok(name) = DomainName::parse(&from.name) else {
            self.said.push("a domain whose name is none is left out".into());
            return Ok(());
        };
        if let Some(there) = storage::domain::find_by_name(tx, &name).await? {
            if there.user_id != Some(self.user) {
                self.said.push(format!("{name} is in use here already and is left out"));
            }
            return Ok(());
        }
        if !self.trust {
            self.said.push(format!("{name} must be added here and proven to be yours before its aliases can be brought in"));
            return Ok(());
        }
        let from = transfer::Domain {
            catch_all: catch_all(from).to_owned(),
            proven_at: from.proven_at.map(|at| text::past(at, self.now)),
            created_at: text::past(from.created_at, self.now),
            ..from.clone()
        };
        let (uuid, user_id, created_at) = (uuid_v7(self.now, &self.chance), Some(self.user), self.now);
        let new = storage::domain::NewDomain { uuid, name: name.clone(), user_id, created_at };
        let made = storage::domain::create(tx, &new).await?;
        account_copy::set_domain(tx, made.id, &from).await?;
        storage::domain_claim::delete_all(tx, &name).await?;
        self.said.push(format!("{name} is a new domain of yours"));
        Ok(())
    }

    async fn mailbox(&mut self, tx: &mut Tx, from: &transfer::Mailbox) -> Result<(), storage::Error> {
        let Ok(address) = Address::parse(&from.address) else {
            self.said.push("a mailbox whose address is none is left out".into());
            return Ok(());
        };
        if storage::domain::find_by_name(tx, address.domain()).await?.is_some() {
            self.said.push(format!("{address} is on a domain of this instance; a mailbox must be elsewhere"));
            return Ok(());
        }
        let verified_at = from.verified_at.filter(|_| self.trust).map(|at| text::past(at, self.now));
        let made_at = text::past(from.created_at, self.now);
        let there = storage::mailbox::find_by_address(tx, self.user, &address.folded()).await?;
        let mailbox = if let Some(there) = there {
            if !self.trust {
                return self.leave(tx, &there, from).await;
            }
            account_copy::set_mailbox_times(tx, there.id, made_at, verified_at).await?;
            there
        } else if self.mailboxes >= crate::service::mailbox::MOST {
            self.said.push(format!("there are too many mailboxes; {address} is left out"));
            return Ok(());
        } else {
            self.mailboxes += 1;
            let (uuid, user_id, created_at) = (uuid_v7(self.now, &self.chance), self.user, made_at);
            let new = NewMailbox { uuid, user_id, address: address.clone(), verified_at, is_default: false, created_at };
            let made = storage::mailbox::create(tx, &new).await?;
            self.said.push(match verified_at {
                Some(_) => format!("{address} is a new mailbox"),
                None => format!("{address} is a new mailbox; nothing is forwarded there before it is verified"),
            });
            made
        };
        if from.is_default && (mailbox.verified_at.is_some() || verified_at.is_some()) && mailbox.paused.is_none() {
            storage::mailbox::make_default(tx, self.user, mailbox.id).await?;
        }
        if let Some(key) = &from.pgp_key {
            self.key(tx, &mailbox, key).await?;
        }
        Ok(())
    }

    /// A mailbox that was there stays as it is. Who reads its mail, and where new aliases forward to, is decided by its owner
    /// with a proof; a file is none.
    async fn leave(&mut self, tx: &mut Tx, there: &Mailbox, from: &transfer::Mailbox) -> Result<(), storage::Error> {
        let address = &there.address;
        if from.pgp_key.is_some() && storage::pgp_key::find(tx, there.id).await?.is_none() {
            self.said.push(format!(
                "{address} was here before and is given no PGP key by a file: mail goes there unencrypted until you set the key yourself"
            ));
        }
        if from.is_default && !there.is_default {
            self.said.push(format!("{address} was here before and is not made the default mailbox by a file"));
        }
        Ok(())
    }

    /// The key as it was: one that can't be used here, or not any more, keeps mail from going out in clear.
    async fn key(&mut self, tx: &mut Tx, mailbox: &Mailbox, from: &transfer::Key) -> Result<(), storage::Error> {
        if storage::pgp_key::find(tx, mailbox.id).await?.is_some() {
            return Ok(());
        }
        let public_key = data_encoding::BASE64.decode(from.public_key.as_bytes()).ok().filter(|key| key.len() <= MAX_KEY_SIZE);
        let is_fingerprint = !from.fingerprint.is_empty()
            && from.fingerprint.len() <= 64
            && from.fingerprint.bytes().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F'));
        let Some(public_key) = public_key.filter(|_| is_fingerprint) else {
            self.said.push(format!("the PGP key of {} can't be read; set it again before mail goes there", mailbox.address));
            return Ok(());
        };
        let key = PgpKey {
            mailbox_id: mailbox.id,
            public_key,
            fingerprint: from.fingerprint.clone(),
            expires_at: from.expires_at.map(text::in_calendar),
            hide_subject: from.hide_subject,
            created_at: text::past(from.created_at, self.now),
        };
        storage::pgp_key::set(tx, &key).await
    }

    /// With a new secret, and off: whoever listens there does not know the secret yet.
    async fn webhook(&mut self, tx: &mut Tx, from: &transfer::Webhook) -> Result<(), storage::Error> {
        if self.webhooks >= crate::service::webhook::MOST {
            self.said.push("there are too many webhooks; one is left out".into());
            return Ok(());
        }
        let (Ok(url), Ok(events)) = (parse_url(&from.url, self.private), from.events.parse::<EventKinds>()) else {
            self.said.push("a webhook that is none, or whose address does not begin with https://, is left out".into());
            return Ok(());
        };
        let from = &transfer::Webhook {
            url: url.to_string(),
            events: events.to_string(),
            created_at: text::past(from.created_at, self.now),
        };
        let (uuid, secret) = (uuid_v7(self.now, &self.chance), self.chance.bytes::<32>());
        if account_copy::add_webhook(tx, self.user, uuid, &secret, from, self.now).await? {
            self.webhooks += 1;
            self.said.push(
                "a new webhook is off and has a new secret; give that to who listens there, then turn the webhook on".into(),
            );
        }
        Ok(())
    }
}

/// What can't be understood catches nothing.
fn catch_all(from: &transfer::Domain) -> &'static str {
    let patterns = from.catch_all_pattern.as_deref().unwrap_or_default();
    CatchAll::parse(&from.catch_all, patterns).map_or("off", |choice| choice.as_str())
}

fn clients(from: &transfer::Clients) -> Option<ClientSettings> {
    Some(ClientSettings {
        generator: from.generator.parse().ok()?,
        domain: from.domain.as_deref().and_then(|domain| DomainName::parse(domain).ok()),
        notification: from.notification,
        sender: from.sender.parse().ok()?,
        suffix: from.suffix.parse().ok()?,
    })
}
