//! Changes to entities: what is declared, against what was applied and what is there.

mod accounts;
mod groups;
mod permission_sets;
mod units;
mod users;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::address::Addresses;
use crate::id::{EntityKey, GroupName, PrincipalKey, ServiceId, UserName};
use crate::model::action::Effect;
use crate::model::snapshot::{Entity, Management};
use crate::source::Location;

use super::change::{Action, ActionKind, Reason};
use super::finding::{Finding, Level, counted};
use super::held::HeldSets;
use super::input::Mode;
use super::renames::Renames;
use super::sources::Sources;

/// Collects actions and findings, in no particular order.
pub(super) struct Differ<'a, 'i> {
    pub sources: &'a Sources<'i>,
    pub renames: &'a Renames,
    pub held: &'a HeldSets,
    pub actions: Vec<Action>,
    pub findings: Vec<Finding>,
    /// Members that nobody declared, by group, with where the group is written.
    pub undeclared: BTreeMap<GroupName, (BTreeSet<UserName>, Option<Location>)>,
    /// Accounts that the unfinished run made or changed in part.
    pub half_made: BTreeSet<Arc<str>>,
}

/// Everything that has to change, apart from grants.
pub(super) fn entity_actions(
    sources: &Sources<'_>,
    renames: &Renames,
    held: &HeldSets,
    findings: &mut Vec<Finding>,
) -> Vec<Action> {
    let mut differ = Differ {
        sources,
        renames,
        held,
        actions: Vec::new(),
        findings: Vec::new(),
        undeclared: BTreeMap::new(),
        half_made: BTreeSet::new(),
    };
    differ.follow();
    differ.units();
    differ.accounts();
    differ.users();
    differ.groups();
    differ.permission_sets();
    findings.append(&mut differ.findings);
    differ.actions
}

/// An entity's place in two of the sources, as far as it does not depend on the kind.
struct Facts<'e> {
    key: EntityKey,
    addresses: &'e Addresses,
    management: Management,
    location: Option<&'e Location>,
    /// How the state has it.
    recorded: Option<(&'e Addresses, Management, Option<ServiceId>)>,
    /// By which id the service knows it.
    observed_id: Option<ServiceId>,
    /// Managed, and the state has it otherwise than declared, while the service has it as declared.
    record_differs: bool,
}

impl<'e> Facts<'e> {
    fn new<T>(key: EntityKey, entity: &'e Entity<T>) -> Self {
        Facts {
            key,
            addresses: &entity.addresses,
            management: entity.management,
            location: entity.location.as_ref(),
            recorded: None,
            observed_id: None,
            record_differs: false,
        }
    }

    fn recorded<T>(mut self, entity: Option<&'e Entity<T>>, id: Option<ServiceId>) -> Self {
        self.recorded = entity.map(|entity| (&entity.addresses, entity.management, id));
        self
    }

    fn is_managed(&self) -> bool {
        matches!(self.management, Management::Managed | Management::Created)
    }

    fn action(&self, kind: ActionKind, reason: Reason, effect: Option<Effect>) -> Action {
        Action {
            kind,
            entity: self.key.clone(),
            addresses: self.addresses.clone(),
            effect,
            reason,
            expected_id: self.observed_id.clone(),
            restore: false,
            blocked: None,
            location: self.location.cloned(),
        }
    }
}

impl Differ<'_, '_> {
    fn mode(&self) -> Mode {
        self.sources.input.options.mode
    }

    /// Brings the state to what the service calls things now, before anything else is said about them.
    fn follow(&mut self) {
        let (sources, state) = (self.sources, &self.sources.state);
        for (from, to) in &sources.identity.principals {
            let Some(from_key) = entity_of(from) else { continue };
            let has_grants = state.access.names.principal_rank(from).is_some();
            let addresses = state.addresses(&from_key);
            let known = !addresses.is_empty() || sources.recorded_id(&from_key).is_some();
            let to_key = entity_of(to);
            let shows = known && to_key.is_some();
            if !has_grants && !shows {
                continue;
            }
            if let Some(to_key) = &to_key {
                self.renamed_outside(&from_key, to_key);
            }
            let expected_id = to_key.as_ref().and_then(|key| sources.observed_id(key));
            self.actions.push(Action {
                kind: ActionKind::Rename,
                entity: to_key.unwrap_or(from_key),
                addresses,
                effect: None,
                reason: Reason::RenamedOutside {
                    from: from.clone(),
                    to: to.clone(),
                },
                expected_id,
                restore: false,
                blocked: None,
                location: None,
            });
        }
    }

