//! Comma-separated values (RFC 4180) as spreadsheets and other services really write them: with a mark in front, with
//! semicolons or tabs, with any line end, with rows of any length, in UTF-8 or Latin-1.

use std::collections::HashMap;
use std::io::{self, Cursor, Read};

use csv::{ByteRecord, ReaderBuilder};

use super::meter::{Meter, without_mark};
use super::{ReadError, text};

/// How much of a file is looked at to find out what separates its columns.
const HEAD: usize = 64 * 1024;

/// Columns at the most: nobody's table has more.
const MOST_COLUMNS: usize = 200;

/// One row, its cells by the names of their columns.
#[derive(Debug)]
pub struct Record<'a> {
    columns: &'a HashMap<String, usize>,
    cells: &'a ByteRecord,
    /// Which row it is, the first below the headings being 1.
    pub number: u64,
}

impl Record<'_> {
    /// The cell of the first of these columns that is there, without white space around it; `None` without such a column.
    pub fn find(&self, names: &[&str]) -> Option<String> {
        let place = names.iter().find_map(|name| self.columns.get(*name).copied())?;
        Some(text::decode(self.cells.get(place).unwrap_or_default()).trim().to_owned())
    }

    /// The same, empty without such a column.
    pub fn get(&self, names: &[&str]) -> String {
        self.find(names).unwrap_or_default()
    }

    fn is_blank(&self) -> bool {
        self.cells.iter().all(|cell| cell.iter().all(u8::is_ascii_whitespace))
    }
}

/// Gives every row to `found`. One of the columns `needed` must be there.
pub fn each(
    input: impl Read,
    meter: &Meter,
    needed: &[&'static str],
    found: &mut dyn FnMut(&Record<'_>) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    let mut input = without_mark(input)?;
    let head = head(&mut input)?;
    if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
        return Err(ReadError::Encoding);
    }
    let delimiter = delimiter(&head);
    let mut reader =
        ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(Cursor::new(head).chain(input));
    let mut cells = ByteRecord::new();
    if !reader.read_byte_record(&mut cells).map_err(failed)? {
        return Err(ReadError::Empty);
    }
    if cells.len() > MOST_COLUMNS {
        return Err(ReadError::TooMany("columns"));
    }
    let mut columns = HashMap::new();
    for (place, cell) in cells.iter().enumerate() {
        columns.entry(column(&text::decode(cell))).or_insert(place);
    }
    if !needed.iter().any(|name| columns.contains_key(*name)) {
        return Err(ReadError::Columns(needed.to_vec()));
    }
    let mut number = 0;
    meter.record_ended();
    while reader.read_byte_record(&mut cells).map_err(failed)? {
        number += 1;
        let record = Record { columns: &columns, cells: &cells, number };
        if !record.is_blank() {
            found(&record)?;
        }
        meter.record_ended();
    }
    Ok(())
}

fn failed(error: csv::Error) -> ReadError {
    // Rows of any length and any bytes are taken, so that nothing but reading itself can fail.
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error.into(),
        _ => ReadError::Encoding,
    }
}

/// The first line, or as much of it as is looked at.
fn head(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut piece = [0; 4096];
    while head.len() < HEAD && !head.contains(&b'\n') {
        let read = input.read(&mut piece)?;
        if read == 0 {
            break;
        }
        head.extend_from_slice(piece.get(..read).unwrap_or_default());
    }
    Ok(head)
}

/// What stands most often in the first line.
fn delimiter(head: &[u8]) -> u8 {
    let line = head.split(|byte| matches!(byte, b'\r' | b'\n')).find(|line| !line.is_empty()).unwrap_or_default();
    let count = |delimiter: u8| memchr::memchr_iter(delimiter, line).count();
    [b';', b'\t'].into_iter().fold(b',', |best, next| if count(next) > count(best) { next } else { best })
}

/// The name of a column: `Created At` is `created_at`.
fn column(heading: &str) -> String {
    heading.trim().to_lowercase().replace([' ', '-'], "_")
}
