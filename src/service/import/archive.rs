//! ZIP archives that other services send, and files told apart by how they begin.
//!
//! A name inside an archive is only ever compared, never opened as a path.

use std::io::{self, BufRead, BufReader, Read, Seek};

use zip::ZipArchive;
use zip::result::ZipError;

use super::{Input, ReadError};

/// Entries of an archive at the most: each costs memory before anything is read.
const MOST_ENTRIES: usize = 10_000;

/// How much is looked at at once.
const PIECE: usize = 64 * 1024;

/// Whether a file begins as an archive does; it is read from its beginning afterwards.
pub fn is_zip(input: &mut Input) -> io::Result<bool> {
    let mut head = Vec::with_capacity(4);
    input.by_ref().take(4).read_to_end(&mut head)?;
    input.rewind()?;
    Ok(head == b"PK\x03\x04" || head == b"PK\x05\x06")
}

/// Opens an archive.
pub fn open(mut input: Input) -> Result<ZipArchive<Input>, ReadError> {
    // Counted before the list is made, whatever the archive says of itself.
    if count_heads(&mut input)? > MOST_ENTRIES {
        return Err(ReadError::TooMany("files in the archive"));
    }
    input.rewind()?;
    let archive = ZipArchive::new(input).map_err(failed)?;
    if archive.len() > MOST_ENTRIES {
        return Err(ReadError::TooMany("files in the archive"));
    }
    Ok(archive)
}

/// How often the mark stands in a file that every entry of a list begins with (APPNOTE 4.3.12); counting ends early.
fn count_heads(input: &mut Input) -> io::Result<usize> {
    const HEAD: &[u8] = b"PK\x01\x02";
    let mut count = 0;
    let mut seen = Vec::with_capacity(PIECE + HEAD.len());
    while count <= MOST_ENTRIES {
        // A mark may lie across two pieces.
        seen.drain(..seen.len().saturating_sub(HEAD.len() - 1));
        if input.by_ref().take(PIECE as u64).read_to_end(&mut seen)? == 0 {
            break;
        }
        count += memchr::memmem::find_iter(&seen, HEAD).count();
    }
    Ok(count)
}

/// Reads the first of these files that is in the archive, in whatever folder; `None` when none is.
pub fn with<T>(
    archive: &mut ZipArchive<Input>,
    names: &[&str],
    read: impl FnOnce(&mut dyn Read) -> Result<T, ReadError>,
) -> Result<Option<T>, ReadError> {
    let base = |name: &[u8]| name.rsplit(|byte| matches!(byte, b'/' | b'\\')).next().unwrap_or_default().to_ascii_lowercase();
    let place = names.iter().find_map(|wanted| archive.file_names_raw().position(|name| base(name) == wanted.as_bytes()));
    let Some(place) = place else { return Ok(None) };
    let mut file = archive.by_index(place).map_err(failed)?;
    read(&mut file).map(Some)
}

fn failed(error: ZipError) -> ReadError {
    match error {
        ZipError::Io(error) => error.into(),
        _ => ReadError::Archive,
    }
}

/// Whether a file is JSON by its first character, and the file from its beginning.
pub fn is_json<R: Read>(input: R) -> io::Result<(bool, BufReader<R>)> {
    let mut input = BufReader::new(input);
    let head = input.fill_buf()?;
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let first = head.iter().find(|byte| !byte.is_ascii_whitespace());
    Ok((matches!(first, Some(b'[' | b'{')), input))
}