    fn renamed_outside(&mut self, from: &EntityKey, to: &EntityKey) {
        let declared = match to {
            EntityKey::Group(to) => self.renames.groups.get(to).map(ToString::to_string),
            EntityKey::User(to) => self.renames.users.get(to).map(ToString::to_string),
            _ => None,
        };
        let (what, remedy) = match declared {
            Some(name) => (
                format!("it gets its declared name, {name}"),
                "an apply gives it that name again, and ends this; to keep the new name, declare it first",
            ),
            None => (
                "what this stack made of it is judged under that name".to_owned(),
                "declare the new name to keep it, and what is granted to it; an apply ends this either way",
            ),
        };
        let message = format!(
            "{from} was renamed in the service: it is called {} now; {what}",
            to.name()
        );
        self.findings.push(Finding {
            remedy: Some(remedy.into()),
            ..Finding::new(Level::Warning, "renamed-outside", message)
        });
    }

    /// Steps on the record of an entity that exists: taking it in, its address, its id.
    fn record_steps(&mut self, facts: &Facts<'_>) {
        let Some((addresses, management, id)) = &facts.recorded else {
            if let Some((from, to)) = self.sources.identity.other_id(&facts.key) {
                self.rebound(facts, from, to);
                return;
            }
            self.actions
                .push(facts.action(ActionKind::Adopt, Reason::AlreadyThere, None));
            return;
        };
        let other_id = match (id, &facts.observed_id) {
            (Some(before), Some(now)) if before != now => Some((before.clone(), now.clone())),
            _ => None,
        };
        let learned =
            id.is_none() && facts.observed_id.is_some() && !matches!(facts.key, EntityKey::Account(_));
        if *addresses != facts.addresses || *management != facts.management {
            let gone = addresses
                .iter()
                .find(|address| !facts.addresses.contains(*address));
            let from = gone.or_else(|| addresses.first()).cloned();
            let reason = from.map_or(Reason::AlreadyThere, |from| Reason::AddressChanged { from });
            let kind = if matches!(reason, Reason::AlreadyThere) {
                ActionKind::Adopt
            } else {
                ActionKind::Move
            };
            self.actions.push(facts.action(kind, reason, None));
        }
        if let Some((from, to)) = other_id {
            self.rebound(facts, from, to);
        } else if facts.record_differs || learned {
            self.actions
                .push(facts.action(ActionKind::Adopt, Reason::AlreadyThere, None));
        }
    }

    fn rebound(&mut self, facts: &Facts<'_>, from: ServiceId, to: ServiceId) {
        let groups = self.groups_of(&facts.key);
        let already = match groups.len() {
            0 => String::new(),
            count => format!(", who is in {} already", counted(count, "group")),
        };
        self.findings.push(Finding {
            subjects: groups,
            remedy: Some("make sure that it is the one you mean before granting it anything".into()),
            location: facts.location.cloned(),
            ..Finding::new(
                Level::Warning,
                "rebind",
                format!(
                    "{} is another one than before: its id was {from} and is {to}; granting to it is granting to a stranger{already}",
                    facts.key
                ),
            )
        });
        self.actions
            .push(facts.action(ActionKind::Rebind, Reason::IdChanged { from, to }, None));
    }

    /// The groups that a user is in.
    fn groups_of(&self, key: &EntityKey) -> BTreeSet<Arc<str>> {
        let EntityKey::User(user) = key else {
            return BTreeSet::new();
        };
        let groups = self.sources.observed.groups.iter();
        let groups = groups.filter(|(_, group)| {
            let members = group.value.members.as_ref();
            members.is_some_and(|members| members.contains(user))
        });
        groups.map(|(name, _)| Arc::from(name.as_str())).collect()
    }

