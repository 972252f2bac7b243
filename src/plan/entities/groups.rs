//! Groups and who is in them.

use std::collections::BTreeSet;

use crate::id::{EntityKey, GroupName, PrincipalKey, UserName};
use crate::model::action::Effect;
use crate::model::principal::Group;
use crate::model::reach::{Reach, Reached};
use crate::model::snapshot::{Entity, Management};
use crate::plan::change::{Action, ActionKind, Reason};
use crate::plan::finding::{Finding, Level, counted};

use super::{Differ, Facts, update_reason};

impl Differ<'_, '_> {
    pub(super) fn groups(&mut self) {
        let sources = self.sources;
        for (name, entity) in &sources.desired.groups {
            let key = EntityKey::Group(name.clone());
            if !self.held.holds_entity(&key) {
                self.group(name, entity, key);
            }
        }
        for (name, entity) in &sources.recorded.groups {
            let key = EntityKey::Group(name.clone());
            let declared =
                sources.desired.groups.contains_key(name) || self.renames.groups.contains_key(name);
            if !declared && !self.held.holds_entity(&key) {
                let synced = |group: &Entity<Group>| group.value.external_id.is_some();
                let there = sources.observed.groups.get(name);
                self.drop_principal(key, entity, there.is_some(), there.is_some_and(synced), || {
                    Effect::DeleteGroup { group: name.clone() }
                });
            }
        }
        self.report_undeclared();
    }

    fn group(&mut self, name: &GroupName, entity: &Entity<Group>, key: EntityKey) {
        let sources = self.sources;
        let old = self
            .renames
            .groups
            .iter()
            .find(|(_, new)| *new == name)
            .map(|(old, _)| old);
        let seen_as = old.unwrap_or(name);
        let recorded = sources.recorded.groups.get(seen_as);
        let recorded_id = recorded.and_then(|group| group.value.id.clone());
        let mut facts = Facts::new(key, entity).recorded(recorded, recorded_id);
        let Some(observed) = sources.observed.groups.get(seen_as).map(|group| &group.value) else {
            if entity.management == Management::Created {
                let group = without_members(&entity.value);
                let lost = self.renames.lost_groups.contains_key(name);
                self.create(&facts, lost, Effect::CreateGroup { group });
                self.members(&facts, name, &entity.value, recorded, &BTreeSet::new());
            }
            return;
        };
        facts.observed_id = observed.id.clone();
        if facts.is_managed()
            && let Some(external_id) = &observed.external_id
        {
            self.refuse_synced(&facts, external_id);
            return;
        }
        let as_declared = recorded.is_some_and(|group| group.value.description == entity.value.description);
        let differs = observed.display_name != *name || observed.description != entity.value.description;
        let differs = facts.is_managed() && differs;
        facts.record_differs = facts.is_managed()
            && (!differs && !as_declared || self.has_unrecorded_members(&entity.value, recorded, observed));
        if old.is_none() {
            self.record_steps(&facts);
        }
        if differs {
            let effect = Effect::UpdateGroup {
                from: without_members(observed),
                to: Group {
                    id: observed.id.clone(),
                    ..without_members(&entity.value)
                },
            };
            // Under the declared name in the state, and under another in the service.
            let outside = old.is_some() && sources.state.groups.contains_key(name);
            let renamed = old.is_some() && !outside;
            let action = facts.action(
                ActionKind::Update,
                update_reason(as_declared && !renamed),
                Some(effect),
            );
            self.actions.push(action);
        }
        match &observed.members {
            _ if !facts.is_managed() => {}
            Some(members) if !self.held.holds_members(name) => {
                let members: BTreeSet<UserName> = members
                    .iter()
                    .map(|user| self.renames.user_now(user).clone())
                    .collect();
                self.members(&facts, name, &entity.value, recorded, &members);
            }
            _ => self.members_unreadable(&facts, name),
        }
    }

    /// Declared members that are in the group already, though the state does not say so.
    fn has_unrecorded_members(
        &self,
        desired: &Group,
        recorded: Option<&Entity<Group>>,
        observed: &Group,
    ) -> bool {
        let (Some(desired), Some(observed)) = (&desired.members, &observed.members) else {
            return false;
        };
        let recorded = recorded.and_then(|group| group.value.members.as_ref());
        observed.iter().any(|user| {
            desired.contains(self.renames.user_now(user))
                && recorded.is_some_and(|recorded| {
                    !recorded.contains(user) && !recorded.contains(self.renames.user_now(user))
                })
        })
    }

