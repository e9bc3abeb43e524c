//! tmp
use crate::dns::Resolver;
use crate::model::Address;
use std::net::IpAddr;
/// tmp
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpfResult {
    /// a
    Pass,
    /// a
    Fail,
    /// a
    SoftFail,
    /// a
    Neutral,
    /// a
    None,
    /// a
    TempError,
    /// a
    PermError,
}
/// tmp
pub async fn spf(_r: &Resolver, _ip: IpAddr, _helo: &str, _s: &Address, _h: &str) -> SpfResult {
    SpfResult::TempError
}
