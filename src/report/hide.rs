//! People without their names: wherever a name may stand inside a text, it is found and taken out.
//!
//! A plan knows the names of everyone its texts mention ([`crate::plan::Plan::user_names`]), drift those of everyone
//! who was read or is in a finding. Labels of `user` blocks are taken out whatever they are: they are chosen after
//! people.

use std::borrow::Cow;
use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use crate::id::{EntityKey, PrincipalKey};
use crate::model::action::Effect;
use crate::model::mention::{stands_at, words};
use crate::model::principal::User;
use crate::plan::Plan;

use super::drift_view::DriftView;
use super::escape::escape;

/// What stands in a name's place.
pub const SOMEONE: &str = "(someone)";

/// How people appear.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum People {
    /// By name.
    #[default]
    Names,
    /// As numbers: no person's name or user name.
    Counts,
}

/// How texts from outside are written: with people's names, or with them taken out.
#[derive(Debug, Clone, Default)]
pub struct Hide {
    /// Names by their first word, with where in the name it begins; `None` where names are shown.
    names: Option<FxHashMap<String, BTreeSet<(usize, String)>>>,
}

impl Hide {
    /// Names and user names of people, to be taken out if that is asked for.
    pub fn new<'n>(people: People, names: impl IntoIterator<Item = &'n str>) -> Self {
        if people == People::Names {
            return Hide::default();
        }
        let mut known: FxHashMap<String, BTreeSet<(usize, String)>> = FxHashMap::default();
        let mut add = |name: &str| {
            if let Some((at, first)) = words(name).next() {
                let of_word = known.entry(first.to_owned()).or_default();
                of_word.insert((at, name.to_owned()));
            }
        };
        for name in names {
            add(name);
            // As a text for a terminal has it.
            if let Cow::Owned(escaped) = escape(name) {
                add(&escaped);
            }
        }
        Hide { names: Some(known) }
    }

    /// For a plan's texts.
    pub fn of_plan(people: People, plan: &Plan) -> Self {
        Self::new(people, in_plan(plan))
    }

    /// For the texts of drift.
    pub fn of_drift(people: People, view: &DriftView<'_>) -> Self {
        let users = view.observed.snapshot.users.values();
        let names = users.flat_map(|user| names_of(&user.value));
        let actors = view.drift.frozen.iter().map(|frozen| &*frozen.actor);
        let frozen = view
            .drift
            .frozen
            .iter()
            .filter_map(|frozen| match &frozen.principal {
                PrincipalKey::User(name) => Some(name.as_str()),
                _ => None,
            });
        Self::new(people, names.chain(view.user_names()).chain(actors).chain(frozen))
    }

    /// Whether people are numbers.
    pub fn counts_only(&self) -> bool {
        self.names.is_some()
    }

    /// The text with every name taken out, if they are.
    pub fn apply<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let Some(names) = &self.names else {
            return Cow::Borrowed(text);
        };
        let mut out = String::new();
        let mut copied = 0;
        for (at, word) in words(text) {
            let known = names.get(word).into_iter().flatten();
            let found = known
                .filter_map(|(before, name)| Some((at.checked_sub(*before)?, name.len(), name)))
                .filter(|(start, _, name)| *start >= copied && stands_at(text, *start, name))
                .map(|(start, length, _)| (start, length))
                .max_by_key(|(_, length)| *length);
            let found = found.or_else(|| label_of_user(text, at, word).filter(|(start, _)| *start >= copied));
            if let Some((start, length)) = found {
                out.push_str(text.get(copied..start).unwrap_or_default());
                out.push_str(SOMEONE);
                copied = start + length;
            }
        }
        if copied == 0 {
            return Cow::Borrowed(text);
        }
        out.push_str(text.get(copied..).unwrap_or_default());
        // A name with the user name is one person.
        Cow::Owned(out.replace(&format!("{SOMEONE} ({SOMEONE})"), SOMEONE))
    }

    /// As [`Hide::apply`], for text with colour codes, which end words.
    pub fn apply_styled(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        for (index, part) in text.split('\u{1b}').enumerate() {
            let code = match (index, part.find('m')) {
                (0, _) | (_, None) => 0,
                (_, Some(end)) => end + 1,
            };
            let (code, plain) = part.split_at_checked(code).unwrap_or(("", part));
            if index > 0 {
                out.push('\u{1b}');
            }
            out.push_str(code);
            out.push_str(&self.apply(plain));
        }
        out
    }
}

