//! A link that was mailed to an address: whoever follows it reads that address.

use super::id::{InviteId, MailboxId, UserId};
use super::words::words;
use super::{Address, Timestamp};

/// What following a mailed link proves something for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// An account is made for the address.
    SignUp,
    /// A new password is set.
    ResetPassword,
    /// Mail is forwarded to the mailbox from then on.
    VerifyMailbox,
}

words!(Purpose { SignUp = "sign-up", ResetPassword = "reset-password", VerifyMailbox = "verify-mailbox" });

/// A mailed link, without its secret.
#[derive(Debug, Clone)]
pub struct MailLink {
    /// What it is for.
    pub purpose: Purpose,
    /// Where it was sent, folded.
    pub address: Address,
    /// Whose it is; `None` for a sign-up.
    pub user_id: Option<UserId>,
    /// The mailbox it verifies.
    pub mailbox_id: Option<MailboxId>,
    /// The invitation a sign-up came by.
    pub invite_id: Option<InviteId>,
    /// When it was sent.
    pub created_at: Timestamp,
    /// When it stops working.
    pub expires_at: Timestamp,
}
