//! What can be wrong with a header block (RFC 5322 §2.2, §3.6). `transform` finds it, `policy` answers it.

/// Why a message is refused for its header block. None of them is guessed around: what two readers may read differently
/// is not passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderFault {
    /// The block is larger than allowed.
    #[error("the header block is too large")]
    TooLarge,
    /// One field is larger than allowed.
    #[error("a header field is too large")]
    FieldTooLarge,
    /// More fields than allowed.
    #[error("there are too many header fields")]
    TooManyFields,
    /// The first line begins with white space: it would become part of a field put before it.
    #[error("the message begins with a continuation line")]
    StartsWithSpace,
    /// The first line is that of an mbox file (`From ` or `>From `).
    #[error("the message begins with an mbox line")]
    MboxLine,
    /// A line that is neither a field nor a continuation.
    #[error("a header line has no colon")]
    NoColon,
    /// An empty name, or one with a space, a control or a byte above 126.
    #[error("a header field has no valid name")]
    BadName,
    /// A NUL, a bare CR or a bare LF.
    #[error("the header block holds a NUL or a bare line break")]
    ControlByte,
    /// No `From` field, or one without an address.
    #[error("there is no author")]
    NoAuthor,
    /// Several `From` fields, or several addresses in it.
    #[error("there is more than one author")]
    SeveralAuthors,
    /// A `From` field that different readers read differently.
    #[error("the author's address is ambiguous")]
    AmbiguousAuthor,
}
