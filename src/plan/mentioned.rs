//! What the people are called whom a plan mentions: in its steps, and in the texts that it carries.
//!
//! Reasons, descriptions, outputs and findings may name anyone. Whoever shows a plan without people's names needs to
//! know all of them, and has nothing but the plan.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::Serialize;
use serde_json::Value;

use crate::id::{PrincipalKey, UserName};
use crate::model::action::Effect;
use crate::model::likeness::likeness;
use crate::model::mention::{stands_in, words};
use crate::model::principal::User;

use super::Plan;
use super::sources::Sources;

/// The names of the users that the plan mentions.
pub(super) fn user_names(plan: &Plan, sources: &Sources<'_>) -> BTreeMap<UserName, Arc<str>> {
    let shown = |user: &UserName| -> Option<(UserName, Arc<str>)> {
        let found = sources.desired.users.get(user).filter(|found| found.is_managed());
        let found = found.or_else(|| sources.observed.users.get(user))?;
        let name = found.value.shown();
        (name != user.as_str()).then(|| (user.clone(), name.into()))
    };
    let mut names = in_texts(&texts(plan), sources);
    names.extend(in_steps(plan).into_iter().filter_map(shown));
    // Findings say who froze somebody, who need not be in the directory.
    let actors = sources.input.recorded.frozen.iter().map(|frozen| &frozen.actor);
    let actors = actors.filter_map(|actor| Some((UserName::new(&**actor).ok()?, Arc::clone(actor))));
    names.extend(actors);
    names
}

/// Those of the users that the plan mentions whose name does not say alone who they are: somebody else has it, or one
/// that looks like it, as display name or user name; or it looks like several names, or like one with an address.
pub(super) fn namesakes(plan: &Plan, sources: &Sources<'_>) -> BTreeSet<UserName> {
    let mut called: BTreeSet<(&UserName, &str)> = plan
        .user_names
        .iter()
        .map(|(user, name)| (user, &**name))
        .collect();
    let mut renamed: BTreeMap<&UserName, &UserName> = BTreeMap::new();
    for action in &plan.actions {
        match &action.effect {
            Some(Effect::CreateUser { user }) => drop(called.insert((&user.user_name, user.shown()))),
            Some(Effect::UpdateUser { from, to }) => {
                called.insert((&to.user_name, to.shown()));
                renamed.insert(&from.user_name, &to.user_name);
            }
            _ => {}
        }
    }
    called.retain(|(user, name)| user.as_str() != *name);
    let looks_like_more = |name: &str| name.contains(['(', ')', '@', ',', ';']);
    let of_themselves = called.iter().filter(|(_, name)| looks_like_more(name));
    let mut found: BTreeSet<UserName> = of_themselves.map(|(user, _)| (*user).clone()).collect();
    let mut mentioned: FxHashMap<Cow<'_, str>, Bearers<'_>> = FxHashMap::default();
    for (_, name) in &called {
        mentioned.entry(likeness(name)).or_default();
    }
    if mentioned.is_empty() {
        return found;
    }
    let snapshots = [&*sources.recorded, sources.observed, &*sources.desired];
    let everyone: Vec<_> = snapshots
        .into_iter()
        .flat_map(|snapshot| &snapshot.users)
        .collect();
    let names: Vec<(Cow<'_, str>, &UserName)> = everyone
        .into_par_iter()
        .flat_map_iter(|(key, user)| {
            let own = renamed.get(key).copied().unwrap_or(key);
            let shown = user.value.shown();
            let names = [Some(shown), (shown != key.as_str()).then_some(key.as_str())];
            let alike = names.into_iter().flatten().map(likeness);
            alike.map(move |alike| (alike, own))
        })
        .filter(|(alike, _)| mentioned.contains_key(alike))
        .collect();
    for (alike, own) in &names {
        if let Some(bearers) = mentioned.get_mut(alike) {
            bearers.add(own);
        }
    }
    let shared = |user: &UserName, name: &str| {
        let bearers = mentioned.get(&likeness(name));
        bearers.is_some_and(|bearers| bearers.others_than(user))
    };
    let shared = called.iter().filter(|(user, name)| shared(user, name));
    found.extend(shared.map(|(user, _)| (*user).clone()));
    found
}

/// Who has a name. Thousands may: more than two make no difference.
#[derive(Default)]
struct Bearers<'a> {
    first: Option<&'a UserName>,
    second: Option<&'a UserName>,
}

