//! Places: the small numbers by which the world's parts refer to each other, given in order and never reused.

use serde::{Deserialize, Serialize};

macro_rules! places {
    ($($(#[$doc:meta])* $name:ident)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
            pub struct $name(u32);

            impl $name {
                /// The place with this number.
                pub fn new(at: usize) -> Self {
                    $name(u32::try_from(at).unwrap_or(u32::MAX))
                }

                /// The number, for indexing what the world lists.
                pub fn at(self) -> usize {
                    self.0 as usize
                }

                /// The number, for keeping.
                pub fn number(self) -> u32 {
                    self.0
                }
            }
        )*
    };
}

places! {
    /// An account's place in the organisation.
    AccountIx
    /// The root's (0) or an organizational unit's place.
    UnitIx
    /// A permission set's place, also after it was deleted.
    SetIx
    /// A user's or group's place, also after it was deleted.
    PrincipalIx
}
