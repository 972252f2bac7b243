//! Who calls: the account, from the access key that a request is signed with.
//!
//! Signatures are not verified: no secret protects a simulated service. The access key id decides:
//! twelve digits are the account they name; a key that `AssumeRole` (or `AssumeRoleWithWebIdentity`) gave out is the account of the role; every other
//! key, and none, is the management account. A session's token says which role it is, so that nothing need be kept.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::world::call::Caller;

/// How keys given out by `AssumeRole` begin, as AWS's temporary keys do.
const TEMPORARY: &str = "ASIA";
/// AWS writes the account of a key in base 32, and so do we.
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// An account's twelve digits are fewer than 2^40.
const ACCOUNT_LETTERS: usize = 8;

/// The scope of a signature: `Credential=<key>/<date>/<region>/<service>/aws4_request`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The access key id.
    pub access_key: String,
    /// The Region whose endpoint is meant.
    pub region: String,
    /// The service's signing name.
    pub service: String,
}

impl Scope {
    /// Reads an `Authorization` header.
    pub fn parse(authorization: &str) -> Option<Self> {
        let (_, rest) = authorization.split_once("Credential=")?;
        let credential = rest.split([',', ' ']).next()?;
        let mut parts = credential.rsplitn(5, '/');
        let (_, service, region, _) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        Some(Scope {
            access_key: parts.next()?.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
        })
    }

    /// The account whose key this is; `None` is the management account.
    pub fn account(&self) -> Option<String> {
        account_of(&self.access_key)
    }
}

/// The account that an access key id belongs to, if it says so.
pub fn account_of(access_key: &str) -> Option<String> {
    let digits = access_key.len() == 12 && access_key.bytes().all(|b| b.is_ascii_digit());
    if digits {
        return Some(access_key.to_owned());
    }
    let letters = access_key.strip_prefix(TEMPORARY)?.get(..ACCOUNT_LETTERS)?;
    let mut number = 0_u64;
    for letter in letters.bytes() {
        let digit = ALPHABET.iter().position(|known| *known == letter)?;
        number = number * 32 + digit as u64;
    }
    (number < 1_000_000_000_000).then(|| format!("{number:012}"))
}

/// A temporary key of an account; `salt` makes its last letters.
pub fn temporary_key(account: &str, salt: u64) -> String {
    let base32 = |mut number: u64, count: usize| {
        let mut letters = Vec::with_capacity(count);
        for _ in 0..count {
            letters.push(
                ALPHABET
                    .get((number % 32) as usize)
                    .copied()
                    .map_or('A', char::from),
            );
            number /= 32;
        }
        letters.iter().rev().collect::<String>()
    };
    let number = account.parse().unwrap_or(0);
    format!(
        "{TEMPORARY}{}{}",
        base32(number, ACCOUNT_LETTERS),
        base32(salt, 8)
    )
}

/// A session of an assumed role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The role's account.
    pub account: String,
    /// The role's name.
    pub role: String,
    /// `RoleSessionName`.
    pub name: String,
}

impl Session {
    /// `arn:aws:sts::<account>:assumed-role/<role>/<session>`.
    pub fn arn(&self) -> String {
        let Session { account, role, name } = self;
        format!("arn:aws:sts::{account}:assumed-role/{role}/{name}")
    }

    /// Its access key id.
    pub fn access_key(&self) -> String {
        let hash = blake3::hash(self.arn().as_bytes());
        let salt = hash
            .as_bytes()
            .first_chunk::<8>()
            .map_or(0, |bytes| u64::from_le_bytes(*bytes));
        temporary_key(&self.account, salt)
    }

    /// Its token.
    pub fn token(&self) -> String {
        STANDARD.encode(format!("{}/{}/{}", self.account, self.role, self.name))
    }

    /// The session that a token belongs to.
    pub fn parse(token: &str) -> Option<Self> {
        let text = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
        let mut parts = text.splitn(3, '/').map(str::to_owned);
        Some(Session {
            account: parts.next()?,
            role: parts.next()?,
            name: parts.next()?,
        })
    }
}

/// The caller that a request comes from.
pub fn caller(scope: Option<&Scope>, token: Option<&str>, denied: &BTreeSet<String>) -> Caller {
    let account = scope.and_then(Scope::account);
    let session = token.and_then(Session::parse);
    let session = session.filter(|session| account.as_ref() == Some(&session.account));
    Caller {
        account,
        region: scope.map(|scope| scope.region.clone()),
        denied: denied.clone(),
        arn: session.map(|session| session.arn()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scope_is_read_from_the_signature() {
        let header = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261124/eu-west-1/sso/aws4_request, \
                      SignedHeaders=host;x-amz-date, Signature=abc";
        let scope = Scope::parse(header).unwrap();
        assert_eq!(
            (
                scope.access_key.as_str(),
                scope.region.as_str(),
                scope.service.as_str()
            ),
            ("AKIDEXAMPLE", "eu-west-1", "sso")
        );
        assert_eq!(scope.account(), None);
        assert_eq!(Scope::parse("Bearer x"), None);
    }

    #[test]
    fn a_session_is_known_by_its_key_and_token() {
        let session = Session {
            account: "111122223333".into(),
            role: "Auditor".into(),
            name: "ada@example.com".into(),
        };
        assert_eq!(account_of(&session.access_key()).as_deref(), Some("111122223333"));
        assert_eq!(Session::parse(&session.token()), Some(session.clone()));
        let scope = Scope {
            access_key: session.access_key(),
            region: "eu-west-1".into(),
            service: "sts".into(),
        };
        let caller = caller(Some(&scope), Some(&session.token()), &BTreeSet::new());
        assert_eq!(
            caller.arn.as_deref(),
            Some("arn:aws:sts::111122223333:assumed-role/Auditor/ada@example.com")
        );
    }

    #[test]
    fn twelve_digits_and_temporary_keys_name_their_account() {
        assert_eq!(account_of("111122223333").as_deref(), Some("111122223333"));
        assert_eq!(account_of("11112222333"), None);
        for account in ["000000000000", "111122223333", "999999999999"] {
            let key = temporary_key(account, 77);
            assert_eq!(key.len(), 20);
            assert_eq!(account_of(&key).as_deref(), Some(account));
        }
        assert_ne!(temporary_key("111122223333", 1), temporary_key("111122223333", 2));
        assert_eq!(account_of("ASIA"), None);
    }
}
