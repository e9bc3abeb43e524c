//! Address lists in From, Reply-To, To, Cc (RFC 5322 §3.4, RFC 6532), read strictly and in one pass.
//!
//! Where one entry ends and which bytes are its address is found here; mail-parser decodes the display names. Its own
//! list reader is made to find something in anything: it takes `"a b"@x.org` for a name, joins `<a@x> <b@y>` into one
//! address and needs quadratic time on unfinished encoded words. A forwarder must know when an entry can be read in two
//! ways, because then it hides the wrong address. What is not clear is [`Entry::Unreadable`], and the author must be clear.

use std::fmt;
use std::ops::Range;

use mail_parser::parsers::MessageStream;

use crate::model::{Address, HeaderFault};

use super::header::HeaderBlock;

/// Bytes of a display name that are decoded; what is shown in the end is far shorter.
const NAME_BYTES: usize = 2048;

/// One address with its display name, decoded but not cleaned. `Debug` shows neither.
#[derive(Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// The display name, or the comment used instead of one; empty when there is none.
    pub name: String,
    /// The address.
    pub address: Address,
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mailbox([private])")
    }
}

/// One entry of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// An address.
    Mailbox(Mailbox),
    /// Text that holds no address: an empty group (`undisclosed-recipients:;`), or a bare word.
    Text,
    /// Something with an address in it, or nearly, that is not to be read in one way only.
    Unreadable,
}

/// A list, groups flattened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressList {
    /// The entries in order.
    pub entries: Vec<Entry>,
    /// Whether a group with members was among them.
    pub has_group: bool,
}

impl AddressList {
    /// Reads the value of one field.
    pub fn parse(value: &[u8]) -> Self {
        Reader { value, at: 0, list: Self::default(), entry: Pending::default(), group: None }.run()
    }

    /// The addresses in it.
    pub fn mailboxes(&self) -> impl Iterator<Item = &Mailbox> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Mailbox(mailbox) => Some(mailbox),
            Entry::Text | Entry::Unreadable => None,
        })
    }

    /// How many entries could not be read.
    pub fn unreadable(&self) -> usize {
        self.entries.iter().filter(|entry| matches!(entry, Entry::Unreadable)).count()
    }
}

/// The one author of a message: exactly one `From` with exactly one address, no group, nothing doubtful.
pub fn author(block: &HeaderBlock, message: &[u8]) -> Result<Mailbox, HeaderFault> {
    let mut fields = block.named(message, "From");
    let field = fields.next().ok_or(HeaderFault::NoAuthor)?;
    if fields.next().is_some() {
        return Err(HeaderFault::SeveralAuthors);
    }
    let list = AddressList::parse(field.value(message));
    if field.has_space_before_colon() || list.has_group || list.unreadable() > 0 {
        return Err(HeaderFault::AmbiguousAuthor);
    }
    match list.entries.as_slice() {
        [Entry::Mailbox(mailbox)] => Ok(mailbox.clone()),
        [] | [Entry::Text] => Err(HeaderFault::NoAuthor),
        entries if entries.iter().any(|entry| matches!(entry, Entry::Text)) => Err(HeaderFault::AmbiguousAuthor),
        _ => Err(HeaderFault::SeveralAuthors),
    }
}

/// What is known of the entry being read.
#[derive(Default)]
struct Pending {
    /// Runs of text without white space, quoted strings included.
    words: Vec<Range<usize>>,
    comment: Option<Range<usize>>,
    angle: Option<Range<usize>>,
    is_bad: bool,
}

struct Group {
    is_empty: bool,
}

struct Reader<'v> {
    value: &'v [u8],
    at: usize,
    list: AddressList,
    entry: Pending,
    group: Option<Group>,
}

