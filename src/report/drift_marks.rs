//! Why to look twice at what drifted: sets by what they attach, roles by what they hold, accounts that are production.

use std::collections::{BTreeMap, BTreeSet};

use crate::drift::{Cause, Consequence, Content, Drift, DriftItem, Effect, Subject};
use crate::id::{AccountKey, EntityKey, PermissionSetName};
use crate::model::account::Account;
use crate::model::permission_set::PermissionSet;
use crate::model::privilege::judge;
use crate::model::snapshot::Snapshot;
use crate::model::stack::RiskSettings;
use crate::plan::risk::{ProductionAccounts, RiskMark, SetJudge, SetRisk};

use super::plan_view::risk::{Risk, RoleNote};

/// Finds the marks of findings.
pub struct Marker<'a> {
    observed: &'a Snapshot,
    drift: &'a Drift,
    rules: Vec<(SetJudge, ProductionAccounts)>,
}

impl<'a> Marker<'a> {
    /// By settings that are in force.
    pub fn new<'s>(
        observed: &'a Snapshot,
        drift: &'a Drift,
        in_force: impl IntoIterator<Item = &'s RiskSettings>,
    ) -> Self {
        let rules = in_force
            .into_iter()
            .map(|risk| (SetJudge::new(risk), ProductionAccounts::new(&risk.production)));
        Marker {
            observed,
            drift,
            rules: rules.collect(),
        }
    }

    /// What people have that they had not, or that means something else now.
    pub fn people(&self, item: &DriftItem, found: &Consequence) -> Vec<RiskMark> {
        if found.effect == Effect::Lost {
            return Vec::new();
        }
        let reached = &found.reached;
        let set = self.set(item, &reached.permission_set).mark();
        let roles = match &item.subject {
            Subject::Roles { .. } => item.is_not_known().then_some(RiskMark::RoleNotKnown),
            _ => {
                let roles = self.roles(&reached.permission_set, &reached.accounts, set);
                roles.first().map(|risk| risk.mark)
            }
        };
        let production = self.in_production(&reached.accounts) > 0;
        let production = production.then_some(RiskMark::Production);
        let gravest = set.into_iter().chain(roles).min();
        gravest.into_iter().chain(production).collect()
    }

    /// Of roles in these accounts, those that hold something graver than a mark; the gravest first.
    fn roles(&self, set: &PermissionSetName, accounts: &[AccountKey], than: Option<RiskMark>) -> Vec<Risk> {
        let mut alike: BTreeMap<Risk, u64> = BTreeMap::new();
        let there = accounts
            .iter()
            .filter_map(|account| self.drift.roles.of(account, set));
        for role in there {
            let holds = role
                .content
                .as_ref()
                .map(|content| self.judge(set, Some(content)));
            let note = RoleNote {
                behind: role.behind,
                edited: role.edited,
                known: holds.is_some(),
                alone: true,
                accounts: Vec::new(),
            };
            let found = by_role(set, holds.as_ref(), note);
            if let Some(found) = found.filter(|found| than.is_none_or(|than| found.mark < than)) {
                *alike.entry(found).or_default() += 1;
            }
        }
        let of = accounts.len() as u64;
        let risks = alike.into_iter().map(|(risk, count)| Risk { count, of, ..risk });
        risks.collect()
    }

    /// Why to look twice at a finding, the gravest first.
    pub fn item(&self, item: &DriftItem) -> Vec<Risk> {
        // Nobody has it, or no longer.
        let gone = matches!(
            item.cause,
            Cause::Missing
                | Cause::Orphaned
                | Cause::RoleMissing
                | Cause::PolicyMissing
                | Cause::SamlProviderMissing
        );
        if gone {
            return Vec::new();
        }
        match &item.subject {
            Subject::Entity {
                key: EntityKey::PermissionSet(name),
                contents,
                ..
            } => {
                let before = match contents.as_deref() {
                    Some((Content::PermissionSet(before), _)) => Some(&**before),
                    _ => None,
                };
                self.of_set(item, name, before).into_iter().collect()
            }
            Subject::Grants {
                permission_set,
                accounts,
                ..
            } => {
                let set = self.of_set(item, permission_set, None);
                let roles = self.roles(permission_set, accounts, set.as_ref().map(|risk| risk.mark));
                let sets = roles.into_iter().chain(set);
                sets.chain(self.of_accounts(accounts)).collect()
            }
            Subject::Roles {
                permission_set,
                accounts,
            } => {
                let sets = match item.cause {
                    Cause::StaleProvisioning => self.stale(item, permission_set),
                    _ => self.edited(item, permission_set),
                };
                sets.into_iter().chain(self.of_accounts(accounts)).collect()
            }
            Subject::Members { .. }
            | Subject::Entity {
                key: EntityKey::User(_) | EntityKey::Group(_),
                ..
            } => {
                let people = || item.people.iter();
                let marks: BTreeSet<RiskMark> = people().flat_map(|found| self.people(item, found)).collect();
                let gains = people().filter(|found| found.effect != Effect::Lost);
                let roles = gains.flat_map(|found| {
                    let (set, accounts) = (&found.reached.permission_set, &found.reached.accounts);
                    let roles = self.roles(set, accounts, self.set(item, set).mark());
                    roles.into_iter().map(|risk| Risk {
                        role: risk.role.map(|role| RoleNote { alone: false, ..role }),
                        ..risk
                    })
                });
                let roles: BTreeSet<Risk> = roles.collect();
                let by_set = |mark: &RiskMark| {
                    people().any(|found| self.set(item, &found.reached.permission_set).mark() == Some(*mark))
                        || *mark == RiskMark::Production
                };
                let marks = marks.into_iter().filter(by_set).map(|mark| risk(mark, 1, 1));
                let mut all: Vec<Risk> = roles.into_iter().chain(marks).collect();
                all.sort_by_key(|risk| risk.mark);
                all
            }
            Subject::Entity {
                key: EntityKey::Account(key),
                contents: Some(contents),
                ..
            } => match &**contents {
                (Content::Account(before), Content::Account(now)) => {
                    self.moved(key, before, now).into_iter().collect()
                }
                _ => Vec::new(),
            },
            Subject::Entity { .. } | Subject::Policy { .. } | Subject::Quota { .. } => Vec::new(),
        }
    }

    /// An account that is production where it stands now.
    fn moved(&self, key: &AccountKey, before: &Account, now: &Account) -> Option<Risk> {
        self.is_production(key, now).then(|| Risk {
            becomes: !self.is_production(key, before),
            ..risk(RiskMark::Production, 1, 1)
        })
    }

    /// Whether an account was production and is none where it stands now.
    pub fn left_production(&self, item: &DriftItem) -> bool {
        matches!(&item.subject, Subject::Entity { key: EntityKey::Account(key), contents: Some(contents), .. }
            if matches!(&**contents, (Content::Account(before), Content::Account(now))
                if self.is_production(key, before) && !self.is_production(key, now)))
    }

    fn is_production(&self, key: &AccountKey, account: &Account) -> bool {
        let there = Snapshot::of_account(key, account);
        self.rules.iter().any(|(_, rule)| rule.contains(key, &[&there]))
    }

    /// A set as it was applied, where the service has it otherwise.
    fn before_change(&self, name: &PermissionSetName) -> Option<&PermissionSet> {
        self.drift.items.iter().find_map(|item| match &item.subject {
            Subject::Entity { key, contents, .. } if *key == EntityKey::PermissionSet(name.clone()) => {
                match contents.as_deref() {
                    Some((Content::PermissionSet(before), _)) => Some(&**before),
                    _ => None,
                }
            }
            _ => None,
        })
    }

    /// A set as it is, with what was attached to the roles of a finding.
    fn set(&self, item: &DriftItem, name: &PermissionSetName) -> SetRisk {
        let set = self.observed.permission_sets.get(name).map(|set| &set.value);
        let set = set.map(|set| item.with_edits(set));
        self.judge(name, set.as_ref())
    }

    fn judge(&self, name: &PermissionSetName, set: Option<&PermissionSet>) -> SetRisk {
        let mut found = SetRisk::default();
        for (judge, _) in &self.rules {
            let sensitive = found.sensitive;
            found = judge.set(name, set);
            found.sensitive |= sensitive;
        }
        found
    }

    /// Roles that are behind: what they hold, and what their set was made where that is graver.
    fn stale(&self, item: &DriftItem, name: &PermissionSetName) -> Vec<Risk> {
        let note = |known| RoleNote {
            behind: true,
            edited: false,
            known,
            alone: true,
            accounts: Vec::new(),
        };
        let held = item
            .provisioned
            .as_deref()
            .map(|held| self.judge(name, Some(held)));
        let holds = by_role(name, held.as_ref(), note(held.is_some()));
        let now = self.observed.permission_sets.get(name).map(|set| &set.value);
        let now = self.judge(name, now);
        let than = holds.as_ref().map(|risk| risk.mark);
        let becomes = now.mark().filter(|mark| than.is_none_or(|than| *mark < than));
        let before = self.before_change(name);
        let before = item.provisioned.as_deref().or(before);
        let becomes = becomes.map(|mark| Risk {
            because: now.because(),
            becomes: before.is_some_and(|before| now.judged.is_graver_than(&judge(before))),
            ..risk(mark, 1, 1)
        });
        let mut found: Vec<Risk> = holds.into_iter().chain(becomes).collect();
        found.sort_by_key(|risk| risk.mark);
        found
    }

    /// Roles that somebody edited: what they are by that.
    fn edited(&self, item: &DriftItem, name: &PermissionSetName) -> Vec<Risk> {
        let now = self.observed.permission_sets.get(name);
        let before = now.map(|set| item.before_edits(&set.value));
        let unknown = item.is_not_known().then(|| {
            let note = RoleNote {
                behind: true,
                edited: true,
                known: false,
                alone: true,
                accounts: Vec::new(),
            };
            by_role(name, None, note)
        });
        let found = self.of_set(item, name, before);
        found.into_iter().chain(unknown.flatten()).collect()
    }

    fn of_set(
        &self,
        item: &DriftItem,
        name: &PermissionSetName,
        before: Option<&PermissionSet>,
    ) -> Option<Risk> {
        let found = self.set(item, name);
        let graver = before.is_some_and(|before| found.judged.is_graver_than(&judge(before)));
        Some(Risk {
            because: found.because(),
            becomes: graver,
            ..risk(found.mark()?, 1, 1)
        })
    }

    fn of_accounts(&self, accounts: &[AccountKey]) -> Option<Risk> {
        let count = self.in_production(accounts);
        (count > 0).then(|| risk(RiskMark::Production, count, accounts.len() as u64))
    }

    fn in_production(&self, accounts: &[AccountKey]) -> u64 {
        let is_production = |key: &&AccountKey| {
            let mut rules = self.rules.iter();
            rules.any(|(_, production)| production.contains(key, &[self.observed]))
        };
        accounts.iter().filter(is_production).count() as u64
    }
}

fn risk(mark: RiskMark, count: u64, of: u64) -> Risk {
    Risk {
        mark,
        count,
        of,
        because: Vec::new(),
        becomes: false,
        holders: None,
        sets: Vec::new(),
        role: None,
    }
}

/// The mark of what a role holds; `None` where that is no risk.
fn by_role(set: &PermissionSetName, holds: Option<&SetRisk>, note: RoleNote) -> Option<Risk> {
    let mark = match holds {
        Some(holds) => holds.mark()?,
        None => RiskMark::RoleNotKnown,
    };
    Some(Risk {
        because: holds
            .map(|holds| holds.judged.because.clone())
            .unwrap_or_default(),
        sets: vec![set.clone()],
        role: Some(note),
        ..risk(mark, 1, 1)
    })
}
