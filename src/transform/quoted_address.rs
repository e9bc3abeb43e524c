//! Does a body quote the owner's mailbox? Found in one pass over the bytes as they stream by; nothing is changed.
//!
//! Mail clients quote `On … jane@inbox.example wrote:`, and signatures name addresses. The body is never touched
//! (promise 5), so all there is to do is to tell the owner. The address is looked for in the bytes as they are, with
//! quoted-printable undone (RFC 2045 §6.7: soft line breaks, `=40`) and with base64 undone (§6.8). Encrypted or packed
//! text can't be looked into.

use crate::model::Address;

/// Looks for one address in a body given piece by piece.
#[derive(Debug)]
pub struct Search {
    plain: Needle,
    quoted_printable: Needle,
    base64: Needle,
    escape: Escape,
    block: Block,
}

/// Where the reader of quoted-printable stands.
#[derive(Debug, Clone, Copy)]
enum Escape {
    None,
    Equals,
    SoftBreak,
    Digit(u8),
}

/// Where the reader of base64 stands: blocks begin behind an empty line and end with the first byte that is not theirs.
#[derive(Debug, Clone, Copy)]
struct Block {
    is_open: bool,
    is_line_empty: bool,
    bits: u32,
    count: u32,
}

/// How an address may be written, in lower case: with the A-labels of its domain and with the U-labels (RFC 5890 §2.3.2.1).
pub fn forms(address: &Address) -> Vec<String> {
    let folded = address.folded();
    if !address.domain().as_str().contains("xn--") {
        return vec![folded];
    }
    let (domain, result) = idna::domain_to_unicode(address.domain().as_str());
    let shown = format!("{}@{domain}", address.local().to_lowercase());
    if result.is_err() || shown == folded { vec![folded] } else { vec![folded, shown] }
}

impl Search {
    /// Searches for `address` in each of its forms, whatever its case.
    pub fn all_of(address: &Address) -> Vec<Self> {
        forms(address).iter().map(|form| Self::new(form)).collect()
    }

    fn new(text: &str) -> Self {
        Self {
            plain: Needle::new(text),
            quoted_printable: Needle::new(text),
            base64: Needle::new(text),
            escape: Escape::None,
            // The empty line between header and body may or may not be part of what is searched.
            block: Block { is_open: true, is_line_empty: true, bits: 0, count: 0 },
        }
    }

    /// Looks at the next piece.
    pub fn push(&mut self, piece: &[u8]) {
        for byte in piece {
            self.plain.push(*byte);
            self.unquote(*byte);
            self.decode(*byte);
        }
    }

    /// Whether the address was there.
    pub fn found(&self) -> bool {
        self.plain.is_found || self.quoted_printable.is_found || self.base64.is_found
    }

    fn unquote(&mut self, byte: u8) {
        let digit = char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        self.escape = match (self.escape, byte, digit) {
            (Escape::Equals, b'\r', _) => Escape::SoftBreak,
            (Escape::Equals | Escape::SoftBreak, b'\n', _) => Escape::None,
            (Escape::Equals, _, Some(digit)) => Escape::Digit(digit),
            (Escape::Digit(high), _, Some(low)) => {
                self.quoted_printable.push(high * 16 + low);
                Escape::None
            }
            (_, b'=', _) => Escape::Equals,
            _ => {
                self.quoted_printable.push(byte);
                Escape::None
            }
        };
    }

    fn decode(&mut self, byte: u8) {
        let block = &mut self.block;
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'\r' => return,
            b'\n' => {
                if block.is_line_empty {
                    *block = Block { is_open: true, is_line_empty: true, bits: 0, count: 0 };
                    self.base64.restart();
                }
                block.is_line_empty = true;
                return;
            }
            _ => {
                if block.is_open && byte == b'=' {
                    // Padding: two or three symbols hold the last one or two bytes.
                    let [_, a, b, _] = (block.bits << (6 * (4 - block.count))).to_be_bytes();
                    for byte in [a, b].into_iter().take(block.count.saturating_sub(1) as usize) {
                        self.base64.push(byte);
                    }
                }
                *block = Block { is_open: false, is_line_empty: false, ..*block };
                return;
            }
        };
        block.is_line_empty = false;
        if !block.is_open {
            return;
        }
        block.bits = (block.bits << 6 | u32::from(value)) & 0x00ff_ffff;
        block.count += 1;
        if block.count == 4 {
            let [_, a, b, c] = block.bits.to_be_bytes();
            block.count = 0;
            for byte in [a, b, c] {
                self.base64.push(byte);
            }
        }
    }
}

