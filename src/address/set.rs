//! The addresses that one thing has.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Deref;

use serde::{Deserialize, Serialize};

use super::Address;

/// The addresses that one thing has, in order and none twice.
///
/// Nearly everything has one address. A tree's first node has room for eleven, which for the people of a large
/// organisation would be more memory than everything else that is known about them.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Addresses(Box<[Address]>);

impl Addresses {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds an address; whether it is new.
    pub fn insert(&mut self, address: Address) -> bool {
        let Err(place) = self.0.binary_search(&address) else {
            return false;
        };
        let mut all = std::mem::take(&mut self.0).into_vec();
        all.insert(place, address);
        self.0 = all.into_boxed_slice();
        true
    }

    /// Takes an address out; whether it was there.
    pub fn remove(&mut self, address: &Address) -> bool {
        let Ok(place) = self.0.binary_search(address) else {
            return false;
        };
        let mut all = std::mem::take(&mut self.0).into_vec();
        all.remove(place);
        self.0 = all.into_boxed_slice();
        true
    }
}

impl Deref for Addresses {
    type Target = [Address];

    fn deref(&self) -> &[Address] {
        &self.0
    }
}

impl FromIterator<Address> for Addresses {
    fn from_iter<I: IntoIterator<Item = Address>>(addresses: I) -> Self {
        let mut all: Vec<Address> = addresses.into_iter().collect();
        all.sort_unstable();
        all.dedup();
        Addresses(all.into_boxed_slice())
    }
}

impl Extend<Address> for Addresses {
    fn extend<I: IntoIterator<Item = Address>>(&mut self, addresses: I) {
        let known = std::mem::take(&mut self.0).into_vec();
        *self = known.into_iter().chain(addresses).collect();
    }
}

impl<const N: usize> From<[Address; N]> for Addresses {
    fn from(addresses: [Address; N]) -> Self {
        addresses.into_iter().collect()
    }
}

impl IntoIterator for Addresses {
    type Item = Address;
    type IntoIter = std::vec::IntoIter<Address>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_vec().into_iter()
    }
}

impl<'a> IntoIterator for &'a Addresses {
    type Item = &'a Address;
    type IntoIter = std::slice::Iter<'a, Address>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<'de> Deserialize<'de> for Addresses {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::from_iter)
    }
}

impl schemars::JsonSchema for Addresses {
    fn inline_schema() -> bool {
        BTreeSet::<Address>::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        BTreeSet::<Address>::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        BTreeSet::<Address>::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Kind;

    fn user(label: &str) -> Address {
        Address::root(Kind::User, label)
    }

    fn labels(addresses: &Addresses) -> Vec<&str> {
        addresses.iter().map(|address| address.label.as_ref()).collect()
    }

    #[test]
    fn they_are_in_order_and_none_twice() {
        let mut addresses = Addresses::from([user("b"), user("a"), user("b")]);
        assert_eq!(labels(&addresses), ["a", "b"]);
        assert!(addresses.insert(user("aa")));
        assert!(!addresses.insert(user("aa")));
        addresses.extend([user("c"), user("a")]);
        assert_eq!(labels(&addresses), ["a", "aa", "b", "c"]);
        assert!(addresses.remove(&user("b")));
        assert!(!addresses.remove(&user("b")));
        assert_eq!(labels(&addresses), ["a", "aa", "c"]);
    }

    #[test]
    fn what_is_read_need_not_be_in_order() {
        let read: Addresses = serde_json::from_str(r#"["user.b", "user.a", "user.b"]"#).unwrap();
        assert_eq!(labels(&read), ["a", "b"]);
        assert_eq!(serde_json::to_string(&read).unwrap(), r#"["user.a","user.b"]"#);
    }
}
