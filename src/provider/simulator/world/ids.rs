//! Ids in the service's formats, made from the world's seed: the same seed, names and order give the same ids.
//!
//! Ids of named things are made from the name and how many times it existed before, not from the order of
//! calls, so that two worlds to which the same things were added in another order agree.

use std::ops::BitXor;

use serde::{Deserialize, Serialize};

/// The bits of a UUID below its version and variant.
const LOW_62: u64 = (1 << 62) - 1;

/// Mixes two numbers into one that shows no trace of either (the finaliser of SplitMix64).
pub(super) fn mix(a: u64, b: u64) -> u64 {
    let mut z = a.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ b.wrapping_add(0x6a09_e667_f3bc_c909);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A UUID as the service writes it: lower case, with the bits of version 4.
pub(super) fn uuid_text(bits: u128) -> String {
    uuid::Builder::from_u128(bits)
        .with_version(uuid::Version::Random)
        .with_variant(uuid::Variant::RFC4122)
        .into_uuid()
        .to_string()
}

fn as_uuid(bits: u128) -> u128 {
    uuid::Builder::from_u128(bits)
        .with_version(uuid::Version::Random)
        .with_variant(uuid::Variant::RFC4122)
        .into_uuid()
        .as_u128()
}

/// The ids of the instance and its organisation, and the source of all others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ids {
    seed: u64,
    region: String,
    instance: u64,
    store: u64,
    organization: String,
    root: String,
}