    /// An entity of the state that nobody declares any more and that the service keeps.
    fn forget<T>(&mut self, key: EntityKey, entity: &Entity<T>, reason: Reason) {
        self.gone(key, entity, ActionKind::Forget, reason, None);
    }

    /// A step on an entity of the state that nobody declares any more.
    fn gone<T>(
        &mut self,
        key: EntityKey,
        entity: &Entity<T>,
        kind: ActionKind,
        reason: Reason,
        effect: Option<Effect>,
    ) {
        let expected_id = self.sources.observed_id(&key);
        self.actions.push(Action {
            kind,
            entity: key,
            addresses: entity.addresses.clone(),
            effect,
            reason,
            expected_id,
            restore: false,
            blocked: None,
            location: None,
        });
    }

    /// An entity of the state that nobody declares any more, and that is not what this stack made: somebody else has
    /// its name, or its block now means somebody else. It is forgotten and left alone. Says whether it is so.
    fn is_others(&mut self, key: &EntityKey, addresses: &Addresses) -> bool {
        let identity = &self.sources.identity;
        if let Some((from, to)) = identity.other_id(key).filter(|_| identity.is_replaced(key)) {
            self.findings.push(Finding {
                remedy: Some("if it is to go, remove it by hand".into()),
                ..Finding::new(
                    Level::Warning,
                    "not-ours",
                    format!(
                        "{key} is not the one that this stack made (its id was {from} and is {to}): it and what is \
                         granted to it are left alone, and the state forgets it"
                    ),
                )
            });
            self.forget_as(key, addresses, Reason::NotOurs { from, to });
            return true;
        }
        let known_as = identity.known_as(key).filter(|name| self.is_declared(name));
        if let Some((name, (from, to))) = known_as.and_then(|name| {
            let ids = identity.other_id(&name)?;
            Some((name, ids))
        }) {
            self.findings.push(Finding {
                remedy: Some("if it is to go, remove it by hand".into()),
                ..Finding::new(
                    Level::Warning,
                    "not-ours",
                    format!(
                        "{name} is another one now; the one that this stack knew is called {} and stays",
                        key.name()
                    ),
                )
            });
            self.forget_as(key, addresses, Reason::NotOurs { from, to });
            return true;
        }
        false
    }

    fn forget_as(&mut self, key: &EntityKey, addresses: &Addresses, reason: Reason) {
        self.actions.push(Action {
            kind: ActionKind::Forget,
            entity: key.clone(),
            addresses: addresses.clone(),
            effect: None,
            reason,
            expected_id: self.sources.observed_id(key),
            restore: false,
            blocked: None,
            location: None,
        });
    }

    fn is_declared(&self, key: &EntityKey) -> bool {
        let desired = &self.sources.desired;
        match key {
            EntityKey::User(name) => desired.users.contains_key(name),
            EntityKey::Group(name) => desired.groups.contains_key(name),
            _ => false,
        }
    }

    fn removal_reason(&self) -> Reason {
        if self.mode() == Mode::Destroy {
            Reason::Destroy
        } else {
            Reason::BlockRemoved
        }
    }

    /// A managed block matches something that a directory writes.
    fn refuse_synced(&mut self, facts: &Facts<'_>, external_id: &str) {
        self.findings.push(Finding {
            remedy: Some("look it up with a `data` block, and change it in the directory".into()),
            location: facts.location.cloned(),
            ..Finding::new(
                Level::Refusal,
                "directory-synced",
                format!(
                    "{} is synced from a directory (external id {external_id}), so it cannot be managed here",
                    facts.key
                ),
            )
        });
    }

    /// Whether it is the unfinished run's own doing that this is not there: the call that makes it, or one that took
    /// it away, may have left, and nobody heard how it ended.
    fn is_in_doubt(&self, effect: &Effect) -> bool {
        let Some(run) = &self.sources.input.recorded.unfinished else {
            return false;
        };
        let wanted = crate::model::fingerprint::of_effect(effect);
        run.in_doubt.iter().any(|doubt| {
            crate::model::fingerprint::of_effect(&doubt.effect) == wanted || undoes(&doubt.effect, effect)
        })
    }

