//! The relaxed canonical forms of DKIM (RFC 6376 §3.4.2 and §3.4.4): what is left of a message when white space that
//! relays change is taken out.
//!
//! The body is taken in pieces of any size, so that a large message is hashed from its file without being loaded. The
//! text on the wire ends in a line end even where ours does not (`outbound` adds it), and so does the canonical form.

/// The relaxed form of a body, piece by piece.
#[derive(Debug, Default)]
pub struct RelaxedBody {
    /// The last byte was a CR that may begin a line end.
    after_cr: bool,
    /// White space was seen that counts only if something follows it on the line.
    pending_space: bool,
    /// Line ends that count only if something follows them.
    pending_lines: u64,
    /// Whether anything was written: an empty body stays empty.
    has_content: bool,
}

/// Bytes gathered before they go to the sink.
const BLOCK: usize = 8192;

impl RelaxedBody {
    /// Takes the next piece; `sink` gets what is certain by now.
    pub fn push(&mut self, piece: &[u8], sink: &mut impl FnMut(&[u8])) {
        let mut out = Vec::with_capacity(piece.len().min(BLOCK) + 8);
        for byte in piece {
            if std::mem::take(&mut self.after_cr) {
                if *byte == b'\n' {
                    self.pending_space = false;
                    self.pending_lines += 1;
                    continue;
                }
                self.content(b'\r', &mut out, sink);
            }
            match byte {
                b'\r' => self.after_cr = true,
                b' ' | b'\t' => self.pending_space = true,
                other => self.content(*other, &mut out, sink),
            }
        }
        sink(&out);
    }

    /// The end of the body: empty lines there do not count, the last line ends.
    pub fn finish(mut self, sink: &mut impl FnMut(&[u8])) {
        let mut out = Vec::new();
        if self.after_cr {
            self.content(b'\r', &mut out, sink);
        }
        if self.has_content {
            out.extend_from_slice(b"\r\n");
        }
        sink(&out);
    }

    /// A byte that counts, and with it what waited before it.
    fn content(&mut self, byte: u8, out: &mut Vec<u8>, sink: &mut impl FnMut(&[u8])) {
        for _ in 0..std::mem::take(&mut self.pending_lines) {
            out.extend_from_slice(b"\r\n");
            if out.len() >= BLOCK {
                sink(out);
                out.clear();
            }
        }
        if std::mem::take(&mut self.pending_space) {
            out.push(b' ');
        }
        out.push(byte);
        self.has_content = true;
        if out.len() >= BLOCK {
            sink(out);
            out.clear();
        }
    }
}

/// Appends the relaxed form of one field, line end included: name in lower case, unfolded, white space runs as one space
/// and none at the ends of the value.
pub fn relaxed_field(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.extend(name.trim_ascii_end().iter().map(u8::to_ascii_lowercase));
    out.push(b':');
    let mut pending_space = false;
    let mut is_empty = true;
    for byte in value {
        match byte {
            b' ' | b'\t' => pending_space = true,
            b'\r' | b'\n' => {}
            other => {
                if std::mem::take(&mut pending_space) && !is_empty {
                    out.push(b' ');
                }
                is_empty = false;
                out.push(*other);
            }
        }
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn relaxed(pieces: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut body = RelaxedBody::default();
        for piece in pieces {
            body.push(piece, &mut |bytes| out.extend_from_slice(bytes));
        }
        body.finish(&mut |bytes| out.extend_from_slice(bytes));
        out
    }

    /// The rule as RFC 6376 §3.4.4 words it, on the whole text at once.
    fn by_the_book(body: &[u8]) -> Vec<u8> {
        let mut lines: Vec<Vec<u8>> = Vec::new();
        let mut rest = body;
        while let Some(at) = rest.windows(2).position(|pair| pair == b"\r\n") {
            lines.push(rest[..at].to_vec());
            rest = &rest[at + 2..];
        }
        lines.push(rest.to_vec());
        for line in &mut lines {
            let words: Vec<&[u8]> = line.split(|byte| matches!(byte, b' ' | b'\t')).collect();
            let mut kept = Vec::new();
            for (number, word) in words.iter().enumerate() {
                if !word.is_empty() {
                    if number > 0 {
                        kept.push(b' ');
                    }
                    kept.extend_from_slice(word);
                }
            }
            *line = kept;
        }
        while lines.last().is_some_and(Vec::is_empty) {
            lines.pop();
        }
        lines.iter().flat_map(|line| line.iter().copied().chain(*b"\r\n")).collect()
    }

    #[test]
    fn bodies_have_the_forms_of_the_rfc() {
        for (body, form) in [
            (&b" C \r\nD \t E\r\n\r\n\r\n"[..], &b" C\r\nD E\r\n"[..]),
            (b"", b""),
            (b"\r\n\r\n", b""),
            (b" \t \r\n \r\n", b""),
            (b"no end", b"no end\r\n"),
            (b"a\r\n\r\nb \t", b"a\r\n\r\nb\r\n"),
            (b"a \r", b"a \r\r\n"),
        ] {
            assert_eq!(relaxed(&[body]).escape_ascii().to_string(), form.escape_ascii().to_string());
        }
    }

    #[test]
    fn fields_have_the_forms_of_the_rfc() {
        let field = |name: &[u8], value: &[u8]| {
            let mut out = Vec::new();
            relaxed_field(name, value, &mut out);
            out
        };
        assert_eq!(field(b"A", b" X\r\n"), b"a:X\r\n");
        assert_eq!(field(b"B ", b" Y\t\r\n\tZ  \r\n"), b"b:Y Z\r\n");
        assert_eq!(field(b"C", b"\r\n \r\n"), b"c:\r\n");
    }

    fn text() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            4 => Just(b"\r\n".to_vec()), 3 => Just(b" ".to_vec()), 1 => Just(b"\t".to_vec()), 1 => Just(b"\r".to_vec()),
            1 => Just(b"\n".to_vec()), 3 => proptest::collection::vec(any::<u8>(), 1..5)
        ];
        proptest::collection::vec(part, 0..60).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn any_cut_into_pieces_gives_the_form_of_the_whole(text in text(), sizes in proptest::collection::vec(1_usize..9, 1..60)) {
            let mut pieces = Vec::new();
            let mut rest = &text[..];
            for size in sizes.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, more) = rest.split_at((*size).min(rest.len()));
                pieces.push(piece);
                rest = more;
            }
            let whole = relaxed(&[&text]);
            prop_assert_eq!(&relaxed(&pieces), &whole);
            prop_assert_eq!(whole, by_the_book(&text));
        }

        #[test]
        fn long_runs_go_out_in_blocks(lines in 8000_usize..20_000) {
            let text = [&b"a"[..], &b"\r\n".repeat(lines), b"b"].concat();
            prop_assert_eq!(relaxed(&[&text]), [&text[..], b"\r\n"].concat());
        }
    }
}
