//! What is known of who sent a message: SPF, DKIM, ARC, DMARC. `sender_auth` finds it out, `policy` decides by it,
//! `transform` writes it down (RFC 8601).

use super::DomainName;

/// Everything that was found out about one arriving message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authentication {
    /// SPF; `None` when it was not asked because a relay of our own handed the message in.
    pub spf: Option<SpfCheck>,
    /// The DKIM signatures that could be attributed to a domain, those of the author's organisation first.
    pub dkim: Vec<DkimSignature>,
    /// The ARC chain. Nobody is trusted for it; it is noted.
    pub arc: ArcResult,
    /// Whether the signatures could not be read in time: there may be some that pass.
    pub is_unread: bool,
    /// What the author's domain has to say.
    pub dmarc: Dmarc,
}

/// The result of an SPF evaluation (RFC 7208 §2.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpfResult {
    /// The client may use the domain.
    Pass,
    /// The client may not.
    Fail,
    /// Probably not.
    SoftFail,
    /// The domain says nothing about the client.
    Neutral,
    /// The domain has no policy.
    None,
    /// It could not be found out now.
    TempError,
    /// The policy is broken.
    PermError,
}

/// SPF of one domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpfCheck {
    /// What came out.
    pub result: SpfResult,
    /// The domain that was asked.
    pub domain: DomainName,
    /// Whether it is that of the greeting, because the reverse-path was null (RFC 7208 §2.4).
    pub is_helo: bool,
    /// Whether the domain is aligned with the author's, as strictly as its policy asks; loosely, where it has none or
    /// could not be read.
    pub aligned: bool,
}

/// The result of one DKIM signature (RFC 8601 §2.7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DkimResult {
    /// It verified.
    Pass,
    /// It did not.
    Fail,
    /// It could not be processed.
    Neutral,
    /// It is of a kind that is not accepted.
    Policy,
    /// Its key could not be looked up now.
    TempError,
    /// It or its key is broken, revoked or missing.
    PermError,
}

/// One DKIM signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DkimSignature {
    /// The signing domain (`d=`).
    pub domain: DomainName,
    /// The selector (`s=`), as the stranger wrote it.
    pub selector: String,
    /// What came out.
    pub result: DkimResult,
    /// Why, where the result alone does not say.
    pub reason: Option<&'static str>,
    /// Whether the domain is aligned with the author's, as strictly as its policy asks; loosely, where it has none or
    /// could not be read.
    pub aligned: bool,
    /// The fields it covers (`h=`), in lower case.
    pub covers: Vec<String>,
    /// Whether its key is published as one under test (`t=y`): the domain does not want to be held to it.
    pub is_testing: bool,
}

/// The result of the ARC chain (RFC 8617 §4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArcResult {
    /// There is no chain.
    None,
    /// The chain is whole.
    Pass {
        /// Its sets: the highest instance.
        sets: usize,
    },
    /// It is not.
    Fail,
    /// A key could not be looked up now.
    TempError,
}

/// The result of DMARC (RFC 7489 §6.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DmarcResult {
    /// An aligned identifier passed.
    Pass,
    /// None did.
    Fail,
    /// The author's domain has no policy.
    None,
    /// It could not be found out now.
    TempError,
    /// The policy is broken.
    PermError,
}

/// What the author's domain asks for when a message fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DmarcPolicy {
    /// Nothing.
    None,
    /// Suspicion.
    Quarantine,
    /// Refusal.
    Reject,
}

/// By what an aligned identifier was proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// The client's address.
    Spf,
    /// A signature.
    Dkim,
}

/// DMARC of the author's domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dmarc {
    /// What came out.
    pub result: DmarcResult,
    /// The author's domain.
    pub domain: DomainName,
    /// The policy as published for this domain; `None` without a usable record, or when it could not be looked up.
    pub published: Option<DmarcPolicy>,
    /// The policy that holds for this message: `pct` and test mode taken into account.
    pub applied: Option<DmarcPolicy>,
    /// What proves the author's domain. With `TempError` it is set when the very domain was proven, which passes whatever
    /// the record that could not be read says.
    pub aligned_by: Option<Mechanism>,
}

/// Why a message that is delivered carries a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warning {
    /// The author's domain disowns it.
    Failed,
    /// It could not be found out.
    Unknown,
}
