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
