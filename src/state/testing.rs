//! Journals to test with: runs over a handful of names, from a list of numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::entry::{Author, Entry, RecordOnly, RunEnd, RunStarted, StepRef};
use super::{LockInfo, LockRequest};
use crate::address::{Address, Kind};
use crate::id::{
    AccountId, AccountKey, EntityKey, GroupName, OuPath, PermissionSetName, PrincipalKey, ServiceId, UserName,
};
use crate::model::access::{Access, Declaration, Names, Note, Pair, Tuple};
use crate::model::account::{Account, AccountStatus};
use crate::model::action::{Effect, Learned};
use crate::model::instance::Instance;
use crate::model::permission_set::PermissionSet;
use crate::model::principal::{Group, User};
use crate::model::record::Seen;
use crate::model::roles::{Provisioning, RoleRow, RoleSuffix};
use crate::model::snapshot::{Entity, Management, Snapshot};

pub fn account(n: u32) -> AccountKey {
    AccountKey::Id(AccountId::new(format!("{n:012}")).unwrap())
}

pub fn set(name: &str) -> PermissionSetName {
    PermissionSetName::new(name).unwrap()
}

pub fn group(name: &str) -> PrincipalKey {
    PrincipalKey::Group(GroupName::new(name).unwrap())
}

pub fn assignment(label: &str) -> Address {
    Address::root(Kind::Assignment, label)
}

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub fn author() -> Author {
    Author {
        at: at(0),
        actor: "ada@laptop".into(),
    }
}

pub fn request() -> LockRequest {
    let info = LockInfo {
        id: "".into(),
        owner: "ada@laptop".into(),
        host: "laptop".into(),
        pid: 1,
        command: "rolecall apply".into(),
        since: at(0),
    };
    LockRequest {
        info,
        timeout: std::time::Duration::ZERO,
    }
}

pub fn declared<T>(value: T, address: Address) -> Entity<T> {
    Entity {
        value,
        addresses: [address].into(),
        management: Management::Created,
        location: None,
        keep_old_until: None,
    }
}

pub fn user(name: &str) -> User {
    User {
        user_name: UserName::new(name).unwrap(),
        id: None,
        given_name: "".into(),
        family_name: "".into(),
        display_name: name.to_uppercase().into(),
        email: None,
        external_id: None,
    }
}

pub fn empty_group(name: &str) -> Group {
    Group {
        display_name: GroupName::new(name).unwrap(),
        id: None,
        description: None,
        members: Some(BTreeSet::new()),
        external_id: None,
    }
}

/// One run: the grants it makes (with the blocks that declare each) and takes away.
#[derive(Debug, Clone, Default)]
pub struct Grants {
    pub made: BTreeMap<(u32, String, String), BTreeSet<String>>,
    pub taken: BTreeSet<(u32, String, String)>,
}

pub fn names_of(grants: &Grants) -> Names {
    let keys = || grants.made.keys().chain(&grants.taken);
    Names::new(
        keys().map(|(n, _, _)| account(*n)).collect(),
        keys().map(|(_, name, _)| set(name)).collect(),
        keys().map(|(_, _, name)| group(name)).collect(),
    )
    .unwrap()
}

pub fn started(
    run: &str,
    names: Names,
    blocks: &[String],
    notes: Vec<Note>,
    entities: Snapshot,
) -> RunStarted {
    RunStarted {
        run: run.into(),
        by: author(),
        command: "apply".into(),
        reason: None,
        digest: format!("digest of {run}").into(),
        rest: None,
        lineage: "lineage".into(),
        instance: Instance {
            arn: ServiceId::new("arn:aws:sso:::instance/ssoins-1").unwrap(),
            identity_store: ServiceId::new("d-1").unwrap(),
            organization: None,
            region: "eu-west-1".into(),
            management_account: None,
        },
        steps: vec![1, 2, 3],
        people: None,
        actions: Vec::new(),
        records: Vec::new(),
        narrowed: false,
        rules: None,
        revision: None,
        names,
        declarations: blocks
            .iter()
            .map(|label| Declaration {
                address: assignment(label),
                location: None,
                reason: Some(format!("because of {run}").into()),
                expires: None,
            })
            .collect(),
        notes,
        entities,
    }
}

