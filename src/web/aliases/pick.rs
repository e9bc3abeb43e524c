//! One page of the list and the ways to the pages before and after it.

use crate::service::alias_page::{self, Cursor, Listed, PageFilter, PageOrder, PageStart, SortKey};
use crate::service::{Desk, StorageError};

use super::wanted::{Place, Sort, Wanted};

/// Up to so many are counted: nobody waits for the exact number of a million.
pub const COUNTED: i64 = 10_000;

/// A page.
#[derive(Debug)]
pub struct Picked {
    /// Its rows.
    pub rows: Vec<Listed>,
    /// Where the page before begins or ends, if there is one.
    pub earlier: Option<Place>,
    /// Where the page after begins, if there is one.
    pub later: Option<Place>,
    /// How many there are on all pages; more than [`COUNTED`] are one more.
    pub count: i64,
}

/// Fetches it.
pub async fn page(desk: &Desk, filter: &PageFilter, wanted: &Wanted) -> Result<Picked, StorageError> {
    let count = alias_page::count_up_to(desk, filter, COUNTED + 1).await?;
    let (rows, earlier, later) = match wanted.sort {
        Sort::Newest => by_cursor(desk, filter, wanted, (PageOrder::PinnedFirst, PageOrder::PinnedLast)).await?,
        Sort::Oldest => by_cursor(desk, filter, wanted, (PageOrder::Oldest, PageOrder::Newest)).await?,
        Sort::Address => by_cursor(desk, filter, wanted, (PageOrder::Address, PageOrder::AddressReversed)).await?,
        Sort::Mail => by_offset(desk, filter, wanted, SortKey::Forwarded).await?,
        Sort::Last => by_offset(desk, filter, wanted, SortKey::LastForwarded).await?,
    };
    Ok(Picked { rows, earlier, later, count })
}

type Part = (Vec<Listed>, Option<Place>, Option<Place>);

async fn by_cursor(
    desk: &Desk,
    filter: &PageFilter,
    wanted: &Wanted,
    (order, reversed): (PageOrder, PageOrder),
) -> Result<Part, StorageError> {
    let (from, is_back) = match wanted.place {
        Place::After(uuid) => (Some(uuid), false),
        Place::Before(uuid) => (Some(uuid), true),
        Place::First | Place::From(_) => (None, false),
    };
    // One that is gone meanwhile has no place: the list begins anew.
    let found = match from {
        Some(uuid) => alias_page::list_by_uuid(desk, filter.user_id, &[uuid]).await?.pop(),
        None => None,
    };
    let is_back = is_back && found.is_some();
    let start = found.as_ref().map_or(PageStart::Offset(0), |listed| PageStart::After(Cursor::after(listed)));
    let order = if is_back { reversed } else { order };
    let mut rows = alias_page::list(desk, filter, order, &start, wanted.size() + 1).await?;
    let has_more = is_longer(&mut rows, wanted.size());
    if is_back {
        rows.reverse();
    }
    let earlier = if is_back { has_more } else { found.is_some() };
    let later = if is_back { true } else { has_more };
    let first = rows.first().filter(|_| earlier).map(|listed| Place::Before(listed.alias.uuid));
    let last = rows.last().filter(|_| later).map(|listed| Place::After(listed.alias.uuid));
    // Behind the end, there is a way back all the same.
    let first = first.or(Some(Place::First).filter(|_| rows.is_empty() && found.is_some()));
    Ok((rows, first, last))
}

async fn by_offset(desk: &Desk, filter: &PageFilter, wanted: &Wanted, key: SortKey) -> Result<Part, StorageError> {
    let (offset, size) = (if let Place::From(from) = wanted.place { from } else { 0 }, wanted.size());
    let mut rows = alias_page::list_sorted(desk, filter, (key, true), offset, size.saturating_add(1)).await?;
    let has_more = is_longer(&mut rows, size);
    let earlier = (offset > 0).then(|| match offset.saturating_sub(size) {
        0 => Place::First,
        before => Place::From(before),
    });
    let later = has_more.then(|| Place::From(offset.saturating_add(size)));
    Ok((rows, earlier, later))
}

/// Whether there is one more than there should be; it is left out.
fn is_longer(rows: &mut Vec<Listed>, size: u32) -> bool {
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let is_longer = rows.len() > size;
    rows.truncate(size);
    is_longer
}