impl Ids {
    /// The ids of the world with this seed, whose instance lives in `region`.
    pub fn new(seed: u64, region: &str) -> Self {
        let mut ids = Ids {
            seed,
            region: region.to_owned(),
            instance: 0,
            store: 0,
            organization: String::new(),
            root: String::new(),
        };
        ids.instance = ids.number("instance", "", 0);
        ids.store = ids.number("identity store", "", 0) & 0xff_ffff_ffff;
        ids.organization = ids.letters("organization", "", 10);
        ids.root = ids.letters("root", "", 4);
        ids
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The Region in which the instance lives.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// `arn:aws:sso:::instance/ssoins-<16 hex>`: no account and no Region.
    pub fn instance_arn(&self) -> String {
        format!("arn:aws:sso:::instance/ssoins-{:016x}", self.instance)
    }

    /// `d-<10 hex>`.
    pub fn identity_store_id(&self) -> String {
        format!("d-{:010x}", self.store)
    }

    /// `o-<10 letters and digits>`.
    pub fn organization_id(&self) -> String {
        format!("o-{}", self.organization)
    }

    /// `r-<4 letters and digits>`.
    pub fn root_id(&self) -> String {
        format!("r-{}", self.root)
    }

    /// `ou-<the root's 4>-<8 letters and digits>` for the `n`th unit made.
    pub(super) fn unit_id(&self, n: u64) -> String {
        format!("ou-{}-{}", self.root, self.letters("ou", &n.to_string(), 8))
    }

    /// Twelve digits for the `n`th account made.
    pub(super) fn account_id(&self, n: u64) -> String {
        format!(
            "{:012}",
            100_000_000_000 + self.number("account", "", n) % 900_000_000_000
        )
    }

    /// A permission set's ARN from the number in it.
    pub fn permission_set_arn(&self, id: u64) -> String {
        format!(
            "arn:aws:sso:::permissionSet/ssoins-{:016x}/ps-{id:016x}",
            self.instance
        )
    }

    /// The number in a permission set's ARN, if it is one of this instance.
    pub fn parse_permission_set_arn(&self, arn: &str) -> Option<u64> {
        let rest = arn.strip_prefix("arn:aws:sso:::permissionSet/ssoins-")?;
        let (instance, id) = rest.split_once("/ps-")?;
        (parse_hex16(instance)? == self.instance).then_some(())?;
        parse_hex16(id)
    }

    pub(super) fn permission_set(&self, name: &str, generation: u64) -> u64 {
        self.number("permission set", name, generation)
    }

    /// The UUID of the principal of this kind and name that existed `generation` times before.
    pub(super) fn principal(&self, kind: &str, name: &str, generation: u64) -> u128 {
        as_uuid(self.bits(kind, name, generation))
    }

    /// A principal's id: the store's ten hex digits, a hyphen, a UUID.
    pub fn principal_id(&self, uuid: u128) -> String {
        format!("{:010x}-{}", self.store, uuid::Uuid::from_u128(uuid).hyphenated())
    }

    /// The UUID in a principal's id, with this store's prefix or without one.
    pub fn parse_principal_id(&self, id: &str) -> Option<u128> {
        let text = match id.len() {
            47 => id.strip_prefix(&format!("{:010x}-", self.store))?,
            36 => id,
            _ => return None,
        };
        uuid::Uuid::try_parse(text).ok().map(|uuid| uuid.as_u128())
    }

    pub(super) fn membership(&self, group: u128, user: u128, nth: u64) -> u128 {
        let fold = |bits: u128| mix((bits >> 64) as u64, bits as u64);
        let pair = mix(fold(group), fold(user));
        let (high, low) = (mix(mix(self.seed, pair), nth), mix(pair, mix(nth, self.seed)));
        as_uuid((u128::from(high) << 64) | u128::from(low))
    }

    /// The id of the `n`th asynchronous request. The number can be read back from it, so that no table is needed.
    pub(super) fn request(&self, n: u64) -> u128 {
        let high = mix(mix(self.seed, 0x5e90), n);
        let bits = as_uuid(u128::from(high) << 64) & !u128::from(LOW_62);
        bits | u128::from(n.bitxor(self.request_mask(bits)) & LOW_62)
    }

    /// The number of the request with this id, written with or without hyphens.
    pub(super) fn parse_request(&self, id: &str) -> Option<u64> {
        let bits = uuid::Uuid::try_parse(id).ok()?.as_u128();
        let n = (bits as u64).bitxor(self.request_mask(bits & !u128::from(LOW_62))) & LOW_62;
        (self.request(n) == bits).then_some(n)
    }

    fn request_mask(&self, high: u128) -> u64 {
        mix(mix(self.seed, 0x0571), (high >> 64) as u64)
    }

    /// The sixteen hex digits that end a role's name; another each time the role is made anew.
    pub(super) fn role_suffix(&self, account: &str, permission_set: u64, generation: u32) -> u64 {
        let account = account.parse::<u64>().unwrap_or(0);
        mix(
            mix(mix(self.seed, account), permission_set),
            u64::from(generation),
        )
    }

    /// The sixteen hex digits in the name of an account's SAML provider.
    pub(super) fn saml_suffix(&self, account: &str, generation: u32) -> u64 {
        let account = account.parse::<u64>().unwrap_or(0);
        mix(mix(mix(self.seed, account), 0x005a_a711), u64::from(generation))
    }

    fn bits(&self, kind: &str, key: &str, generation: u64) -> u128 {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.seed.to_le_bytes());
        hasher.update(&(kind.len() as u64).to_le_bytes());
        hasher.update(kind.as_bytes());
        hasher.update(&generation.to_le_bytes());
        hasher.update(key.as_bytes());
        let mut bytes = [0; 16];
        hasher.finalize_xof().fill(&mut bytes);
        u128::from_le_bytes(bytes)
    }

    fn number(&self, kind: &str, key: &str, generation: u64) -> u64 {
        self.bits(kind, key, generation) as u64
    }

    fn letters(&self, kind: &str, key: &str, count: usize) -> String {
        const ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
        let mut bits = self.bits(kind, key, 0);
        let mut text = String::with_capacity(count);
        for _ in 0..count {
            let letter = ALPHABET.get((bits % 36) as usize).copied().unwrap_or(b'0');
            text.push(char::from(letter));
            bits /= 36;
        }
        text
    }
}

