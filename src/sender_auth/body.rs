//! Body hashes of a message that may be in a file (RFC 6376 §3.7): read once in pieces, so that a large message costs
//! no more memory than a small one.

use std::io;

use bytes::Bytes;
use mail_auth::common::crypto::{HashContext, HashImpl, Sha256};
use mail_auth::dkim::Canonicalization;
use mail_auth::dkim::canonicalize::BodyHasher;

use crate::spool::Content;

/// Bytes read at once. Between two pieces of a file other work has its turn.
const PIECE: usize = 128 * 1024;

/// SHA-256 of the body in each of the `wanted` canonical forms. `rest` is everything behind the header block: the empty
/// line and the body.
pub(super) async fn hashes(rest: &Content, wanted: &[Canonicalization]) -> io::Result<Vec<Vec<u8>>> {
    let mut hashers: Vec<_> =
        wanted.iter().map(|form| (*form, Trim::default(), BodyHasher::new(Sha256::hasher(), *form, 0))).collect();
    let empty_line = rest.read(0, 2).await?;
    let mut at = if empty_line.as_ref() == b"\r\n" { 2 } else { 0 };
    while at < rest.len() && !hashers.is_empty() {
        let piece = more(rest.read(at, PIECE).await?)?;
        for (form, trim, hasher) in &mut hashers {
            match form {
                Canonicalization::Simple => hasher.write(&piece),
                Canonicalization::Relaxed => hasher.write(&trim.piece(&piece)),
            }
        }
        at += piece.len() as u64;
        // A message in memory is read without waiting.
        tokio::task::yield_now().await;
    }
    Ok(hashers.into_iter().map(|(_, _, hasher)| hasher.finish().0.complete().as_ref().to_vec()).collect())
}

/// A piece before the end holds something; with nothing, the reading would go on for ever.
fn more(piece: Bytes) -> io::Result<Bytes> {
    if piece.is_empty() { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(piece) }
}

/// Takes out the white space before line ends, which does not count in the relaxed form (RFC 6376 §3.4.4): mail-auth
/// 0.13 counts a line that holds nothing else as one with content, and so hashes a body wrongly that ends in such lines.
#[derive(Debug, Default)]
struct Trim {
    /// White space was seen that counts only if something follows it on the line.
    pending_space: bool,
}

impl Trim {
    /// The next piece, runs of white space shortened to one. A CR is always that of a line end here.
    fn piece(&mut self, piece: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(piece.len() + 1);
        for byte in piece {
            match byte {
                b' ' | b'\t' => self.pending_space = true,
                b'\r' | b'\n' => {
                    self.pending_space = false;
                    out.push(*byte);
                }
                other => {
                    if std::mem::take(&mut self.pending_space) {
                        out.push(b' ');
                    }
                    out.push(*other);
                }
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sha2::Digest;

    use super::*;

    /// The rule as RFC 6376 §3.4.4 words it.
    fn by_the_book(body: &str) -> Vec<u8> {
        let mut lines: Vec<String> = body.split("\r\n").map(str::to_owned).collect();
        for line in &mut lines {
            let words: Vec<&str> = line.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
            let indent = if line.starts_with([' ', '\t']) && !words.is_empty() { " " } else { "" };
            *line = format!("{indent}{}", words.join(" "));
        }
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        let form: String = lines.iter().flat_map(|line| [line, "\r\n"]).collect();
        sha2::Sha256::digest(form.as_bytes()).to_vec()
    }

    async fn relaxed(body: &str) -> Vec<u8> {
        let rest = Content::from_bytes([b"\r\n", body.as_bytes()].concat());
        hashes(&rest, &[Canonicalization::Relaxed]).await.unwrap().concat()
    }

    #[tokio::test]
    async fn lines_of_white_space_at_the_end_do_not_count() {
        for body in ["Hello \t \r\n\t\r\n   \r\n\r\n", "Hello\r\n \r\n", "Hello\r\n", "Hello\r\n\r\n \t", "Hello"] {
            assert_eq!(relaxed(body).await, by_the_book("Hello\r\n"), "{body:?}");
        }
        assert_eq!(relaxed(" \r\n\t\r\n").await, by_the_book(""));
        assert_ne!(relaxed("Hello\r\n \r\nx\r\n").await, by_the_book("Hello\r\nx\r\n"));
    }

    proptest! {
        #[test]
        fn the_relaxed_form_is_that_of_the_book(lines in prop::collection::vec("[ \t]{0,2}[ab\u{e4}]{0,2}[ \t]{0,2}", 0..8)) {
            let body = lines.join("\r\n");
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            prop_assert_eq!(runtime.block_on(relaxed(&body)), by_the_book(&body));
        }

        #[test]
        fn pieces_are_trimmed_like_the_whole(body in "[ \t\r\na]{0,20}", at in 0usize..20) {
            let (one, two) = body.as_bytes().split_at(at.min(body.len()));
            let (mut trim, mut whole) = (Trim::default(), Trim::default());
            let pieces = [trim.piece(one), trim.piece(two)].concat();
            prop_assert_eq!(pieces, whole.piece(body.as_bytes()));
        }
    }

    #[test]
    fn an_empty_piece_before_the_end_is_a_fault() {
        assert_eq!(more(Bytes::new()).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(more(Bytes::from_static(b"x")).unwrap(), "x");
    }

    #[tokio::test]
    async fn pieces_hash_like_the_whole() {
        let mut body = Vec::new();
        for line in 0..20_000 {
            body.extend_from_slice(format!("line {line}  with \t spaces \r\n").as_bytes());
        }
        body.extend_from_slice(b"\r\n\r\n");
        let rest = Content::from_bytes([b"\r\n".as_slice(), &body].concat());
        let forms = [Canonicalization::Simple, Canonicalization::Relaxed];
        let found = hashes(&rest, &forms).await.unwrap();
        for (form, hash) in forms.iter().zip(found) {
            let whole = mail_auth::common::crypto::HashAlgorithm::Sha256.hash(form.canonical_body(&body, 0));
            assert_eq!(hash, whole.as_ref());
        }
    }

    #[tokio::test]
    async fn a_message_without_a_body_has_the_hash_of_none() {
        let simple =
            data_encoding::BASE64.encode(&hashes(&Content::from_bytes(""), &[Canonicalization::Simple]).await.unwrap()[0]);
        assert_eq!(simple, "frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=");
        let rest = Content::from_bytes("\r\n");
        let relaxed = data_encoding::BASE64.encode(&hashes(&rest, &[Canonicalization::Relaxed]).await.unwrap()[0]);
        assert_eq!(relaxed, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    }
}