impl Reader<'_> {
    fn run(mut self) -> AddressList {
        while let Some(byte) = self.value.get(self.at).copied() {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' => self.at += 1,
                b',' => self.separator(),
                b';' => self.end_of_group(),
                b':' => self.start_of_group(),
                b'(' => {
                    let start = self.at + 1;
                    self.skip_comment();
                    self.entry.comment.get_or_insert(start..self.at.saturating_sub(1).max(start));
                }
                b'<' => self.angle(),
                b'>' | b')' => {
                    self.entry.is_bad = true;
                    self.at += 1;
                }
                _ => self.word(),
            }
        }
        if self.group.is_some() {
            // A group that never ends: its members are read, itself is doubtful.
            self.list.has_group = true;
        }
        self.finish_entry();
        self.list
    }

    fn separator(&mut self) {
        self.finish_entry();
        self.at += 1;
    }

    fn start_of_group(&mut self) {
        // Looked at once for each entry: a second colon finds it bad.
        let name_has_address = || self.entry.words.iter().any(|word| self.slice(word).contains(&b'@'));
        if self.group.is_some() || self.entry.angle.is_some() || self.entry.is_bad || name_has_address() {
            self.entry.is_bad = true;
            self.at += 1;
        } else {
            self.entry = Pending::default();
            self.group = Some(Group { is_empty: true });
            self.at += 1;
        }
    }

    /// The end of a group; outside one, a separator as Outlook users write it.
    fn end_of_group(&mut self) {
        self.finish_entry();
        self.at += 1;
        match self.group.take() {
            Some(Group { is_empty: true }) => self.list.entries.push(Entry::Text),
            Some(_) => self.list.has_group = true,
            None => {}
        }
    }

    fn angle(&mut self) {
        let start = self.at + 1;
        self.at = start;
        self.entry.is_bad |= self.entry.angle.is_some();
        loop {
            match self.value.get(self.at).copied() {
                Some(b'>') => break,
                Some(b'"') => self.skip_quoted(),
                Some(b'<') => {
                    self.entry.is_bad = true;
                    self.at += 1;
                }
                Some(_) => self.at += 1,
                None => {
                    self.entry.is_bad = true;
                    break;
                }
            }
        }
        self.entry.angle = Some(start..self.at);
        self.at = (self.at + 1).min(self.value.len());
    }

    /// A run up to white space or a special; quoted strings belong to it.
    fn word(&mut self) {
        let start = self.at;
        self.at += encoded_word_length(self.value.get(start..).unwrap_or_default());
        loop {
            match self.value.get(self.at).copied() {
                Some(b'"') => self.skip_quoted(),
                None | Some(b' ' | b'\t' | b'\r' | b'\n' | b',' | b';' | b':' | b'(' | b')' | b'<' | b'>') => break,
                Some(_) => self.at += 1,
            }
        }
        self.entry.is_bad |= self.entry.angle.is_some();
        self.entry.words.push(start..self.at);
    }

    /// From a quotation mark to behind its partner.
    fn skip_quoted(&mut self) {
        self.at += 1;
        loop {
            match self.value.get(self.at).copied() {
                Some(b'\\') => self.at = (self.at + 2).min(self.value.len()),
                Some(b'"') => {
                    self.at += 1;
                    return;
                }
                Some(_) => self.at += 1,
                None => {
                    self.entry.is_bad = true;
                    return;
                }
            }
        }
    }

    /// From an opening parenthesis to behind its partner; comments nest.
    fn skip_comment(&mut self) {
        let mut depth = 0_usize;
        loop {
            match self.value.get(self.at).copied() {
                Some(b'(') => depth += 1,
                Some(b')') => depth = depth.saturating_sub(1),
                Some(b'\\') => self.at += 1,
                Some(_) => {}
                None => {
                    self.at = self.value.len();
                    self.entry.is_bad = true;
                    return;
                }
            }
            self.at += 1;
            if depth == 0 {
                return;
            }
        }
    }

    fn finish_entry(&mut self) {
        let entry = std::mem::take(&mut self.entry);
        if entry.words.is_empty() && entry.angle.is_none() && !entry.is_bad {
            return;
        }
        if let Some(group) = &mut self.group {
            group.is_empty = false;
        }
        let read = if entry.is_bad { Entry::Unreadable } else { self.read(&entry) };
        self.list.entries.push(read);
    }

    fn read(&self, entry: &Pending) -> Entry {
        let (address, name_words) = match (&entry.angle, entry.words.as_slice()) {
            (Some(angle), words) => (self.slice(angle).trim_ascii(), words),
            (None, [word]) if self.slice(word).contains(&b'@') => (self.slice(word), [].as_slice()),
            (None, words) if words.iter().all(|word| is_plain_word(self.slice(word))) => return Entry::Text,
            (None, _) => return Entry::Unreadable,
        };
        let Some(address) = read_address(address) else { return Entry::Unreadable };
        let mut name = decode(&self.phrase(name_words));
        if name.is_empty()
            && let Some(comment) = &entry.comment
        {
            name = decode(self.slice(comment));
        }
        Entry::Mailbox(Mailbox { name, address })
    }

    fn slice(&self, range: &Range<usize>) -> &[u8] {
        self.value.get(range.clone()).unwrap_or_default()
    }

    /// The words of a display name without quotation marks and escapes, at most [`NAME_BYTES`] of them.
    fn phrase(&self, words: &[Range<usize>]) -> Vec<u8> {
        let mut phrase = Vec::new();
        for word in words {
            if phrase.len() > NAME_BYTES {
                break;
            }
            if !phrase.is_empty() {
                phrase.push(b' ');
            }
            let mut is_escaped = false;
            for byte in self.slice(word).iter().take(NAME_BYTES) {
                match byte {
                    b'\\' if !is_escaped => is_escaped = true,
                    b'"' if !is_escaped => {}
                    byte => {
                        phrase.push(*byte);
                        is_escaped = false;
                    }
                }
            }
        }
        phrase
    }
}

