//! Address prefixes such as `10.0.0.0/8` and the arithmetic of subnets and hosts in them.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Why a prefix cannot be read or does not hold what was asked of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CidrError(String);

fn fail<T>(message: impl Into<String>) -> Result<T, CidrError> {
    Err(CidrError(message.into()))
}

/// A prefix of IPv4 or IPv6 addresses; the bits after the prefix are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefix {
    /// The first address as a number.
    base: u128,
    /// Bits of the prefix.
    length: u32,
    /// Bits of an address: 32 or 128.
    width: u32,
}

impl Prefix {
    /// Reads `address/bits`. Octets may have leading zeros and are decimal all the same.
    ///
    /// # Errors
    /// For anything else.
    pub fn parse(text: &str) -> Result<Prefix, CidrError> {
        let problem = || {
            CidrError(format!(
                "{text:?} is not a prefix such as \"10.0.0.0/8\" or \"2001:db8::/32\""
            ))
        };
        let (address, length) = text.split_once('/').ok_or_else(problem)?;
        if length.is_empty() || length.len() > 3 || !length.bytes().all(|b| b.is_ascii_digit()) {
            return Err(problem());
        }
        let length: u32 = length.parse().map_err(|_| problem())?;
        let (base, width) = if address.contains(':') {
            (
                u128::from(address.parse::<Ipv6Addr>().map_err(|_| problem())?),
                128,
            )
        } else {
            (u128::from(parse_ipv4(address).ok_or_else(problem)?), 32)
        };
        if length > width {
            return Err(problem());
        }
        Ok(Prefix {
            base: base & !low_mask(width - length),
            length,
            width,
        })
    }

    /// The address numbered `host`; negative numbers count from the end.
    ///
    /// # Errors
    /// When the prefix has fewer addresses.
    pub fn host(&self, negative: bool, magnitude: Option<u128>) -> Result<String, CidrError> {
        let mask = low_mask(self.width - self.length);
        let offset = match magnitude {
            Some(n) if !negative && n <= mask => n,
            Some(n) if negative && n >= 1 && n - 1 <= mask => mask - (n - 1),
            Some(0) => 0,
            _ => {
                return fail(format!(
                    "a prefix of {} bits has no host of that number",
                    self.length
                ));
            }
        };
        Ok(self.show(self.base + offset))
    }

    /// The netmask in dotted form.
    ///
    /// # Errors
    /// For IPv6, which has none.
    pub fn netmask(&self) -> Result<String, CidrError> {
        if self.width != 32 {
            return fail(format!(
                "{} is an IPv6 prefix, and IPv6 has no netmasks",
                self.show_prefix()
            ));
        }
        Ok(self.show(low_mask(32) & !low_mask(32 - self.length)))
    }

    /// The subnet numbered `number` among those that are `extra` bits longer.
    ///
    /// # Errors
    /// When the address has fewer bits, or there are fewer such subnets.
    pub fn subnet(&self, extra: u32, number: u128) -> Result<Prefix, CidrError> {
        let length = self.length.saturating_add(extra);
        if length > self.width {
            return fail(format!(
                "an address has {} bits, so a prefix of {} cannot be extended by {extra}",
                self.width, self.length
            ));
        }
        if number > low_mask(extra) {
            return fail(format!(
                "an extension of {extra} bits has no subnet numbered {number}"
            ));
        }
        let shift = self.width - length;
        let base = if shift >= 128 {
            self.base
        } else {
            self.base | number << shift
        };
        Ok(Prefix {
            base,
            length,
            width: self.width,
        })
    }

    /// Subnets one after another, each longer than the prefix by the bits given.
    ///
    /// # Errors
    /// The position of the first that does not fit, with the reason.
    pub fn subnets(&self, extras: &[i64]) -> Result<Vec<Prefix>, (usize, CidrError)> {
        let end = self.base.saturating_add(low_mask(self.width - self.length));
        let mut next = Some(self.base);
        let mut found = Vec::with_capacity(extras.len());
        for (index, extra) in extras.iter().enumerate() {
            let wrong = |message: String| (index, CidrError(message));
            if *extra < 1 {
                return Err(wrong(
                    "a subnet is longer than its prefix by at least one bit".to_owned(),
                ));
            }
            let length = u32::try_from(*extra)
                .unwrap_or(u32::MAX)
                .saturating_add(self.length);
            if *extra > 32 || length > self.width {
                return Err(wrong(format!(
                    "a prefix of {} bits extended by {extra} is too long: at most 32 bits more, and {} in all",
                    self.length, self.width
                )));
            }
            let mask = low_mask(self.width - length);
            // Rounded up to a multiple of the subnet's own size.
            let base = next
                .and_then(|next| next.checked_add(mask))
                .map(|sum| sum & !mask);
            let Some(base) = base.filter(|base| *base <= end) else {
                return Err(wrong(format!(
                    "no space is left in {} for a subnet of {length} bits",
                    self.show_prefix()
                )));
            };
            next = base.checked_add(mask).and_then(|last| last.checked_add(1));
            found.push(Prefix {
                base,
                length,
                width: self.width,
            });
        }
        Ok(found)
    }

    /// `address/bits`.
    pub fn show_prefix(&self) -> String {
        format!("{}/{}", self.show(self.base), self.length)
    }

    fn show(&self, address: u128) -> String {
        if self.width == 32 {
            return Ipv4Addr::from(u32::try_from(address & 0xffff_ffff).unwrap_or(0)).to_string();
        }
        let address = Ipv6Addr::from(address);
        // Rust shows these as ::ffff:a.b.c.d, Terraform as plain IPv4.
        address
            .to_ipv4_mapped()
            .map_or_else(|| address.to_string(), |mapped| mapped.to_string())
    }
}

/// The lowest `bits` bits set.
fn low_mask(bits: u32) -> u128 {
    match bits {
        0 => 0,
        1..=127 => (1 << bits) - 1,
        _ => u128::MAX,
    }
}

fn parse_ipv4(text: &str) -> Option<u32> {
    let mut address = 0_u32;
    let mut count = 0;
    for part in text.split('.') {
        if part.is_empty() || !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let digits = part.trim_start_matches('0');
        let octet: u8 = if digits.is_empty() {
            0
        } else {
            digits.parse().ok()?
        };
        address = address << 8 | u32::from(octet);
        count += 1;
    }
    (count == 4).then_some(address)
}