    /// Memberships to make and to end. Only those end that this stack recorded as its own: of this group and this
    /// user, not of others who have the names now.
    fn members(
        &mut self,
        facts: &Facts<'_>,
        group: &GroupName,
        desired: &Group,
        recorded: Option<&Entity<Group>>,
        observed: &BTreeSet<UserName>,
    ) {
        let Some(wanted) = &desired.members else { return };
        let recorded: BTreeSet<UserName> = recorded
            .and_then(|group| group.value.members.as_ref())
            .into_iter()
            .flatten()
            .map(|user| self.renames.user_now(user).clone())
            .collect();
        for user in wanted.difference(observed) {
            let effect = Effect::AddMember {
                group: group.clone(),
                user: user.clone(),
            };
            let lost = self.renames.lost_users.get(user);
            let recorded = recorded.contains(user) || lost.is_some_and(|user| recorded.contains(user));
            let restore = recorded && facts.observed_id.is_some() && !self.is_in_doubt(&effect);
            let reason = if restore {
                Reason::MissingOutside
            } else {
                Reason::Declared
            };
            self.actions.push(Action {
                restore,
                ..facts.action(ActionKind::Update, reason, Some(effect))
            });
        }
        let identity = &self.sources.identity;
        let is_other = identity.other_id(&facts.key).is_some();
        let ours = |user: &UserName| {
            recorded.contains(user) && !is_other && !identity.is_replaced(&EntityKey::User(user.clone()))
        };
        for user in observed.difference(wanted).filter(|user| ours(user)) {
            let effect = Effect::RemoveMember {
                group: group.clone(),
                user: user.clone(),
            };
            let action = facts.action(ActionKind::Update, Reason::NoLongerSelected, Some(effect));
            self.actions.push(action);
        }
        let others: BTreeSet<UserName> = observed
            .difference(wanted)
            .filter(|user| !ours(user))
            .cloned()
            .collect();
        if !others.is_empty() {
            let location = facts.location.cloned();
            self.undeclared.insert(group.clone(), (others, location));
        }
    }

    /// Says who is in a group without being declared, and what they have by it alone.
    fn report_undeclared(&mut self) {
        let observed = self.sources.observed;
        let undeclared = std::mem::take(&mut self.undeclared);
        if undeclared.is_empty() {
            return;
        }
        let reach = Reach::new(observed);
        for (group, (users, location)) in undeclared {
            let principal = PrincipalKey::Group(group.clone());
            let found = reach.only_through(&principal, &users, &reach.grants(&principal));
            let message = format!(
                "{} of group {group} {} not declared, and rolecall takes nobody out whom it did not put in{}",
                counted(users.len(), "member"),
                if users.len() == 1 { "is" } else { "are" },
                by_it(&found)
            );
            let shown = |user: &UserName| match observed.users.get(user) {
                Some(found) if found.value.shown() != user.as_str() => {
                    format!("{} ({user})", found.value.shown())
                }
                _ => user.to_string(),
            };
            let remedy = format!(
                "declare them in `members`, or take them out by hand (IAM Identity Center console, Groups, {group}, Users)"
            );
            self.findings.push(Finding {
                subjects: users.iter().map(|user| shown(user).into()).collect(),
                remedy: Some(remedy.into()),
                location,
                ..Finding::new(Level::Warning, "undeclared-members", message)
            });
        }
    }

    fn members_unreadable(&mut self, facts: &Facts<'_>, group: &GroupName) {
        if self.held.holds_members(group) {
            return;
        }
        self.findings.push(Finding {
            location: facts.location.cloned(),
            ..Finding::new(
                Level::Held,
                "held-members",
                format!("the members of group {group} could not be read, and are left as they are"),
            )
        });
    }
}

/// What people have through one group alone, as the rest of a sentence.
fn by_it(found: &[Reached]) -> String {
    const MOST: usize = 3;
    let mut parts: Vec<String> = found
        .iter()
        .take(MOST)
        .map(|row| {
            let set = &row.permission_set;
            let place = counted(row.accounts.len(), "account");
            match row.people.len() {
                1 => format!("{set} in {place}"),
                people => format!("{set} in {place} for {people} people"),
            }
        })
        .collect();
    if found.len() > MOST {
        parts.push(format!("{} more", found.len() - MOST));
    }
    match parts.is_empty() {
        true => String::new(),
        false => format!("; by that alone they have {}", parts.join(", ")),
    }
}

fn without_members(group: &Group) -> Group {
    Group {
        members: None,
        ..group.clone()
    }
}
