//! Accounts and units that are taken to exist from the start.

use std::collections::BTreeMap;

use super::super::effect::Effect;
use super::super::error::ServiceError;
use super::super::place::UnitIx;
use super::super::{Existence, World};
use super::Tagged;
use crate::id::OuPath;

type Answer<T> = Result<T, ServiceError>;

impl World {
    /// Takes an account to exist from the start, in the root; unless it exists already, was removed from the organisation
    /// or the world is strict.
    ///
    /// # Errors
    /// Only when the world itself is broken.
    pub fn ensure_account(&mut self, id: &str, name: &str, email: &str) -> Answer<Existence> {
        if self.organization.account_by_id(id).is_some() {
            return Ok(Existence::Existed);
        }
        let taken = self.organization.account_by_email(email).is_some();
        if self.settings.strict || taken || self.organization.had_account(id) {
            return Ok(Existence::Absent);
        }
        self.commit(Effect::AccountJoined {
            id: id.to_owned(),
            name: name.to_owned(),
            email: email.to_owned(),
            created: false,
            tags: BTreeMap::new(),
        })?;
        Ok(Existence::Made)
    }

    /// Takes an organizational unit, and those above it, to exist from the start; unless the world is strict.
    /// One that was deleted stays deleted.
    ///
    /// # Errors
    /// Only when the world itself is broken.
    pub fn ensure_unit(&mut self, path: &str) -> Answer<Existence> {
        if self.organization.unit_by_path(path).is_some() {
            return Ok(Existence::Existed);
        }
        let mut above = UnitIx::new(0);
        for name in OuPath::names(path) {
            let gone = self.organization.had_unit(above, &name);
            let there = self.organization.child_named(above, &name);
            if there.is_none() && (gone || self.settings.strict) {
                return Ok(Existence::Absent);
            }
            let next = there.unwrap_or_else(|| UnitIx::new(self.organization.units_made()));
            if there.is_none() {
                self.commit(Effect::UnitCreated {
                    parent: above,
                    name: name.into_owned(),
                })?;
            }
            above = next;
        }
        Ok(Existence::Made)
    }

    /// Takes an account to have been in a unit, and to have had these tags, from the start.
    ///
    /// # Errors
    /// Only when the world itself is broken.
    pub fn ensure_placement(
        &mut self,
        id: &str,
        unit: UnitIx,
        tags: &BTreeMap<String, String>,
    ) -> Answer<()> {
        let account = self.org_account(id)?;
        if self.organization.unit(unit).is_some() {
            self.commit(Effect::AccountMoved { account, to: unit })?;
        }
        let edits = tags
            .iter()
            .map(|(key, value)| (key.clone(), Some(value.clone())))
            .collect();
        self.commit_tags(Tagged::Account(account), edits)
    }
}
