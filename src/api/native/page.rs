//! Lists a page at a time. A cursor says where the next page begins by the last thing of the one before, so that what is
//! added or removed meanwhile makes nothing appear twice or be left out.

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::problem::Problem;

/// Things of a page when nothing is said.
const USUAL: u32 = 50;
/// Things of a page at the most.
pub const LARGEST: u32 = 100;

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The things.
    pub items: Vec<T>,
    /// The `cursor` for the next page; null on the last one.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// All there is.
    pub fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }
}

/// Which page.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// How many things, 1 to 100; 50 when it is left out.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<u32>,
    /// Where the page begins: the `next` of the page before.
    pub cursor: Option<String>,
}

/// How many things a page shall have.
pub fn limit(asked: Option<u32>) -> Result<u32, Problem> {
    match asked.unwrap_or(USUAL) {
        limit @ 1..=LARGEST => Ok(limit),
        _ => Err(Problem::bad_query(format!("limit: a page has 1 to {LARGEST} things"))),
    }
}

/// Takes a page out of one thing more than it has: that one only says that there is a next page.
pub fn cut<T>(mut found: Vec<T>, limit: u32, cursor: impl FnOnce(&T) -> String) -> (Vec<T>, Option<String>) {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if found.len() <= limit {
        return (found, None);
    }
    found.truncate(limit);
    let next = found.last().map(cursor);
    (found, next)
}

/// A cursor no client has to understand.
pub fn seal(place: &[u8]) -> String {
    BASE64URL_NOPAD.encode(place)
}

/// What is in a cursor.
pub fn open(cursor: &str) -> Result<Vec<u8>, Problem> {
    BASE64URL_NOPAD.decode(cursor.as_bytes()).map_err(|_| bad_cursor())
}

/// The cursor of a list that is in the order of its keys.
pub fn seal_key(key: i64) -> String {
    seal(&key.to_be_bytes())
}

/// The key in the cursor of such a list.
pub fn open_key(cursor: Option<&str>) -> Result<Option<i64>, Problem> {
    let Some(cursor) = cursor else { return Ok(None) };
    let bytes: [u8; 8] = open(cursor)?.try_into().map_err(|_| bad_cursor())?;
    Ok(Some(i64::from_be_bytes(bytes)))
}

/// The cursor is none of this list's.
pub fn bad_cursor() -> Problem {
    Problem::bad_query("cursor: give the `next` of the page before, of the same list in the same order")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_page_is_cut_where_it_ends_and_says_whether_there_is_more() {
        let cursor = |number: &i64| seal_key(*number);
        assert_eq!(cut(vec![1, 2], 2, cursor), (vec![1, 2], None));
        assert_eq!(cut(vec![1, 2, 3], 2, cursor), (vec![1, 2], Some(seal_key(2))));
        assert_eq!(cut(Vec::new(), 2, cursor), (vec![], None));
        assert!(limit(Some(0)).is_err() && limit(Some(101)).is_err() && limit(None).unwrap() == 50);
    }

    proptest! {
        #[test]
        fn a_key_comes_back_and_any_text_is_a_cursor_or_none(key in any::<i64>(), text in "\\PC{0,30}|[A-Za-z0-9_-]{10,12}") {
            prop_assert_eq!(open_key(Some(&seal_key(key))).unwrap(), Some(key));
            if let Ok(Some(key)) = open_key(Some(&text)) {
                prop_assert_eq!(seal_key(key), text);
            }
        }
    }
}