/// A text looked for in a stream of bytes, in constant time for each (Knuth, Morris, Pratt).
#[derive(Debug)]
struct Needle {
    text: Vec<u8>,
    /// For each length of a match, the longest shorter one that may still be going on.
    fallback: Vec<usize>,
    matched: usize,
    is_found: bool,
}

impl Needle {
    fn new(text: &str) -> Self {
        let text = text.as_bytes().to_vec();
        let mut fallback = vec![0; text.len() + 1];
        let mut length = 0;
        for (at, byte) in text.iter().enumerate().skip(1) {
            while length > 0 && text.get(length) != Some(byte) {
                length = fallback.get(length).copied().unwrap_or(0);
            }
            if text.get(length) == Some(byte) {
                length += 1;
            }
            if let Some(entry) = fallback.get_mut(at + 1) {
                *entry = length;
            }
        }
        Self { text, fallback, matched: 0, is_found: false }
    }

    fn push(&mut self, byte: u8) {
        let byte = byte.to_ascii_lowercase();
        while self.matched > 0 && self.text.get(self.matched) != Some(&byte) {
            self.matched = self.fallback.get(self.matched).copied().unwrap_or(0);
        }
        if self.text.get(self.matched) == Some(&byte) {
            self.matched += 1;
        }
        if self.matched == self.text.len() {
            self.is_found = true;
            self.matched = 0;
        }
    }

    fn restart(&mut self) {
        self.matched = 0;
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64;
    use proptest::prelude::*;

    use super::*;

    fn finds(body: &[u8], size: usize) -> bool {
        finds_address("Jane.Roe@inbox.example", body, size)
    }

    fn finds_address(address: &str, body: &[u8], size: usize) -> bool {
        let mut searches = Search::all_of(&Address::parse(address).unwrap());
        for search in &mut searches {
            body.chunks(size).for_each(|piece| search.push(piece));
        }
        searches.iter().any(Search::found)
    }

    #[test]
    fn an_international_domain_is_found_in_both_forms() {
        for body in ["to jane@b\u{fc}cher.example", "to jane@xn--bcher-kva.example", "to jane=40b=C3=BCcher.example"] {
            assert!(finds_address("jane@b\u{fc}cher.example", body.as_bytes(), 3), "{body}");
        }
        assert_eq!(Search::all_of(&Address::parse("jane@inbox.example").unwrap()).len(), 1);
    }

    #[test]
    fn the_address_is_found_however_it_is_encoded() {
        let text = "Kind regards,\r\nJane <jane.roe@Inbox.example>\r\n";
        let wrapped =
            BASE64.encode(text.as_bytes()).as_bytes().chunks(20).map(<[u8]>::to_vec).collect::<Vec<_>>().join(&b"\r\n"[..]);
        let part =
            [b"\r\n--b\r\nContent-Transfer-Encoding: base64\r\n\r\n".to_vec(), wrapped, b"\r\n--b--\r\n".to_vec()].concat();
        for body in [
            text.as_bytes(),
            b"jane.r=\r\noe=40inbox.exam=\r\nple",
            b"x=3Djane.roe@inbox.example",
            b"a=bejane.roe@inbox.example",
            b"jane.jane.roe@inbox.example",
            &part,
        ] {
            for size in [1, 3, 7, 1000] {
                assert!(finds(body, size), "{}", String::from_utf8_lossy(body));
            }
        }
    }

    #[test]
    fn others_are_not_taken_for_it() {
        for body in [&b""[..], b"jane.roe@inbox.exampl", b"jane.roe@ inbox.example", b"roe@inbox.example", b"shop@you.example"] {
            assert!(!finds(body, 4));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_give_one_answer(body in proptest::collection::vec(any::<u8>(), 0..300), size in 1usize..40) {
            prop_assert_eq!(finds(&body, size), finds(&body, 1000));
        }

        #[test]
        fn what_is_there_is_found(before in "[ -~\r\n]{0,80}", after in "[ -~]{0,80}", size in 1usize..40) {
            let body = format!("{before}JANE.roe@inbox.example{after}");
            prop_assert!(finds(body.as_bytes(), size));
        }
    }
}
