//! A master file (RFC 1035 §5) that answers instead of the network: tests, the sandbox, closed networks.
//!
//! It need not be one zone: any number of `$ORIGIN`s may follow each other, `$TTL` may be missing. A name that is
//! nowhere in the file does not exist. The comment `; servfail: broken.example` makes that name and all below it fail
//! the way a lame server does. Wildcards are not expanded.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use hickory_proto::serialize::txt::Parser;
use hickory_resolver::proto::rr::{Name, RData, RecordType};

use super::DnsError;

/// CNAMEs followed at the most; a longer chain is an error in the data.
const CHAIN: usize = 8;

/// The records of the file by name.
pub(super) struct Zone {
    records: BTreeMap<Name, Vec<RData>>,
    /// Names that exist only because there is something below them.
    parents: BTreeSet<Name>,
    broken: Vec<Name>,
}

impl Zone {
    /// Reads a master file.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{} can't be read: {error}", path.display()))?;
        Self::parse(&text, Some(path)).map_err(|reason| format!("{} is no valid master file: {reason}", path.display()))
    }

    fn parse(text: &str, path: Option<&Path>) -> Result<Self, String> {
        // The last line needs an end, and the defaults spare small files their boilerplate.
        let complete = format!("$TTL 300\n$ORIGIN .\n{text}\n");
        let parser = Parser::new(complete, path.map(Path::to_owned), None);
        let (_, sets) = parser.parse().map_err(|error| error.to_string())?;
        let mut records: BTreeMap<Name, Vec<RData>> = BTreeMap::new();
        let mut parents = BTreeSet::new();
        for set in sets.values() {
            let name = set.name().to_lowercase();
            let mut parent = name.base_name();
            while !parent.is_root() && parents.insert(parent.clone()) {
                parent = parent.base_name();
            }
            records.entry(name).or_default().extend(set.records_without_rrsigs().map(|record| record.data.clone()));
        }
        let broken = text.lines().filter_map(|line| line.trim().strip_prefix(';')?.trim().strip_prefix("servfail:"));
        let broken = broken.map(|name| super::absolute(name.trim()).map_err(|_| format!("servfail: {name:?} is no name")));
        Ok(Self { records, parents, broken: broken.collect::<Result<_, _>>()? })
    }

    /// Answers from memory.
    pub(super) fn lookup(&self, name: &Name, kind: RecordType) -> Result<Vec<RData>, DnsError> {
        let mut name = name.to_lowercase();
        for _ in 0..CHAIN {
            if self.broken.iter().any(|broken| broken.zone_of(&name)) {
                return Err(DnsError::Temporary);
            }
            let Some(records) = self.records.get(&name) else {
                return Err(if self.parents.contains(&name) { DnsError::NoData } else { DnsError::NoSuchName });
            };
            let found: Vec<RData> = records.iter().filter(|data| data.record_type() == kind).cloned().collect();
            if !found.is_empty() {
                return Ok(found);
            }
            let alias = records.iter().find_map(|data| if let RData::CNAME(target) = data { Some(&target.0) } else { None });
            match alias {
                Some(target) => name = target.to_lowercase(),
                None => return Err(DnsError::NoData),
            }
        }
        Err(DnsError::Temporary)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn find(zone: &Zone, name: &str, kind: RecordType) -> Result<usize, DnsError> {
        zone.lookup(&super::super::absolute(name).unwrap(), kind).map(|found| found.len())
    }

    #[test]
    fn the_three_kinds_of_no_are_told_apart() {
        let zone = Zone::parse(
            "; servfail: broken.example\n$ORIGIN x.example.\n@ MX 10 mail\nmail 60 IN A 192.0.2.1\na.deep A 192.0.2.2\n\
             $ORIGIN y.example.\nwww CNAME mail.x.example.\nloop CNAME loop\ndangling CNAME nowhere.example.",
            None,
        );
        let zone = zone.unwrap();
        assert_eq!(find(&zone, "X.example", RecordType::MX), Ok(1));
        assert_eq!(find(&zone, "mail.x.example", RecordType::MX), Err(DnsError::NoData));
        assert_eq!(find(&zone, "y.example", RecordType::A), Err(DnsError::NoData), "an empty non-terminal exists");
        assert_eq!(find(&zone, "other.example", RecordType::A), Err(DnsError::NoSuchName));
        assert_eq!(find(&zone, "deep.broken.example", RecordType::A), Err(DnsError::Temporary));
        assert_eq!(find(&zone, "www.y.example", RecordType::A), Ok(1), "a CNAME is followed");
        assert_eq!(find(&zone, "loop.y.example", RecordType::A), Err(DnsError::Temporary));
        assert_eq!(find(&zone, "dangling.y.example", RecordType::A), Err(DnsError::NoSuchName));
    }

    #[test]
    fn what_is_no_master_file_is_refused_with_a_reason() {
        assert!(Zone::parse("x.example. A not-an-address", None).is_err());
        assert!(Zone::read(Path::new("/nonexistent/zone")).err().unwrap().contains("/nonexistent/zone"));
    }

    proptest! {
        #[test]
        fn any_text_is_a_zone_or_an_error(text in "[ -~\\n\\t]{0,120}") {
            prop_assume!(!text.contains("$INCLUDE"));
            drop(Zone::parse(&text, None));
        }
    }
}
