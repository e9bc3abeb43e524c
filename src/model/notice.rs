//! A notice: something this instance tells a user in a message of its own.

use super::words::words;

/// What a notice is about: told once for each thing, then quiet for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NoticeKind {
    /// Somebody, perhaps the owner, wrote to a reverse address and could not be taken for the owner.
    ReplyRefused,
    /// A message the owner sent from an alias came back.
    ReplyBounced,
    /// A mailbox was refused by its own server too often.
    MailboxPaused,
    /// A mailbox that was paused takes mail again.
    MailboxResumed,
    /// The daily test of a paused mailbox: a message to the mailbox itself.
    MailboxTested,
    /// A message could not be encrypted and waits at its sender.
    EncryptionFailed,
    /// A mailbox's PGP key expires soon.
    KeyExpires,
    /// A message is held for the owner's decision.
    MessageHeld,
    /// Somebody knows the password and guesses at the second factor.
    CodesWrong,
}

words!(NoticeKind {
    ReplyRefused = "reply-refused",
    ReplyBounced = "reply-bounced",
    MailboxPaused = "mailbox-paused",
    MailboxResumed = "mailbox-resumed",
    MailboxTested = "mailbox-tested",
    EncryptionFailed = "encryption-failed",
    KeyExpires = "key-expires",
    MessageHeld = "message-held",
    CodesWrong = "codes-wrong"
});