impl<'a> Bearers<'a> {
    fn add(&mut self, user: &'a UserName) {
        match (self.first, self.second) {
            (None, _) => self.first = Some(user),
            (Some(first), None) if first != user => self.second = Some(user),
            _ => {}
        }
    }

    fn others_than(&self, user: &UserName) -> bool {
        let both = [self.first, self.second];
        both.into_iter().flatten().any(|bearer| bearer != user)
    }
}

fn in_steps(plan: &Plan) -> FxHashSet<&UserName> {
    // Most people are in many rows.
    let mut mentioned: FxHashSet<&UserName> = plan.people.rows.iter().flat_map(|row| &row.people).collect();
    let grants = plan.grants.iter().map(|step| step.tuple.principal());
    let principals: BTreeSet<u32> = grants
        .chain(plan.revokes.iter().map(|step| step.tuple.principal()))
        .collect();
    for principal in principals {
        if let Some(PrincipalKey::User(user)) = plan.names.principal(principal) {
            mentioned.insert(user);
        }
    }
    for action in &plan.actions {
        if let Some(
            Effect::AddMember { user, .. } | Effect::RemoveMember { user, .. } | Effect::DeleteUser { user },
        ) = &action.effect
        {
            mentioned.insert(user);
        }
    }
    let altered = plan.risks.altered.iter().flat_map(|set| &set.through);
    let having = plan.risks.becoming.iter().chain(altered);
    mentioned.extend(having.flat_map(|row| &row.people));
    let judged = plan.guardrails.iter().flat_map(|breach| &breach.subjects);
    mentioned.extend(judged.filter_map(|subject| subject.person.as_ref()));
    mentioned
}

/// The users whose user name or display name stands in one of the texts.
fn in_texts(texts: &BTreeSet<String>, sources: &Sources<'_>) -> BTreeMap<UserName, Arc<str>> {
    // Few words stand in texts, and there are many people: each of these is looked up by the first word.
    let mut by_word: FxHashMap<&str, Vec<&str>> = FxHashMap::default();
    for text in texts {
        let first: BTreeSet<&str> = words(text).map(|(_, word)| word).collect();
        for word in first {
            by_word.entry(word).or_default().push(text);
        }
    }
    if by_word.is_empty() {
        return BTreeMap::new();
    }
    let named = |name: &str| {
        let texts = words(name).next().and_then(|(_, first)| by_word.get(first));
        texts.is_some_and(|texts| texts.iter().any(|text| stands_in(text, name)))
    };
    let mentions = |user: &User| named(user.user_name.as_str()) || named(user.shown());
    let users = [&*sources.state, sources.observed, &*sources.desired];
    let users: Vec<_> = users.into_iter().flat_map(|snapshot| &snapshot.users).collect();
    // The last of several names of one person counts, on however many threads.
    users
        .into_par_iter()
        .filter(|(_, user)| mentions(&user.value))
        .map(|(name, user)| (name.clone(), user.value.shown().into()))
        .collect()
}

