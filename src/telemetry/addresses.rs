//! Addresses in logs: masked, unless `log.addresses` is on.

use crate::model::Address;

/// Whether addresses may be shown, as the operator set it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    shown: bool,
}

impl Addresses {
    /// As `log.addresses` says.
    pub const fn new(log: &crate::config::log::Log) -> Self {
        Self { shown: log.addresses }
    }

    /// The address for a log field: whole where the operator allows it, else [`masked`].
    pub fn field(self, address: &Address) -> String {
        if self.shown { address.to_string() } else { masked(address) }
    }
}

/// An address of which only as much is left as tells two lines of one conversation apart: `k…@y….example`.
///
/// The local part keeps its first character, the domain its first character and its last label. That is no secret key
/// to anything, and no address.
pub fn masked(address: &Address) -> String {
    let first = |text: &str| text.chars().next().unwrap_or('…');
    let domain = address.domain().as_str();
    match domain.rsplit_once('.') {
        Some((_, last)) => format!("{}…@{}….{last}", first(address.local()), first(domain)),
        None => format!("{}…@{}…", first(address.local()), first(domain)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_masked_unless_the_operator_wants_them() {
        let address = Address::parse("lg.k7f3qz2m@you.example").unwrap();
        let mut log = crate::config::log::Log::default();
        assert_eq!(Addresses::new(&log).field(&address), "l…@y….example");
        log.addresses = true;
        assert_eq!(Addresses::new(&log).field(&address), "lg.k7f3qz2m@you.example");
        assert_eq!(masked(&Address::parse("ä@localhost").unwrap()), "ä…@l…");
    }
}
