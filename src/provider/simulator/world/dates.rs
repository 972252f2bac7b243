//! When things were made, as far as the service tells it: roles and SAML providers, users, groups and memberships; and
//! what the roles are called through which the management account enters the accounts it made.
//!
//! A stored world has them after everything else. One that was stored without them began with everything in it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::World;
use super::clock::Time;
use super::place::{AccountIx, PrincipalIx, SetIx};

/// Dates by what they are of.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Dates {
    roles: Vec<(AccountIx, SetIx, Time)>,
    saml_providers: Vec<(AccountIx, Time)>,
    /// `CreatedAt` and `UpdatedAt`.
    principals: Vec<(PrincipalIx, Time, Time)>,
    memberships: Vec<(PrincipalIx, PrincipalIx, Time)>,
    access_roles: Vec<(AccountIx, String)>,
    /// By the request that makes the account.
    asked_roles: BTreeMap<u64, String>,
}

impl World {
    /// What is stored after the world.
    pub fn dates(&self) -> Dates {
        let (roles, saml_providers) = self.access.dates();
        let (principals, memberships) = self.identity_store.dates();
        let accounts = self.organization.accounts();
        let named = accounts.filter_map(|(at, account)| Some((at, account.access_role.clone()?)));
        Dates {
            roles,
            saml_providers,
            principals,
            memberships,
            access_roles: named.collect(),
            asked_roles: self.access_roles.clone(),
        }
    }

    /// Takes over what was stored after the world.
    pub fn date(&mut self, dates: Dates) {
        self.access.date(dates.roles, dates.saml_providers);
        self.identity_store.date(dates.principals, dates.memberships);
        for (at, role) in dates.access_roles {
            self.organization
                .edit_account(at, |account| account.access_role = Some(role));
        }
        self.access_roles = dates.asked_roles;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::tests::stage;
    use super::*;

    const A: &str = "111122223333";

    #[test]
    fn roles_have_the_date_of_the_first_assignment_and_keep_it_when_the_world_is_stored() {
        let mut stage = stage();
        stage.world.advance(Duration::from_secs(86_400));
        stage.grant(A);
        let made = |world: &mut World| world.list_roles(A, "/aws-reserved/").unwrap().remove(0).created;
        let first = made(&mut stage.world);
        assert!(first.since(Time::BEGINNING) >= Duration::from_secs(86_400));
        let stored = postcard::to_stdvec(&(&stage.world, stage.world.dates())).unwrap();
        let (mut read, dates): (World, Dates) = postcard::from_bytes(&stored).unwrap();
        assert_eq!(made(&mut read), Time::BEGINNING, "the dates are kept apart");
        read.date(dates);
        assert_eq!(made(&mut read), first);
        assert_eq!(read.dates(), stage.world.dates());
    }

    #[test]
    fn an_account_that_was_created_has_the_role_that_was_asked_for() {
        let mut world = World::new(1, "eu-west-1");
        let none = BTreeMap::new();
        for (name, role) in [("one", None), ("two", Some("Landing"))] {
            let email = format!("{name}@example.com");
            world.create_account(name, &email, &none, role).unwrap();
        }
        world.settle();
        let names = |world: &mut World, name: &str| {
            let email = format!("{name}@example.com");
            let at = world.organization().account_by_email(&email).unwrap();
            let id = world.organization().account(at).unwrap().id.clone();
            let roles = world.list_roles(&id, "/").unwrap();
            roles
                .into_iter()
                .filter(|role| role.path == "/")
                .map(|role| role.name)
                .collect::<Vec<_>>()
        };
        assert_eq!(names(&mut world, "one"), ["OrganizationAccountAccessRole"]);
        assert_eq!(names(&mut world, "two"), ["Landing"]);
        let mut read: World = postcard::from_bytes(&postcard::to_stdvec(&world).unwrap()).unwrap();
        read.date(world.dates());
        assert_eq!(names(&mut read, "two"), ["Landing"]);
    }
}
