//! The reader of DATA against a naive reference, and against the smuggling sequences split at every byte.

use proptest::prelude::*;

use super::*;

#[derive(Debug, PartialEq, Eq)]
struct Read {
    content: Vec<u8>,
    malformed: bool,
    header: u64,
    /// Bytes of the input that belong to the message; `None` while it has not ended.
    end: Option<usize>,
}

/// Says the rule in the simplest way: over the whole input, looking back.
fn reference(input: &[u8]) -> Read {
    let line_starts_at = |i: usize| i == 0 || (input[..i].ends_with(b"\r\n") && !input[..i].ends_with(b"\r\r\n"));
    let end = (0..input.len()).find(|&i| line_starts_at(i) && input[i..].starts_with(b".\r\n"));
    let mut message = &input[..end.unwrap_or(input.len())];
    // An unfinished terminator is not content yet.
    if end.is_none() && message.ends_with(b".\r") && line_starts_at(message.len() - 2) {
        message = &message[..message.len() - 2];
    }
    let content: Vec<u8> =
        (0..message.len()).filter(|&i| !(message[i] == b'.' && line_starts_at(i))).map(|i| message[i]).collect();
    let bare = |i: usize| match message[i] {
        0 => true,
        b'\r' => message.get(i + 1).is_some_and(|&next| next != b'\n') || i > 0 && message[i - 1] == b'\r',
        b'\n' => i == 0 || message[i - 1] != b'\r',
        _ => false,
    };
    let malformed = (0..message.len()).any(bare);
    let blank = (0..message.len()).find(|&i| line_starts_at(i) && message[i..].starts_with(b"\r\n"));
    let header =
        blank.map_or(content.len(), |blank| (0..blank + 2).filter(|&i| !(message[i] == b'.' && line_starts_at(i))).count());
    Read { content, malformed, header: header as u64, end: end.map(|end| end + 3) }
}

fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Read {
    let mut reader = DataReader::default();
    let mut content = Vec::new();
    let mut before = 0;
    let mut end = None;
    for piece in pieces {
        if let Some(consumed) = reader.feed(piece, |bytes| content.extend_from_slice(bytes)) {
            end = Some(before + consumed);
            break;
        }
        before += piece.len();
    }
    assert_eq!(reader.size(), content.len() as u64);
    Read { malformed: reader.is_malformed(), header: reader.header_size(), content, end }
}

/// Every sequence of the smuggling table, with what it must do: (sequence, ends data, malformed).
const SEQUENCES: &[(&[u8], bool, bool)] = &[
    (b"\r\n.\r\n", true, false),
    (b"\n.\n", false, true),
    (b"\n.\r\n", false, true),
    (b"\r.\r", false, true),
    (b"\r.\r\n", false, true),
    (b"\r.\n", false, true),
    (b"\r\n.\n", false, true),
    (b"\r\n.\rx", false, true),
    (b"\r\n.\r\r\n", false, true),
    (b"\r\n\r.\r\n", false, true),
    (b"\r\r\n.\r\n", false, true),
    (b"\r\n\0.\r\n", false, true),
    (b"\r\n.\0\r\n", false, true),
    (b"\r\n. \r\n", false, false),
    (b"\r\n.\t\r\n", false, false),
    (b"\r\n..\r\n", false, false),
    (b"\r\n.foo\r\n", false, false),
    (b"\x0b.\x0b", false, false),
    (b"\x0c.\x0c", false, false),
    (b"\xc2\x85.\xc2\x85", false, false),
    (b"\xe2\x80\xa8.\xe2\x80\xa8", false, false),
    (b"\x8d\x8a.\x8d\x8a", false, false),
    (b"\r\n.\x8d\x8a", false, false),
];

#[test]
fn every_sequence_means_the_same_at_every_split() {
    for (sequence, ends, malformed) in SEQUENCES {
        let start = b"Subject: x\r\n\r\nA";
        let rest = b"MAIL FROM:<evil@x.example>\r\nRCPT TO:<v@y.example>\r\nDATA\r\n\r\nevil\r\n.\r\n";
        let input = [start.as_slice(), sequence, rest].concat();
        let whole = read([input.as_slice()]);
        assert_eq!(whole, reference(&input), "{sequence:?}");
        assert_eq!(whole.malformed, *malformed, "{sequence:?}");
        let expected = if *ends { start.len() + sequence.len() } else { input.len() };
        assert_eq!(whole.end, Some(expected), "{sequence:?}");
        for split in 0..=input.len() {
            assert_eq!(read([&input[..split], &input[split..]]), whole, "{sequence:?} split at {split}");
        }
        assert_eq!(read(input.chunks(1)), whole, "{sequence:?} byte by byte");
    }
}

#[test]
fn a_dot_as_the_very_first_line_ends_an_empty_message() {
    for pieces in [vec![b".\r\n".as_slice()], vec![b".", b"\r", b"\n"]] {
        assert_eq!(read(pieces), Read { content: vec![], malformed: false, header: 0, end: Some(3) });
    }
}

#[test]
fn a_leading_dot_goes_whether_doubled_or_not() {
    let input = b"..first\r\n.second\r\n...third\r\n.. \r\n.\r\n";
    assert_eq!(read([input.as_slice()]).content, b".first\r\nsecond\r\n..third\r\n. \r\n");
}

#[test]
fn lines_of_any_length_pass_unchanged() {
    for length in [997, 998, 999, 1000, 100_000] {
        let line = [vec![b'a'; length], b"\r\n".to_vec()].concat();
        let input = [line.as_slice(), b".\r\n"].concat();
        assert_eq!(read(input.chunks(1000)).content, line);
    }
}

/// Bytes as attackers pick them, so that the interesting states are reached often.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![4 => Just(b'\r'), 4 => Just(b'\n'), 4 => Just(b'.'), 1 => Just(0), 2 => Just(b'a'), 1 => any::<u8>()];
    proptest::collection::vec(byte, 0..64)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]
    #[test]
    fn any_slicing_reads_what_the_reference_reads(input in hostile(), cuts in proptest::collection::vec(0_usize..64, 0..6)) {
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(input.len())).collect();
        cuts.extend([0, input.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|pair| &input[pair[0]..pair[1]]);
        let ours = read(pieces);
        let theirs = reference(&input);
        prop_assert_eq!(&ours.content, &theirs.content);
        prop_assert_eq!(ours.end, theirs.end);
        // While the end is to come, the header may still grow and a CR at the very end may still become a line end.
        if ours.end.is_some() {
            prop_assert_eq!(ours, theirs);
        }
    }
}
