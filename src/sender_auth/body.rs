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
    let mut hashers: Vec<_> = wanted.iter().map(|form| BodyHasher::new(Sha256::hasher(), *form, 0)).collect();
    let empty_line = rest.read(0, 2).await?;
    let mut at = if empty_line.as_ref() == b"\r\n" { 2 } else { 0 };
    while at < rest.len() && !hashers.is_empty() {
        let piece = more(rest.read(at, PIECE).await?)?;
        for hasher in &mut hashers {
            hasher.write(&piece);
        }
        at += piece.len() as u64;
        // A message in memory is read without waiting.
        tokio::task::yield_now().await;
    }
    Ok(hashers.into_iter().map(|hasher| hasher.finish().0.complete().as_ref().to_vec()).collect())
}

/// A piece before the end holds something; with nothing, the reading would go on for ever.
fn more(piece: Bytes) -> io::Result<Bytes> {
    if piece.is_empty() { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(piece) }
}

#[cfg(test)]
mod tests {
    use super::*;

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
