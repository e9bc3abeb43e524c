//! Messages that can be told apart and made again from their number, and what of them must arrive unchanged.

use sha2::{Digest, Sha256};

use super::dice::Dice;

/// Fields a forwarder has no business with: they arrive byte for byte, in this order.
const UNTOUCHED: [&str; 8] =
    ["date", "message-id", "subject", "references", "mime-version", "content-type", "content-transfer-encoding", "x-crash-fold"];

/// One message.
#[derive(Debug, Clone)]
pub struct Message {
    /// The header block, whole lines.
    pub header: Vec<u8>,
    /// From the empty line on; nothing where the message has no body at all.
    pub body: Vec<u8>,
    /// Whether the body holds bytes above 127.
    pub eight_bit: bool,
}

/// What must be the same at the other end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// The fields nobody may touch, as they stand.
    pub fields: Vec<u8>,
    /// Length of the body with its empty line.
    pub body_length: usize,
    /// Its SHA-256.
    pub body_digest: [u8; 32],
}

impl Fingerprint {
    /// Of a header block and what follows it.
    pub fn of(header: &[u8], body: &[u8]) -> Self {
        Self { fields: untouched(header), body_length: body.len(), body_digest: Sha256::digest(body).into() }
    }
}

impl Message {
    /// Message `number` of the run `seed`, of 0 bytes to 64 KiB.
    pub fn make(seed: u64, number: u64, alias: &str) -> Self {
        let mut dice = Dice::new(seed, number);
        let size = match dice.below(8) {
            0 => 0,
            1 => dice.length(100),
            _ => dice.length(65_537),
        };
        let eight_bit = dice.one_in(3);
        let mut body = Vec::with_capacity(size + 2);
        if size > 0 || dice.one_in(2) {
            body.extend_from_slice(b"\r\n");
            lines(&mut body, size, eight_bit, &mut dice);
        }
        Self { header: header(seed, number, alias, &mut dice), body, eight_bit }
    }

    /// A message of about `size` bytes of plain text.
    pub fn of_size(seed: u64, number: u64, alias: &str, size: usize) -> Self {
        let mut dice = Dice::new(seed, number);
        let mut body = b"\r\n".to_vec();
        lines(&mut body, size, false, &mut dice);
        Self { header: header(seed, number, alias, &mut dice), body, eight_bit: false }
    }

    /// What must arrive.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.header, &self.body)
    }

    /// As it goes over the wire after 354: dots doubled, the final dot behind it (RFC 5321 §4.5.2).
    pub fn on_the_wire(&self) -> Vec<u8> {
        let mut wire = Vec::with_capacity(self.header.len() + self.body.len() + 100);
        let mut line_start = true;
        for &byte in self.header.iter().chain(&self.body) {
            if line_start && byte == b'.' {
                wire.push(b'.');
            }
            wire.push(byte);
            line_start = byte == b'\n';
        }
        wire.extend_from_slice(b".\r\n");
        wire
    }
}

fn header(seed: u64, number: u64, alias: &str, dice: &mut Dice) -> Vec<u8> {
    let fold = if dice.one_in(2) { "one line" } else { "a line\r\n\tthat goes on  with two spaces\r\n and on" };
    let subject = if dice.one_in(2) { "Spring sale" } else { "=?utf-8?q?Fr=C3=BChjahr?=\r\n =?utf-8?q?_ist_da?=" };
    format!(
        "Date: Mon, 01 Jun 2026 10:00:00 +0200\r\n\
         From: \"News, daily\" <news@shop.example>\r\n\
         To: <{alias}>\r\n\
         Message-ID: <{number}.{seed}@sender.example>\r\n\
         Subject: {subject}\r\n\
         References: <1.a@sender.example>\r\n <2.b@sender.example>\r\n\
         MIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=\"utf-8\"\r\n\
         Content-Transfer-Encoding: 8bit\r\n\
         X-Crash-Fold: {fold}\r\n"
    )
    .into_bytes()
}

/// Whole lines of `size` bytes together (or two fewer): dots in front, white space behind, empty ones, long ones.
fn lines(body: &mut Vec<u8>, size: usize, eight_bit: bool, dice: &mut Dice) {
    let end = body.len() + size;
    while body.len() + 2 <= end {
        let room = end - body.len() - 2;
        let longest = if dice.one_in(16) { 998 } else { 120 };
        let mut left = dice.length(longest + 1).min(room);
        if left > 0 && dice.one_in(6) {
            body.push(b'.');
            left -= 1;
        }
        let base = if eight_bit && dice.one_in(4) { 128_u8 } else { b' ' };
        for chunk in std::iter::repeat_with(|| dice.next().to_le_bytes()).flatten().take(left) {
            body.push(base + chunk % 95);
        }
        body.extend_from_slice(b"\r\n");
    }
}

/// The header block and everything from the empty line on.
pub fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    if bytes.starts_with(b"\r\n") {
        return (&[], bytes);
    }
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map_or((bytes, &[]), |at| bytes.split_at(at + 2))
}

/// The fields of a header block, each with its folded lines.
fn fields(header: &[u8]) -> Vec<Vec<u8>> {
    let mut fields: Vec<Vec<u8>> = Vec::new();
    for line in header.split_inclusive(|byte| *byte == b'\n') {
        match fields.last_mut() {
            Some(field) if line.starts_with(b" ") || line.starts_with(b"\t") => field.extend_from_slice(line),
            _ => fields.push(line.to_vec()),
        }
    }
    fields
}

fn name(field: &[u8]) -> String {
    String::from_utf8_lossy(field.split(|byte| *byte == b':').next().unwrap_or_default()).to_ascii_lowercase()
}

fn untouched(header: &[u8]) -> Vec<u8> {
    fields(header).into_iter().filter(|field| UNTOUCHED.contains(&name(field).as_str())).flatten().collect()
}

/// Number and seed, from the Message-ID.
pub fn number(header: &[u8]) -> Option<(u64, u64)> {
    let field = fields(header).into_iter().find(|field| name(field) == "message-id")?;
    let text = String::from_utf8(field).ok()?;
    let id = text.split_once('<')?.1.split_once('@')?.0;
    let (number, seed) = id.split_once('.')?;
    Some((number.parse().ok()?, seed.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_makes_the_same_message_again_and_is_read_back() {
        for n in 0..200 {
            let message = Message::make(7, n, "a@b.example");
            let again = Message::make(7, n, "a@b.example");
            assert_eq!(message.on_the_wire(), again.on_the_wire());
            let whole = [message.header.clone(), message.body.clone()].concat();
            let (header, body) = split(&whole);
            assert_eq!((header, body), (message.header.as_slice(), message.body.as_slice()));
            assert_eq!(number(header), Some((n, 7)));
            assert!(message.body.len() <= 65_538);
            assert!(message.eight_bit || message.body.is_ascii());
        }
    }

    #[test]
    fn the_rows_hold_empty_dotted_and_eight_bit_messages() {
        let messages: Vec<_> = (0..300).map(|n| Message::make(1, n, "a@b.example")).collect();
        assert!(messages.iter().any(|message| message.body.is_empty()));
        assert!(messages.iter().any(|message| message.body == b"\r\n"));
        assert!(messages.iter().any(|message| !message.body.is_ascii()));
        assert!(messages.iter().any(|message| message.body.windows(3).any(|window| window == b"\n.\r")));
    }
}
