//! Pages as its clients walk through them: which one is asked for, and the envelope with links to the others.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Value, json};

use super::error::ApiError;
use super::request::Params;

/// Items of a page, at the most and when nothing is said.
const LARGEST: u32 = 100;
/// The highest page there is: what lies beyond could not be counted.
const LAST: u32 = 1_000_000;
/// Pages with a link of their own on each side of this one.
const AROUND: i64 = 3;

/// The page that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    number: u32,
    /// How many items it has.
    pub size: u32,
}

impl Wanted {
    /// From `page[number]` and `page[size]`.
    pub fn of(params: &Params) -> Result<Self, ApiError> {
        Ok(Self { number: params.number("page[number]", 1, LAST)?, size: params.number("page[size]", LARGEST, LARGEST)? })
    }

    /// How many items come before it.
    pub fn offset(self) -> u32 {
        (self.number - 1).saturating_mul(self.size)
    }

    /// The envelope around its items. `base` is the address of the list without a query.
    pub fn envelope<T: Serialize>(self, items: &[T], total: i64, base: &str, params: &Params) -> Value {
        let (current, size) = (i64::from(self.number), i64::from(self.size));
        let last = ((total + size - 1) / size).max(1);
        let url = |page: i64| address(base, params, page);
        let previous = (current > 1).then(|| url(current - 1));
        let next = (current < last).then(|| url(current + 1));
        let from = (!items.is_empty()).then(|| i64::from(self.offset()) + 1);
        let to = from.map(|from| from + i64::try_from(items.len()).unwrap_or(0) - 1);
        let mut links = vec![json!({ "url": previous, "label": "&laquo; Previous", "active": false })];
        links.extend(shown(current, last).into_iter().map(|page| match page {
            Some(page) => json!({ "url": url(page), "label": page.to_string(), "active": page == current }),
            None => json!({ "url": null, "label": "...", "active": false }),
        }));
        links.push(json!({ "url": next, "label": "Next &raquo;", "active": false }));
        json!({
            "data": items,
            "links": { "first": url(1), "last": url(last), "prev": previous, "next": next },
            "meta": {
                "current_page": current,
                "from": from,
                "last_page": last,
                "links": links,
                "path": base,
                "per_page": size,
                "to": to,
                "total": total,
            },
        })
    }
}

/// Which pages get a link: all of a few; of many the first and last two and those around this one, `None` for a gap.
fn shown(current: i64, last: i64) -> Vec<Option<i64>> {
    let near = AROUND + 4;
    if last < AROUND * 2 + 8 {
        return (1..=last).map(Some).collect();
    }
    if current <= near {
        return (1..=near + AROUND).map(Some).chain([None, Some(last - 1), Some(last)]).collect();
    }
    let head = [Some(1), Some(2), None].into_iter();
    if current > last - near {
        return head.chain((last - near - AROUND + 1..=last).map(Some)).collect();
    }
    let around = (current - AROUND..=current + AROUND).map(Some);
    head.chain(around).chain([None, Some(last - 1), Some(last)]).collect()
}

/// The address of a page: everything that was asked for, but another number.
fn address(base: &str, params: &Params, page: i64) -> String {
    let mut url = format!("{base}?");
    for (key, value) in params.without("page[number]") {
        encode(&mut url, key);
        url.push('=');
        encode(&mut url, value);
        url.push('&');
    }
    encode(&mut url, "page[number]");
    url.push('=');
    url.push_str(&page.to_string());
    url
}

fn encode(url: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            url.push(char::from(byte));
        } else {
            write!(url, "%{byte:02X}").unwrap_or_else(|_| unreachable!("text grows"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(pairs: &[(&str, &str)]) -> (Params, Wanted) {
        let params = Params::new(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect());
        let wanted = Wanted::of(&params).unwrap();
        (params, wanted)
    }

    #[test]
    fn a_page_in_the_middle_links_to_all_others_and_keeps_the_question() {
        let (params, wanted) = wanted(&[("page[size]", "2"), ("page[number]", "2"), ("filter[search]", "a&b")]);
        let page = wanted.envelope(&["c", "d"], 5, "https://x/api", &params);
        let url = |number: u32| format!("https://x/api?page%5Bsize%5D=2&filter%5Bsearch%5D=a%26b&page%5Bnumber%5D={number}");
        assert_eq!(page["links"], json!({ "first": url(1), "last": url(3), "prev": url(1), "next": url(3) }));
        let labels: Vec<_> =
            page["meta"]["links"].as_array().unwrap().iter().map(|link| link["label"].as_str().unwrap()).collect();
        assert_eq!(labels, ["&laquo; Previous", "1", "2", "3", "Next &raquo;"]);
        let meta = &page["meta"];
        assert_eq!(
            [&meta["from"], &meta["to"], &meta["total"], &meta["last_page"]],
            [&json!(3), &json!(4), &json!(5), &json!(3)]
        );
    }

    #[test]
    fn nothing_is_one_empty_page() {
        let (params, wanted) = wanted(&[]);
        let page = wanted.envelope::<()>(&[], 0, "https://x/api", &params);
        assert_eq!(page["meta"]["from"], Value::Null);
        assert_eq!((&page["meta"]["last_page"], &page["meta"]["per_page"]), (&json!(1), &json!(100)));
        assert_eq!((&page["links"]["prev"], &page["links"]["next"]), (&Value::Null, &Value::Null));
    }

    #[test]
    fn many_pages_leave_gaps() {
        let some = |pages: &[i64]| pages.iter().map(|page| (*page > 0).then_some(*page)).collect::<Vec<_>>();
        assert_eq!(shown(1, 3), some(&[1, 2, 3]));
        assert_eq!(shown(7, 20), some(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 19, 20]));
        assert_eq!(shown(10, 20), some(&[1, 2, 0, 7, 8, 9, 10, 11, 12, 13, 0, 19, 20]));
        assert_eq!(shown(14, 20), some(&[1, 2, 0, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]));
    }
}
