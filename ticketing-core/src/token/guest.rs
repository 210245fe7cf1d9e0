//! The keys of guests' orders. Derived from the reference of the order and a key that is in no database: any process can write the link
//! again, and a copy of the database opens nothing.

use super::proof::{derived, keyed};
use crate::domain::code::{Reference, read_symbols, symbols_of};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::fmt;
use std::hint::black_box;

/// What every key begins with, so that people and secret scanners recognise it: that of an order, and that of a transfer.
const ORDER: &str = "tko_";
const TRANSFER: &str = "tkt_";
/// Keeps these keys apart from everything else that follows from the secret of session tokens.
const ORDER_LABEL: &[u8] = b"ticketing order keys v1";
const TRANSFER_LABEL: &[u8] = b"ticketing transfer keys v1";

/// The key of a guest's order: `tko_<reference>_<26 symbols>`, of which the symbols are secret (130 bits). It stands for the buyer: with it,
/// the order can be seen, paid and cancelled, and nothing else. The key of a transfer begins with `tkt_`, and stands for whom a ticket was
/// offered to.
#[derive(Clone, PartialEq, Eq)]
pub struct GuestKey(String);

impl GuestKey {
    /// The key as text, for the guest alone.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for GuestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GuestKey(..)")
    }
}

/// The key that keys of guests' orders are derived from.
#[derive(Clone)]
pub(crate) struct GuestKeys {
    prefix: &'static str,
    key: Hmac<Sha256>,
}

impl GuestKeys {
    /// The key of orders that follows from the secret of session tokens.
    pub(super) fn derive(secret: &[u8]) -> Self {
        Self { prefix: ORDER, key: keyed(&derived(secret, ORDER_LABEL)) }
    }

    /// The key of transfers that follows from it.
    pub(super) fn derive_for_transfers(secret: &[u8]) -> Self {
        Self { prefix: TRANSFER, key: keyed(&derived(secret, TRANSFER_LABEL)) }
    }

    /// The key of an order.
    pub(crate) fn of(&self, order: &Reference) -> GuestKey {
        GuestKey(format!("{}{order}_{}", self.prefix, self.symbols(order)))
    }

    /// The order that a key is for. `None` if it is wrong. Symbols are read as people type them: in any case.
    pub(crate) fn read(&self, key: &str) -> Option<Reference> {
        let (order, symbols) = key.trim().strip_prefix(self.prefix)?.rsplit_once('_')?;
        let order: Reference = order.parse().ok()?;
        let (wanted, found) = (self.symbols(&order), read_symbols(symbols).ok()?);
        // Every symbol is compared, whether or not an earlier one differs.
        let differs = wanted.bytes().zip(found.bytes()).fold(0, |differs, (a, b)| black_box(differs | (a ^ b)));
        (differs == 0 && wanted.len() == found.len()).then_some(order)
    }

    fn symbols(&self, order: &Reference) -> String {
        symbols_of(&self.key.clone().chain_update(order.as_str()).finalize().into_bytes())
    }
}

impl fmt::Debug for GuestKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GuestKeys(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn order(text: &str) -> Reference {
        text.parse().unwrap()
    }

    /// Links that were mailed must outlive an upgrade of the server.
    #[test]
    fn the_derivation_never_changes() {
        let key = GuestKeys::derive(&[7; 32]).of(&order("abc-1"));
        assert_eq!(key.as_str(), "tko_abc-1_KCVVXXW68QPN8M4G88R229FX6M");
    }

    #[test]
    fn a_key_of_a_transfer_is_none_of_an_order() {
        let (orders, transfers) = (GuestKeys::derive(&[7; 32]), GuestKeys::derive_for_transfers(&[7; 32]));
        let key = transfers.of(&order("abc-1"));
        assert_eq!(key.as_str(), "tkt_abc-1_1WJZGTP4YDJNY8M4P1ESN11HC5");
        assert_eq!((transfers.read(key.as_str()), orders.read(key.as_str())), (Some(order("abc-1")), None));
        assert_eq!(orders.read(&key.as_str().replacen("tkt_", "tko_", 1)), None);
        assert_eq!(transfers.read(&orders.of(&order("abc-1")).as_str().replacen("tko_", "tkt_", 1)), None);
    }

    #[test]
    fn a_key_is_for_one_order_and_one_server() {
        let (keys, own) = (GuestKeys::derive(&[7; 32]), order("7gq4m"));
        let key = keys.of(&own);
        assert_eq!(keys.read(key.as_str()), Some(own.clone()));
        assert_eq!(keys.read(&format!(" {}\n", key.as_str())), Some(own.clone()));
        assert_eq!(GuestKeys::derive(&[8; 32]).read(key.as_str()), None);
        let symbols = key.as_str().rsplit_once('_').unwrap().1;
        assert_eq!(keys.read(&format!("tko_7gq4n_{symbols}")), None);
        assert_ne!(keys.of(&order("7gq4n")).as_str().rsplit_once('_').unwrap().1, symbols);
        let start = key.as_str().len() - symbols.len();
        for at in start..key.as_str().len() {
            let other = if &key.as_str()[at..=at] == "0" { "1" } else { "0" };
            let wrong = format!("{}{other}{}", &key.as_str()[..at], &key.as_str()[at + 1..]);
            assert_eq!(keys.read(&wrong), None, "{wrong}");
        }
        for wrong in ["", "tko_", "tko__", &key.as_str()[4..], symbols, &format!("{}0", key.as_str())] {
            assert_eq!(keys.read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_key_is_not_shown() {
        let keys = GuestKeys::derive(&[7; 32]);
        let shown = format!("{:?} {keys:?}", keys.of(&order("abc")));
        assert_eq!(shown, "GuestKey(..) GuestKeys(..)");
    }

    proptest! {
        #[test]
        fn no_text_is_a_key(text: String, tail in "tko_\\PC{0,80}") {
            let keys = GuestKeys::derive(&[7; 32]);
            prop_assert_eq!(keys.read(&text), None);
            prop_assert_eq!(keys.read(&tail), None);
        }
    }
}
