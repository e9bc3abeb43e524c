//! What a file looks like, by its first line: the columns of one service are read as those of another without complaint
//! where they share a name, and what they do not share is lost.

use super::Source;

/// How much of a file is looked at.
const HEAD: usize = 4096;

/// Where a file seems to come from, when that is not where it was said to come from.
pub fn mismatch(content: &[u8], said: Source) -> Option<Source> {
    let looks = looks_like(content)?;
    (looks != said).then_some(looks)
}

/// Whose file it is; `None` when its first line names columns that anybody might have.
fn looks_like(content: &[u8]) -> Option<Source> {
    let head = content.get(..HEAD).unwrap_or(content);
    let text = String::from_utf8_lossy(head);
    let line = text.trim_start_matches('\u{feff}').lines().next().unwrap_or_default().to_lowercase();
    let columns: Vec<&str> = line.split([',', ';', '\t']).map(|cell| cell.trim().trim_matches('"').trim()).collect();
    let has = |name: &str| columns.contains(&name);
    // A table of one's own may have any column besides these.
    if has("address") || has("site") {
        return None;
    }
    if has("full_address") || has("email_mask") || has("generated_for") {
        Some(Source::Relay)
    } else if has("local_part") || has("aliasable_id") || (has("alias") && has("recipients")) {
        Some(Source::Addy)
    } else if has("alias") && has("enabled") && has("mailboxes") {
        Some(Source::SimpleLogin)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_file_of_another_service_is_seen_by_its_columns() {
        let simple = b"\xef\xbb\xbfalias,note,enabled,mailboxes\r\nx@sl.example,,true,\r\n";
        assert_eq!(mismatch(simple, Source::Addy), Some(Source::SimpleLogin));
        assert_eq!(mismatch(simple, Source::SimpleLogin), None);
        assert_eq!(mismatch(b"alias,description,recipients\n", Source::SimpleLogin), Some(Source::Addy));
        assert_eq!(mismatch(b"id;local_part;extension;domain;email\n", Source::Plain), Some(Source::Addy));
        assert_eq!(mismatch(b"\"full_address\",enabled\n", Source::SimpleLogin), Some(Source::Relay));
        assert_eq!(mismatch(b"address,alias,enabled,mailboxes\n", Source::Plain), None);
        assert_eq!(mismatch(b"PK\x03\x04", Source::Addy), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_looked_at(content in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = mismatch(&content, Source::Plain);
        }
    }
}