/// The plan's texts that anyone may have written, each once.
fn texts(plan: &Plan) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    collect(&plan.findings, &mut out);
    collect(&plan.lint, &mut out);
    collect(&plan.guardrails, &mut out);
    collect(&plan.rules, &mut out);
    collect(&plan.output_changes, &mut out);
    if !plan.is_empty() {
        collect(&plan.outputs, &mut out);
        let reasons = plan
            .declarations
            .iter()
            .filter_map(|block| block.reason.as_deref());
        out.extend(reasons.map(str::to_owned));
    }
    for action in &plan.actions {
        match &action.effect {
            // These name people where it is known that they do.
            Some(
                Effect::CreateUser { .. }
                | Effect::UpdateUser { .. }
                | Effect::DeleteUser { .. }
                | Effect::AddMember { .. }
                | Effect::RemoveMember { .. },
            )
            | None => {}
            Some(effect) => collect(effect, &mut out),
        }
    }
    out
}

fn collect(value: &impl Serialize, out: &mut BTreeSet<String>) {
    if let Ok(value) = serde_json::to_value(value) {
        strings(value, out);
    }
}

fn strings(value: Value, out: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => drop(out.insert(text)),
        Value::Array(items) => items.into_iter().for_each(|item| strings(item, out)),
        Value::Object(fields) => {
            for (key, value) in fields {
                out.insert(key);
                strings(value, out);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use crate::id::UserName;

    use super::super::testing::{Stack, World, group};
    use crate::id::GroupName;

    /// Those of a plan by which `grace` joins a group, while somebody else is called `other`.
    fn alike(grace: &str, other: &str, declared: bool) -> Vec<String> {
        let called = |stack: Stack, user: &str, shown: &str| {
            let user = UserName::new(user).unwrap();
            stack.with(|desired| {
                desired.snapshot.users.get_mut(&user).unwrap().value.display_name = shown.into();
            })
        };
        let stack = |members: &[&str]| {
            let stack = called(Stack::new().user("grace", "grace"), "grace", grace);
            stack
                .accounts(&[1])
                .set("view", "view")
                .group("ops", "Ops", members)
                .assign("a", &[group("Ops")], &["view"], &[1])
        };
        let both = |members| called(stack(members).user("other", "other"), "other", other);
        let world = World::new().apply(both(&[]));
        let plan = match declared {
            true => world.plan(both(&["grace"])),
            false => {
                let mut world = world;
                world
                    .recorded
                    .applied
                    .users
                    .remove(&UserName::new("other").unwrap());
                world.plan(stack(&["grace"]))
            }
        };
        assert!(plan.user_names.contains_key(&UserName::new("grace").unwrap()));
        plan.namesakes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_name_that_somebody_else_has_is_told_wherever_the_other_is_known_from() {
        for declared in [true, false] {
            for other in [
                "Grace Hopper",
                "grace hopper",
                " Grace  Hopper",
                "Gr\u{430}ce Hopper",
            ] {
                assert_eq!(
                    alike("Grace Hopper", other, declared),
                    ["grace"],
                    "{other} {declared}"
                );
            }
            assert!(alike("Grace Hopper", "Ada Lovelace", declared).is_empty());
        }
        assert_eq!(
            alike("other", "Ada Lovelace", true),
            ["grace"],
            "somebody's user name"
        );
        assert_eq!(
            alike("Ada (ada@x.org)", "Bob", true),
            ["grace"],
            "like a name with an address"
        );
    }

    #[test]
    fn whoever_a_text_names_is_known_and_nobody_else() {
        let named = |text: &str| -> Vec<String> {
            let stack = Stack::new()
                .accounts(&[1])
                .set("admin", "admin")
                .group("ops", "Ops", &[])
                .assign("a", &[group("Ops")], &["admin"], &[1])
                .with(|desired| {
                    let ops = GroupName::new("Ops").unwrap();
                    let ops = desired.snapshot.groups.get_mut(&ops).unwrap();
                    ops.value.description = Some(text.into());
                });
            let plan = World::new().has_user("eve").has_user("bob").plan(stack);
            plan.user_names.keys().map(ToString::to_string).collect()
        };
        assert_eq!(named("asked for by eve, in May"), ["eve"]);
        assert_eq!(named("nothing for bobby"), Vec::<String>::new());
    }
}