    /// Whether the unfinished run was to bring this about, and did not.
    fn is_left_undone(&self, effect: &Effect) -> bool {
        let wanted = crate::model::fingerprint::of_effect(effect);
        let run = self.sources.input.recorded.unfinished.as_ref();
        run.is_some_and(|run| run.has_left(wanted))
    }

    /// Making something that was made before and is gone needs a person's yes. `lost`: it had another name then.
    fn create(&mut self, facts: &Facts<'_>, lost: bool, effect: Effect) {
        let was_there = facts.recorded.is_some() || lost;
        let restore = was_there && !self.is_in_doubt(&effect);
        let reason = if was_there {
            Reason::MissingOutside
        } else {
            Reason::Declared
        };
        self.actions.push(Action {
            restore,
            ..facts.action(ActionKind::Create, reason, Some(effect))
        });
    }
}

/// Whether one effect takes away what the other makes.
fn undoes(effect: &Effect, other: &Effect) -> bool {
    match (effect, other) {
        (
            Effect::RemoveMember { group, user },
            Effect::AddMember {
                group: into,
                user: who,
            },
        ) => group == into && user == who,
        (Effect::DeleteUser { .. }, Effect::CreateUser { .. })
        | (Effect::DeleteGroup { .. }, Effect::CreateGroup { .. })
        | (Effect::DeletePermissionSet { .. }, Effect::CreatePermissionSet { .. }) => {
            effect.entity() == other.entity()
        }
        _ => false,
    }
}

fn entity_of(key: &PrincipalKey) -> Option<EntityKey> {
    match key {
        PrincipalKey::User(name) => Some(EntityKey::User(name.clone())),
        PrincipalKey::Group(name) => Some(EntityKey::Group(name.clone())),
        PrincipalKey::OrphanGroup(_) | PrincipalKey::OrphanUser(_) => None,
    }
}