/// The entries of a run that does this, one batch per call of `sync`, ending with the end of the run.
pub fn run_of_grants(run: &str, grants: &Grants) -> Vec<Entry> {
    let names = names_of(grants);
    let tuple = |(n, s, p): &(u32, String, String)| names.tuple(&account(*n), &set(s), &group(p)).unwrap();
    let blocks: Vec<String> = grants
        .made
        .values()
        .flatten()
        .cloned()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let mut notes: Vec<Note> = Vec::new();
    let made: Vec<(Tuple, u32)> = grants
        .made
        .iter()
        .map(|(key, labels)| {
            let declared_by = labels
                .iter()
                .map(|label| blocks.iter().position(|b| b == label).unwrap() as u32)
                .collect();
            notes.push(Note {
                declared_by,
                owned: true,
            });
            (tuple(key), notes.len() as u32 - 1)
        })
        .collect();
    let revokes: Vec<Tuple> = grants.taken.iter().map(tuple).collect();
    let mut entries = vec![Entry::RunStarted(Box::new(started(
        run,
        names.clone(),
        &blocks,
        notes,
        Snapshot::default(),
    )))];
    let done = |step| (step, Learned::default());
    for chunk in made.chunks(3) {
        entries.push(Entry::Intents {
            actions: vec![],
            grants: chunk.to_vec(),
            revokes: vec![],
        });
        let steps = chunk
            .iter()
            .map(|(tuple, _)| done(StepRef::Grant(*tuple)))
            .collect();
        entries.push(Entry::Outcomes {
            done: steps,
            failed: vec![],
        });
    }
    entries.push(Entry::Intents {
        actions: vec![],
        grants: vec![],
        revokes: revokes.clone(),
    });
    let steps = revokes
        .iter()
        .map(|tuple| done(StepRef::Revoke(*tuple)))
        .collect();
    entries.push(Entry::Outcomes {
        done: steps,
        failed: vec![],
    });
    entries.push(finished(RunEnd::Complete));
    entries
}

pub fn finished(end: RunEnd) -> Entry {
    Entry::RunFinished {
        at: at(9),
        end,
        outputs: BTreeMap::new(),
        counts: None,
    }
}

/// A run that makes a user, a group with that user and a permission set, and takes an account in.
pub fn run_of_entities(run: &str) -> Vec<Entry> {
    let mut entities = Snapshot::default();
    let ada = declared(user("ada"), Address::root(Kind::User, "ada"));
    let platform = declared(empty_group("Platform"), Address::root(Kind::Group, "platform"));
    let admin = declared(
        PermissionSet::new(set("admin")),
        Address::root(Kind::PermissionSet, "admin"),
    );
    let payments = Account {
        key: account(7),
        name: "payments".into(),
        email: None,
        ou: Some(OuPath::new("Workloads").unwrap()),
        tags: None,
        status: AccountStatus::Active,
        management: false,
    };
    entities.users.insert(ada.value.user_name.clone(), ada.clone());
    entities
        .groups
        .insert(platform.value.display_name.clone(), platform.clone());
    entities.permission_sets.insert(set("admin"), admin.clone());
    entities.accounts.insert(
        account(7),
        declared(payments, Address::root(Kind::Account, "payments")),
    );
    let actions = vec![
        (
            0,
            Effect::CreateUser {
                user: ada.value.clone(),
            },
        ),
        (
            1,
            Effect::CreateGroup {
                group: platform.value.clone(),
            },
        ),
        (
            2,
            Effect::AddMember {
                group: platform.value.display_name,
                user: ada.value.user_name,
            },
        ),
        (
            3,
            Effect::CreatePermissionSet {
                permission_set: Box::new(admin.value),
            },
        ),
    ];
    let learn = |id: Option<&str>| Learned {
        id: id.map(|id| ServiceId::new(id).unwrap()),
        role: None,
    };
    vec![
        Entry::RunStarted(Box::new(started(run, Names::default(), &[], vec![], entities))),
        Entry::Recorded(Box::new(RecordOnly {
            adopted: vec![(EntityKey::Account(account(7)), None)],
            ..RecordOnly::default()
        })),
        Entry::Intents {
            actions,
            grants: vec![],
            revokes: vec![],
        },
        Entry::Accepted {
            requests: vec![(StepRef::Action(3), Arc::from("request-3"))],
        },
        Entry::Outcomes {
            done: vec![
                (StepRef::Action(0), learn(Some("u-1"))),
                (StepRef::Action(1), learn(Some("g-1"))),
                (StepRef::Action(2), learn(None)),
            ],
            failed: vec![],
        },
        Entry::Outcomes {
            done: vec![(StepRef::Action(3), learn(Some("arn:ps-1")))],
            failed: vec![],
        },
        finished(RunEnd::Complete),
    ]
}

/// A reading with these grants, and a role for each pair.
pub fn observed(grants: &Grants) -> Entry {
    let names = names_of(grants);
    let tuples = grants
        .made
        .keys()
        .map(|(n, s, p)| names.tuple(&account(*n), &set(s), &group(p)).unwrap())
        .collect();
    let access = Access::from_tuples(names, tuples);
    let kinds = [Provisioning::Latest, Provisioning::Stale, Provisioning::Tampered];
    let role = |(n, pair): (usize, Pair)| RoleRow {
        pair,
        suffix: (n % 2 == 0).then_some(RoleSuffix(n as u64)),
        provisioning: kinds[n % 3],
    };
    let roles = access.pairs().into_iter().enumerate().map(role).collect();
    Entry::Observed(Box::new(Seen {
        at: at(5),
        snapshot: Snapshot {
            access,
            ..Snapshot::default()
        },
        roles,
        around: None,
    }))
}