/// Whether a word without an address beside it is no address either; an encoded word may decode to one.
fn is_plain_word(word: &[u8]) -> bool {
    !word.contains(&b'@') && !word.windows(2).any(|pair| pair == b"=?")
}

/// The length of the encoded word that `text` begins with, or 0. Many programs leave commas, colons and parentheses in them
/// as they are (against RFC 2047 §5), and there they separate nothing.
fn encoded_word_length(text: &[u8]) -> usize {
    let Some(rest) = text.strip_prefix(b"=?") else { return 0 };
    // Charset, encoding, text: none of them holds a question mark, so that this looks no further than the fourth.
    let mut parts = rest.splitn(4, |byte| *byte == b'?');
    let (Some(charset), Some(encoding), Some(encoded), Some(end)) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return 0;
    };
    let is_word = !charset.is_empty()
        && charset.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_:.+*".contains(byte))
        && matches!(encoding, b"q" | b"Q" | b"b" | b"B")
        && encoded.iter().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>'))
        && end.starts_with(b"=");
    if is_word { 2 + charset.len() + 1 + encoding.len() + 1 + encoded.len() + 2 } else { 0 }
}

/// An address without route, inner white space, comment or encoded word: nothing that two readers may take differently.
fn read_address(bytes: &[u8]) -> Option<Address> {
    let text = std::str::from_utf8(bytes).ok()?;
    let address = if text.contains("=?") { None } else { Address::parse(text).ok() }?;
    // The Kelvin sign is a K in normal form, and somebody else's mailbox where nothing is normalised.
    let (local, _) = text.rsplit_once('@')?;
    (local.is_ascii() == address.is_ascii()).then_some(address)
}

/// Decodes encoded words (RFC 2047) and unknown bytes, as far as a name can be of use.
fn decode(phrase: &[u8]) -> String {
    let mut line: Vec<u8> =
        phrase.iter().take(NAME_BYTES).map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte }).collect();
    line.push(b'\n');
    MessageStream::new(&line).parse_unstructured().into_text().map(|text| text.trim().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
