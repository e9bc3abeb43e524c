//! What can go wrong with the database, in the kinds that callers decide on.

use std::fmt;
use std::sync::Arc;

/// The kinds of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// A unique key is taken.
    Taken,
    /// A row that is referred to is missing, or is still referred to.
    Reference,
    /// No space left for the database.
    Full,
    /// The database can't be reached, is busy or shutting down: try again later.
    Unavailable,
    /// A row in the table makes no sense.
    Corrupt,
    /// Writing or syncing failed at the disk: the process must stop, fsync is never retried.
    Disk,
    /// Other nodes run an older version on this database: they have to stop before it is brought up to date.
    InUse,
    /// Anything else.
    Other,
}

/// A failed database operation, with its source.
#[derive(Clone)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    open_end: bool,
    source: Option<Arc<sqlx::Error>>,
}

impl Error {
    /// A failure of our own making.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), open_end: false, source: None }
    }

    /// A row that makes no sense, named.
    pub fn corrupt(table: &str, column: &str, row: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Corrupt, format!("{table}.{column} of row {row} makes no sense"))
    }

    /// The kind, for decisions.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The same failure, met when it was too late to know whether the work was committed.
    #[must_use]
    pub(super) fn with_open_end(self) -> Self {
        Self { open_end: true, ..self }
    }

    /// Whether the work that failed may be committed all the same: the connection was lost (or the disk failed, or time
    /// ran out) while the commit was under way. `false`: nothing of it is kept, for certain. Who promised something on the
    /// strength of the failure must look first.
    pub fn may_be_committed(&self) -> bool {
        self.open_end
    }

    /// Whether the database itself said so.
    pub(super) fn is_answer(&self) -> bool {
        matches!(self.source.as_deref(), Some(sqlx::Error::Database(_)))
    }

    /// Whether a unique key is taken.
    pub fn is_taken(&self) -> bool {
        self.kind == ErrorKind::Taken
    }
}

impl From<sqlx::Error> for Error {
    fn from(source: sqlx::Error) -> Self {
        let kind = match &source {
            sqlx::Error::Database(error) if error.is_unique_violation() => ErrorKind::Taken,
            sqlx::Error::Database(error) if error.is_foreign_key_violation() => ErrorKind::Reference,
            sqlx::Error::Database(error) => kind_of_code(error.code().as_deref().unwrap_or_default()),
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::Protocol(_) => ErrorKind::Unavailable,
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => ErrorKind::Corrupt,
            _ => ErrorKind::Other,
        };
        Self { kind, message: source.to_string(), open_end: false, source: Some(Arc::new(source)) }
    }
}

/// SQLite result codes (decimal, extended) and PostgreSQL SQLSTATE classes.
fn kind_of_code(code: &str) -> ErrorKind {
    if code.len() == 5 {
        return match code {
            "53100" | "53200" => ErrorKind::Full,
            "58030" => ErrorKind::Disk,
            _ if code.starts_with("08") || code.starts_with("53") || code.starts_with("57P") => ErrorKind::Unavailable,
            // Serialization, deadlock, lock or statement out of time, a session cut off, a server that is read-only.
            "40001" | "40P01" | "55P03" | "57014" | "25P03" | "25006" => ErrorKind::Unavailable,
            _ => ErrorKind::Other,
        };
    }
    match code.parse::<u32>() {
        Ok(number) => match number & 0xff {
            5 | 6 | 14 => ErrorKind::Unavailable, // BUSY, LOCKED, CANTOPEN
            13 => ErrorKind::Full,
            10 => ErrorKind::Disk, // IOERR and all its extended codes
            11 | 26 => ErrorKind::Corrupt,
            _ => ErrorKind::Other,
        },
        Err(_) => ErrorKind::Other,
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "storage::Error({:?}: {})", self.kind, self.message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source.as_ref() as &(dyn std::error::Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn driver_codes_become_kinds() {
        assert_eq!(kind_of_code("13"), ErrorKind::Full);
        assert_eq!(kind_of_code("1034"), ErrorKind::Disk); // SQLITE_IOERR_FSYNC
        assert_eq!(kind_of_code("517"), ErrorKind::Unavailable); // SQLITE_BUSY_SNAPSHOT
        assert_eq!(kind_of_code("53100"), ErrorKind::Full);
        assert_eq!(kind_of_code("57P01"), ErrorKind::Unavailable);
        assert_eq!(kind_of_code("57014"), ErrorKind::Unavailable); // statement_timeout
        assert_eq!(kind_of_code("42601"), ErrorKind::Other);
    }
}