/// In `user.ada` and `user.all["ada@example.com"]`, where what stands behind the dot begins, and its length. `at` is
/// where the word stands.
fn label_of_user(text: &str, at: usize, word: &str) -> Option<(usize, usize)> {
    let is_label = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let start = at + word.len() + 1;
    let label = text.get(at..start)?.strip_prefix("user.").map(|_| start)?;
    let rest = text.get(label..)?;
    let end = rest.find(|c| !is_label(c)).unwrap_or(rest.len());
    let key = rest.get(end..)?;
    let key = key.strip_prefix("[\"").and_then(|key| key.find("\"]"));
    let key = key.map_or(0, |inside| inside + "[\"\"]".len());
    (end > 0).then_some((start, end + key))
}

/// Everything that a user is called.
pub(super) fn names_of(user: &User) -> impl Iterator<Item = &str> {
    let names: [&str; 4] = [
        user.user_name.as_str(),
        user.shown(),
        &user.given_name,
        &user.family_name,
    ];
    names.into_iter().chain(user.email.as_deref())
}

/// Every name of a person that the plan carries.
fn in_plan(plan: &Plan) -> impl Iterator<Item = &str> {
    let named = plan
        .user_names
        .iter()
        .flat_map(|(name, shown)| [name.as_str(), &**shown]);
    let principals = plan.names.principals.iter().filter_map(|key| match key {
        PrincipalKey::User(name) => Some(name.as_str()),
        _ => None,
    });
    let written = plan.actions.iter().flat_map(|action| {
        let users = match &action.effect {
            Some(Effect::CreateUser { user }) => [Some(user), None],
            Some(Effect::UpdateUser { from, to }) => [Some(from), Some(to)],
            _ => [None, None],
        };
        users.into_iter().flatten().flat_map(names_of)
    });
    let entities = plan.actions.iter().filter_map(|action| match &action.entity {
        EntityKey::User(name) => Some(name.as_str()),
        _ => None,
    });
    let members = plan.actions.iter().filter_map(|action| match &action.effect {
        Some(Effect::AddMember { user, .. } | Effect::RemoveMember { user, .. }) => Some(user.as_str()),
        _ => None,
    });
    let listed = plan.people.rows.iter().flat_map(|row| &row.people);
    let listed = listed.chain(plan.risks.becoming.iter().flat_map(|row| &row.people));
    let through = plan.risks.altered.iter().flat_map(|set| &set.through);
    let listed = listed.chain(through.flat_map(|row| &row.people));
    let judged = plan.guardrails.iter().flat_map(|breach| &breach.subjects);
    let judged = judged.filter_map(|subject| subject.person.as_ref());
    named
        .chain(principals)
        .chain(written)
        .chain(entities)
        .chain(members)
        .chain(listed.chain(judged).map(|name| name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_names_go_and_nothing_else() {
        let names = ["Ada Lovelace", "ada@example.com", "Ada", "bob", "+eve"];
        let hide = Hide::new(People::Counts, names);
        assert_eq!(
            hide.apply("user ada@example.com (Ada Lovelace) and Ada, not bobby"),
            "user (someone) and (someone), not bobby"
        );
        assert_eq!(hide.apply("'bob' +eve é"), "'(someone)' (someone) é");
        assert_eq!(Hide::new(People::Names, names).apply("Ada"), "Ada");
    }

    #[test]
    fn labels_and_keys_of_user_blocks_go() {
        let hide = Hide::new(People::Counts, []);
        for (text, expected) in [
            ("member user.ada_lovelace, in", "member user.(someone), in"),
            ("user.all[\"ada@x.y\"] and", "user.(someone) and"),
            ("module.x.user.ada", "module.x.user.(someone)"),
            (
                "a superuser.x of the user. Then",
                "a superuser.x of the user. Then",
            ),
        ] {
            assert_eq!(hide.apply(text), expected);
        }
    }

    #[test]
    fn names_are_found_behind_colour_codes_and_escaped() {
        let hide = Hide::new(People::Counts, ["Ada", "Bob\u{202e}x"]);
        assert_eq!(
            hide.apply_styled("\u{1b}[1mAda\u{1b}[0m Bob\\u{202e}x"),
            "\u{1b}[1m(someone)\u{1b}[0m (someone)"
        );
    }
}
