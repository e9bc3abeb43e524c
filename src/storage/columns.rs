//! How the model's types stand in columns. `model/` knows no sqlx; these wrappers do.

use std::str::FromStr;

use crate::model::{Address, DomainName, Timestamp};

use super::Error;

/// An address from a column that holds it folded: the local part stands there unquoted.
pub fn folded(table: &str, column: &str, row: i64, text: &str) -> Result<Address, Error> {
    let corrupt = || Error::corrupt(table, column, row);
    let (local, domain) = text.rsplit_once('@').ok_or_else(corrupt)?;
    Address::from_parts(local, self::domain(table, column, row, domain)?).map_err(|_| corrupt())
}

/// A written address from a column.
pub fn address(table: &str, column: &str, row: i64, text: &str) -> Result<Address, Error> {
    Address::parse(text).map_err(|_| Error::corrupt(table, column, row))
}

/// A nullable address from a column.
pub fn optional_address(table: &str, column: &str, row: i64, text: Option<&str>) -> Result<Option<Address>, Error> {
    text.map(|text| address(table, column, row, text)).transpose()
}

/// A domain name from a column.
pub fn domain(table: &str, column: &str, row: i64, text: &str) -> Result<DomainName, Error> {
    DomainName::parse(text).map_err(|_| Error::corrupt(table, column, row))
}

/// A word (a state, a kind) from a column.
pub fn word<T: FromStr>(table: &str, column: &str, row: i64, text: &str) -> Result<T, Error> {
    text.parse().map_err(|_| Error::corrupt(table, column, row))
}

/// A nullable moment from a column.
pub fn optional_time(micros: Option<i64>) -> Option<Timestamp> {
    micros.map(Timestamp::from_micros)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_folded_address_is_read_back_without_its_quotes() {
        let written = Address::parse("\"A@b \\\" c\"@x.example").unwrap();
        let read = folded("users", "email", 1, &written.folded()).unwrap();
        assert_eq!(read.to_string(), "\"a@b \\\" c\"@x.example");
        assert!(folded("users", "email", 1, "nonsense").is_err());
    }

    proptest! {
        #[test]
        fn any_text_in_a_column_is_read_or_refused(text in "\\PC{0,80}") {
            if let Ok(address) = folded("users", "email", 1, &text) {
                prop_assert!(Address::parse(&address.to_string()).is_ok());
            }
        }

        #[test]
        fn what_was_folded_is_read_back(local in "[A-Za-z0-9 .@\"+-]{1,30}") {
            let written = Address::from_parts(&local, DomainName::parse("x.example").unwrap()).unwrap();
            prop_assert_eq!(folded("users", "email", 1, &written.folded()).unwrap().folded(), written.folded());
        }
    }
}
