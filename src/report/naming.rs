//! People by the names that people use, inside texts that know them by user name.
//!
//! Findings are made where user names are what tells people apart. Whoever reads them knows display names, as all other
//! parts of a plan have them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use crate::model::mention::{stands_at, words};
use crate::plan::Plan;

/// Display names by user name, found by the first word of the user name.
#[derive(Debug, Clone, Default)]
pub struct Naming {
    by_word: FxHashMap<String, BTreeMap<(usize, String), String>>,
}

impl Naming {
    /// For the texts of a plan. User names that are like addresses can mean nobody else; others might be the name of
    /// anything, and stay.
    pub fn of_plan(plan: &Plan) -> Self {
        let mut naming = Naming::default();
        if plan.findings.is_empty() {
            return naming;
        }
        for (user, shown) in &plan.user_names {
            let user = user.as_str();
            if !user.contains('@') || **shown == *user {
                continue;
            }
            if let Some((at, first)) = words(user).next() {
                let of_word = naming.by_word.entry(first.to_owned()).or_default();
                of_word.insert((at, user.to_owned()), shown.to_string());
            }
        }
        naming
    }

    /// The text with `ada@example.com` as `Ada Lovelace (ada@example.com)`.
    pub fn apply<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.by_word.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut out = String::new();
        let mut copied = 0;
        for (at, word) in words(text) {
            let known = self.by_word.get(word).into_iter().flatten();
            let found = known
                .filter_map(|((before, user), shown)| Some((at.checked_sub(*before)?, user, shown)))
                .filter(|(start, user, _)| *start >= copied && stands_at(text, *start, user))
                .filter(|(start, user, _)| !goes_on(text, start + user.len()))
                .max_by_key(|(_, user, _)| user.len());
            let Some((start, user, shown)) = found else {
                continue;
            };
            let before = text.get(..start).unwrap_or_default();
            out.push_str(text.get(copied..start).unwrap_or_default());
            // Where the name stands already, the user name is in brackets behind it; in code it is what to type.
            if before.ends_with(['(', '`', '"']) {
                out.push_str(user);
            } else {
                out.push_str(&format!("{shown} ({user})"));
            }
            copied = start + user.len();
        }
        if copied == 0 {
            return Cow::Borrowed(text);
        }
        out.push_str(text.get(copied..).unwrap_or_default());
        Cow::Owned(out)
    }
}

/// Whether an address goes on there: `.uk` behind `ada@example.org`, but no full stop.
fn goes_on(text: &str, end: usize) -> bool {
    let mut rest = text.get(end..).unwrap_or_default().chars();
    rest.next().is_some_and(|c| ".-_+".contains(c)) && rest.next().is_some_and(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::UserName;
    use crate::plan::finding::{Finding, Level};
    use crate::report::plan_view::tests::small;

    #[test]
    fn user_names_in_findings_come_with_the_name_of_the_person() {
        let mut plan = small();
        plan.findings = vec![Finding::new(Level::Note, "n", "n")];
        for (user, shown) in [("ada@x.org", "Ada Lovelace"), ("ops", "Ops Person")] {
            plan.user_names.insert(UserName::new(user).unwrap(), shown.into());
        }
        let naming = Naming::of_plan(&plan);
        for (text, expected) in [
            (
                "ada@x.org would have admin by ops",
                "Ada Lovelace (ada@x.org) would have admin by ops",
            ),
            ("Ada Lovelace (ada@x.org) is it", "Ada Lovelace (ada@x.org) is it"),
            ("ada@x.org.uk, `ada@x.org`", "ada@x.org.uk, `ada@x.org`"),
            ("nobody", "nobody"),
        ] {
            assert_eq!(naming.apply(text), expected);
        }
    }
}
