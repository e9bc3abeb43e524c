//! What commands write: a table or lines for people, one JSON document for programs.

use std::io::{self, Write};

use serde::Serialize;

/// Where a command writes, and in which form.
pub struct Output<'w> {
    json: bool,
    writer: &'w mut dyn Write,
}

impl<'w> Output<'w> {
    /// Writes to `writer`; as JSON when `json`.
    pub fn new(json: bool, writer: &'w mut dyn Write) -> Self {
        Self { json, writer }
    }

    /// The document for programs, or what `people` writes for people.
    pub fn show<T: Serialize>(&mut self, document: &T, people: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        if self.json {
            serde_json::to_writer_pretty(&mut *self.writer, document)?;
            writeln!(self.writer)?;
        } else {
            people(self.writer)?;
        }
        self.writer.flush()
    }

    /// Several of a kind: a JSON list, or a table with a heading (or `none` in place of an empty one).
    pub fn list<T: Serialize, const N: usize>(
        &mut self,
        documents: &[T],
        none: &str,
        headings: [&str; N],
        row: impl Fn(&T) -> [String; N],
    ) -> io::Result<()> {
        self.show(&documents, |to| {
            if documents.is_empty() {
                return writeln!(to, "{none}");
            }
            let rows: Vec<[String; N]> = std::iter::once(headings.map(str::to_owned)).chain(documents.iter().map(row)).collect();
            table(to, &rows)
        })
    }
}

/// Columns as wide as their longest cell, two spaces between, none at the end of a line.
fn table<const N: usize>(to: &mut dyn Write, rows: &[[String; N]]) -> io::Result<()> {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    for row in rows {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{:width$}", printable(cell))).collect();
        writeln!(to, "{}", cells.join("  ").trim_end())?;
    }
    Ok(())
}

/// Text from outside (a note, a next hop's words) without what moves the cursor of a terminal.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(json: bool, documents: &[&str]) -> String {
        let mut bytes = Vec::new();
        let row = |text: &&str| [(*text).to_owned(), "x".to_owned()];
        Output::new(json, &mut bytes).list(documents, "nothing", ["NAME", "OTHER"], row).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn people_get_aligned_columns_and_programs_a_list() {
        assert_eq!(written(false, &["a", "longer"]), "NAME    OTHER\na       x\nlonger  x\n");
        assert_eq!(written(false, &[]), "nothing\n");
        assert_eq!(written(true, &["a"]), "[\n  \"a\"\n]\n");
        assert_eq!(written(true, &[]), "[]\n");
    }

    #[test]
    fn text_from_outside_does_not_move_the_cursor() {
        assert_eq!(written(false, &["a\u{1b}[2J"]).lines().last().unwrap(), "a\u{fffd}[2J  x");
    }
}