fn parse_hex16(text: &str) -> Option<u64> {
    let digits = text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    digits.then(|| u64::from_str_radix(text, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        regex::Regex::new(&format!("^(?:{pattern})$"))
            .unwrap()
            .is_match(text)
    }

    /// The patterns are those of the service models (sso-admin 2020-07-20, organizations 2016-11-28).
    #[test]
    fn ids_match_the_patterns_of_the_service_models() {
        let ids = Ids::new(1, "eu-west-1");
        let uuid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
        assert!(matches(
            r"arn:aws:sso:::instance/(sso)?ins-[a-zA-Z0-9-.]{16}",
            &ids.instance_arn()
        ));
        let set = ids.permission_set("admin", 0);
        let arn = ids.permission_set_arn(set);
        assert!(matches(
            r"arn:aws:sso:::permissionSet/(sso)?ins-[a-zA-Z0-9-.]{16}/ps-[a-zA-Z0-9-./]{16}",
            &arn
        ));
        assert_eq!(ids.parse_permission_set_arn(&arn), Some(set));
        assert!(matches("d-[0-9a-f]{10}", &ids.identity_store_id()));
        let principal = ids.principal("user", "ada", 0);
        let text = ids.principal_id(principal);
        assert!(matches(&format!("[0-9a-f]{{10}}-{uuid}"), &text));
        assert_eq!(text.len(), 47);
        assert_eq!(&text[..10], &ids.identity_store_id()[2..]);
        assert_eq!(ids.parse_principal_id(&text), Some(principal));
        assert!(matches("o-[a-z0-9]{10,32}", &ids.organization_id()));
        assert!(matches("r-[0-9a-z]{4,32}", &ids.root_id()));
        assert!(matches("ou-[0-9a-z]{4,32}-[a-z0-9]{8,32}", &ids.unit_id(3)));
        assert!(matches(r"\d{12}", &ids.account_id(9)));
        assert!(matches(uuid, &uuid_text(ids.request(5))));
        for n in [0, 1, 5, 1_000_000, u64::from(u32::MAX)] {
            assert_eq!(ids.parse_request(&uuid_text(ids.request(n))), Some(n));
        }
        assert_eq!(
            ids.parse_request(&uuid_text(ids.principal("user", "ada", 0))),
            None
        );
    }

    #[test]
    fn the_same_seed_gives_the_same_ids_and_another_seed_others() {
        assert_eq!(Ids::new(1, "eu-west-1"), Ids::new(1, "eu-west-1"));
        assert_ne!(
            Ids::new(1, "eu-west-1").instance_arn(),
            Ids::new(2, "eu-west-1").instance_arn()
        );
    }

    #[test]
    fn a_thing_made_again_gets_another_id() {
        let ids = Ids::new(1, "us-east-1");
        assert_ne!(ids.principal("group", "a", 0), ids.principal("group", "a", 1));
        assert_ne!(ids.principal("group", "a", 0), ids.principal("user", "a", 0));
        assert_ne!(
            ids.role_suffix("111122223333", 5, 0),
            ids.role_suffix("111122223333", 5, 1)
        );
        assert_ne!(
            ids.role_suffix("111122223333", 5, 0),
            ids.role_suffix("111122223334", 5, 0)
        );
        assert_ne!(ids.membership(1, 2, 0), ids.membership(2, 1, 0));
    }

    #[test]
    fn arns_of_other_instances_are_not_ours() {
        let (one, two) = (Ids::new(1, "eu-west-1"), Ids::new(2, "eu-west-1"));
        assert_eq!(one.parse_permission_set_arn(&two.permission_set_arn(5)), None);
        assert_eq!(one.parse_permission_set_arn("nonsense"), None);
        assert_eq!(one.parse_principal_id("0123456789-nonsense"), None);
    }
}