/// Why something that exists is changed: the configuration moved on, or someone changed it outside.
fn update_reason(recorded_as_declared: bool) -> Reason {
    if recorded_as_declared {
        Reason::ChangedOutside
    } else {
        Reason::ConfigurationChanged
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::address::{Address, Kind};
    use crate::id::{AccountKey, Email, OuPath, PermissionSetName};
    use crate::model::account::{Account, OrganizationalUnit};
    use crate::model::text::{Part, Reference, ServiceAttribute, Text};
    use crate::plan::testing::{Stack, World, account, declared, group, set, user, user_name};

    use super::*;

    #[test]
    fn a_renamed_user_stays_the_same_user() {
        let stack = |name: &str| {
            Stack::new()
                .accounts(&[1])
                .set("view", "view")
                .user("ada", name)
                .group("ops", "Ops", &[name])
                .assign("a", &[user(name)], &["view"], &[1])
        };
        let world = World::new().apply(stack("ada"));
        let plan = world.plan(stack("ada.l"));
        assert_eq!(
            (plan.actions.len(), plan.grants.len(), plan.revokes.len()),
            (1, 0, 0)
        );
        assert!(matches!(plan.actions[0].effect, Some(Effect::UpdateUser { .. })));
        assert!(world.apply(stack("ada.l")).plan(stack("ada.l")).is_empty());
    }

    #[test]
    fn what_a_directory_writes_is_refused_and_never_deleted() {
        let stack = || Stack::new().user("ada", "ada");
        let mut world = World::new().apply(stack());
        let seen = world.observed.snapshot.users.get_mut(&user_name("ada")).unwrap();
        seen.value.external_id = Some("00u1".into());
        assert!(
            world
                .plan(stack())
                .findings
                .iter()
                .any(|finding| &*finding.code == "directory-synced")
        );
        let plan = world.plan(Stack::new());
        assert_eq!(plan.actions[0].kind, ActionKind::Forget);
    }

    #[test]
    fn the_same_key_at_another_address_only_moves() {
        let world = World::new().apply(Stack::new().set("a", "view"));
        let plan = world.plan(Stack::new().set("b", "view"));
        assert_eq!(plan.actions.len(), 1);
        assert_eq!(plan.actions[0].kind, ActionKind::Move);
        let from = Address::root(Kind::PermissionSet, "a");
        assert_eq!(plan.actions[0].reason, Reason::AddressChanged { from });
        assert!(
            world
                .apply(Stack::new().set("b", "view"))
                .plan(Stack::new().set("b", "view"))
                .is_empty()
        );
    }

    #[test]
    fn an_account_is_created_in_a_new_unit_and_granted_in_one_plan() {
        let email = AccountKey::Email(Email::new("aws+new@example.com").unwrap());
        let unit = OuPath::new("Prod").unwrap();
        let stack = || {
            let mut stack = Stack::new()
                .set("view", "view")
                .group("ops", "Ops", &[])
                .with(|desired| {
                    let value = Account {
                        key: email.clone(),
                        name: "new".into(),
                        email: Some(Email::new("aws+new@example.com").unwrap()),
                        ou: Some(unit.clone()),
                        tags: None,
                        status: Default::default(),
                        management: false,
                    };
                    let accounts = &mut desired.snapshot.accounts;
                    accounts.insert(
                        email.clone(),
                        declared(Kind::Account, "new", value, Management::Created),
                    );
                    let value = OrganizationalUnit {
                        path: unit.clone(),
                        id: None,
                    };
                    let units = &mut desired.snapshot.organizational_units;
                    units.insert(
                        unit.clone(),
                        declared(Kind::OrganizationalUnit, "prod", value, Management::Created),
                    );
                });
            stack = stack.assign("a", &[group("Ops")], &["view"], &[1]);
            stack.blocks[0].accounts = vec![email.clone()];
            stack
        };
        let plan = World::new().plan(stack());
        assert_eq!(
            plan.waits.actions[1],
            [crate::plan::Wait::Action(0)],
            "the unit first"
        );
        assert_eq!(
            plan.waits.grants_in_account.values().collect::<Vec<_>>(),
            [&vec![1]]
        );
        let world = World::new().apply(stack());
        assert!(world.observed.snapshot.accounts.contains_key(&account(77)));
        assert!(world.plan(stack()).is_empty());
    }

    #[test]
    fn texts_with_references_are_compared_by_what_they_come_to() {
        let stack = || {
            Stack::new()
                .group("ops", "Ops", &[])
                .set_with("view", "view", |entity| {
                    let reference = Reference {
                        entity: EntityKey::Group(GroupName::new("Ops").unwrap()),
                        attribute: ServiceAttribute::Id,
                    };
                    let parts = [Part::Literal("for ".into()), Part::Reference(reference)];
                    entity.value.description = Some(Text::from_parts(parts));
                })
        };
        let plan = World::new().plan(stack());
        assert_eq!(
            plan.waits.actions[1],
            [crate::plan::Wait::Action(0)],
            "the set waits for the group's id"
        );
        let mut world = World::new().apply(stack());
        let name: PermissionSetName = set("view");
        let seen = world.observed.snapshot.permission_sets.get_mut(&name).unwrap();
        seen.value.description = Some("for id-1".into());
        assert!(world.plan(stack()).is_empty());
        let seen = world.observed.snapshot.permission_sets.get_mut(&name).unwrap();
        seen.value.description = Some("for id-2".into());
        let plan = world.plan(stack());
        assert_eq!(plan.actions[0].reason, Reason::ChangedOutside);
    }

    #[test]
    fn what_is_said_about_an_account_that_is_only_referred_to_is_an_assertion() {
        let stack = Stack::new().accounts(&[1]).with(|desired| {
            let entity = desired.snapshot.accounts.get_mut(&account(1)).unwrap();
            entity.value.tags = Some([("env".into(), "prod".into())].into());
        });
        let mut world = World::new();
        let seen = world.observed.snapshot.accounts.get_mut(&account(1)).unwrap();
        seen.value.tags = Some(BTreeMap::new());
        let plan = world.plan(stack);
        assert!(plan.is_empty());
        assert!(
            plan.findings
                .iter()
                .any(|finding| &*finding.code == "account-differs")
        );
    }
}
