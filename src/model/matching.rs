//! A [`Matcher`] with its globs built.

use std::sync::Arc;

use globset::{Glob, GlobSet, GlobSetBuilder};

use super::stack::Matcher;
use crate::id::{AccountKey, PermissionSetName, PrincipalKey};

/// A matcher that is ready to be asked. A field without patterns matches everything.
#[derive(Debug, Clone)]
pub struct Matching {
    permission_sets: Option<GlobSet>,
    principals: Option<GlobSet>,
    accounts: Option<GlobSet>,
}

impl Matching {
    /// Builds the globs. A pattern that is none matches nothing, and what is wrong with it goes to `broken`.
    pub fn new(matcher: &Matcher, broken: &mut Vec<String>) -> Self {
        Matching {
            permission_sets: globs(&matcher.permission_sets, broken),
            principals: globs(&matcher.principals, broken),
            accounts: globs(&matcher.accounts, broken),
        }
    }

    /// Whether the permission set's name matches.
    pub fn permission_set(&self, name: &PermissionSetName) -> bool {
        let matches = |globs: &GlobSet| globs.is_match(name.as_str());
        self.permission_sets.as_ref().is_none_or(matches)
    }

    /// Whether the group's display name or the user's name matches.
    pub fn principal(&self, key: &PrincipalKey) -> bool {
        let matches = |globs: &GlobSet| globs.is_match(key.name());
        self.principals.as_ref().is_none_or(matches)
    }

    /// Whether the account's key or one of its names matches.
    pub fn account<'n>(&self, key: &AccountKey, names: impl IntoIterator<Item = &'n str>) -> bool {
        self.accounts.as_ref().is_none_or(|globs| {
            globs.is_match(key.to_string()) || names.into_iter().any(|name| globs.is_match(name))
        })
    }

    /// Whether it is about permission sets alone, so that it says something about a set as such.
    pub fn only_permission_sets(&self) -> bool {
        self.permission_sets.is_some() && self.principals.is_none() && self.accounts.is_none()
    }

    /// Which fields it restricts: permission sets, principals, accounts.
    pub fn restricts(&self) -> (bool, bool, bool) {
        (
            self.permission_sets.is_some(),
            self.principals.is_some(),
            self.accounts.is_some(),
        )
    }
}

fn globs(patterns: &[Arc<str>], broken: &mut Vec<String>) -> Option<GlobSet> {
    if patterns.is_empty() {
        return None;
    }
    let mut builder = GlobSetBuilder::new();
    for pattern in patterns {
        match Glob::new(pattern) {
            Ok(glob) => drop(builder.add(glob)),
            Err(error) => broken.push(error.to_string()),
        }
    }
    let built = builder.build();
    Some(built.unwrap_or_else(|error| {
        broken.push(error.to_string());
        GlobSet::empty()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::GroupName;

    fn matching(permission_sets: &[&str], accounts: &[&str]) -> (Matching, Vec<String>) {
        let list = |names: &[&str]| names.iter().map(|name| Arc::from(*name)).collect();
        let matcher = Matcher {
            permission_sets: list(permission_sets),
            accounts: list(accounts),
            ..Matcher::default()
        };
        let mut broken = Vec::new();
        (Matching::new(&matcher, &mut broken), broken)
    }

    #[test]
    fn a_field_without_patterns_matches_everything() {
        let (rule, broken) = matching(&["AWSControlTower*"], &[]);
        assert!(broken.is_empty());
        assert!(rule.only_permission_sets());
        assert!(rule.permission_set(&PermissionSetName::new("AWSControlTowerAdmin").unwrap()));
        assert!(!rule.permission_set(&PermissionSetName::new("view").unwrap()));
        let anyone = PrincipalKey::Group(GroupName::new("Anyone").unwrap());
        assert!(rule.principal(&anyone));
    }

    #[test]
    fn an_account_matches_by_key_or_by_name() {
        let (rule, _) = matching(&[], &["sandbox-?", "1111*"]);
        let account = |id: &str| AccountKey::Id(id.parse().unwrap());
        assert!(rule.account(&account("111122223333"), None));
        assert!(rule.account(&account("222233334444"), ["sandbox-1"]));
        assert!(!rule.account(&account("222233334444"), ["sandbox-10"]));
        assert!(!rule.only_permission_sets());
    }

    #[test]
    fn a_broken_pattern_is_told_and_matches_nothing() {
        let (rule, broken) = matching(&["a["], &[]);
        assert_eq!(broken.len(), 1);
        assert!(!rule.permission_set(&PermissionSetName::new("a").unwrap()));
    }
}
