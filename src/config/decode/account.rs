//! Accounts and organizational units.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::decode::Decoder;
use crate::config::decode::reader::Reader;
use crate::config::rules::{account, names, tags};
use crate::diagnostic::{Code, Diagnostic};
use crate::id::{AccountKey, EntityKey};
use crate::model::account::{Account, AccountStatus, OrganizationalUnit};
use crate::model::snapshot::Management;

/// An account to be created without an address.
const MISSING: Code = Code("missing-attribute");

impl Decoder<'_, '_> {
    pub(super) fn account(&mut self, reader: &Reader<'_, '_>) {
        let Some(EntityKey::Account(key)) = reader.key() else {
            return;
        };
        let management = management(reader);
        let Some(value) = self.account_value(reader, &key, management) else {
            return;
        };
        if self
            .claim(&EntityKey::Account(key.clone()), reader, management)
            .is_none()
            || reader.failed.get()
        {
            return;
        }
        let entity = self.entity(reader, management, value);
        Self::insert(
            &mut self.out.desired.snapshot.accounts,
            key,
            entity,
            |known, more| {
                known.email = known.email.take().or(more.email);
                known.ou = known.ou.take().or(more.ou);
                known.tags = known.tags.take().or(more.tags);
            },
        );
    }

    fn account_value(
        &mut self,
        reader: &Reader<'_, '_>,
        key: &AccountKey,
        management: Management,
    ) -> Option<Account> {
        let data = reader.block.data;
        let unnamed = reader
            .engine
            .one_name_for_all(&reader.entity, reader.block, "name");
        if let (Some(error), false) = (unnamed, data) {
            reader.failed.set(true);
            reader.engine.report(error);
        }
        let name = reader
            .string("name")
            .unwrap_or_else(|| reader.block.label.clone());
        if management != Management::Referred {
            reader.check("name", account::name(&name));
        }
        let email = reader.string("email");
        let email = match (email.as_deref().map(names::email), data) {
            (Some(Ok(email)), _) => Some(email),
            (Some(Err(finding)), false) => {
                reader.report(finding, reader.place("email"));
                None
            }
            _ => None,
        };
        if management == Management::Created && !reader.is_written("email") {
            reader.failed.set(true);
            reader.engine.report(
                Diagnostic::error(MISSING, "an account that is to be created needs an `email`")
                    .at(reader.place("create"), "created with which address?")
                    .because(
                        "Organizations takes a name and an e-mail address, which becomes the root user's",
                    )
                    .help("add `email = …`, or remove `create` if the account exists"),
            );
        }
        if let (Some(email), false) = (&email, data) {
            let finding = self
                .seen
                .account_emails
                .add(email.as_str(), &format!("account {key}"));
            reader.check("email", finding);
        }
        let ou =
            reader
                .value("ou")
                .and_then(|value| match value.as_entity().map(|entity| entity.key.clone()) {
                    Some(EntityKey::OrganizationalUnit(path)) => Some(path),
                    _ => None,
                });
        let written = !data && reader.is_written("tags");
        let tags = written.then(|| known_tags(reader));
        Some(Account {
            key: key.clone(),
            name,
            email,
            ou,
            tags,
            status: AccountStatus::Active,
            management: false,
        })
    }

    pub(super) fn organizational_unit(&mut self, reader: &Reader<'_, '_>) {
        let Some(EntityKey::OrganizationalUnit(path)) = reader.key() else {
            return;
        };
        let management = management(reader);
        if management != Management::Referred {
            reader.check("name", names::depth(&path));
        }
        let claimed = self.claim(&EntityKey::OrganizationalUnit(path.clone()), reader, management);
        if claimed.is_none() || reader.failed.get() {
            return;
        }
        let entity = self.entity(
            reader,
            management,
            OrganizationalUnit {
                path: path.clone(),
                id: None,
            },
        );
        Self::insert(
            &mut self.out.desired.snapshot.organizational_units,
            path,
            entity,
            |_, _| {},
        );
    }
}

/// The tags of something whose tags are plain text, checked.
fn known_tags(reader: &Reader<'_, '_>) -> BTreeMap<Arc<str>, Arc<str>> {
    let tags = reader.tags("tags");
    reader.check("tags", tags::count(tags.len()));
    let mut known = BTreeMap::new();
    for (key, value) in tags {
        let text = value.as_known();
        reader.check("tags", tags::tag(&key, text));
        known.extend(text.map(|text| (key, Arc::from(text))));
    }
    known
}

fn management(reader: &Reader<'_, '_>) -> Management {
    if reader.block.data {
        return Management::Referred;
    }
    match (reader.flag("create"), reader.flag("manage")) {
        (true, _) => Management::Created,
        (false, true) => Management::Managed,
        (false, false) => Management::Referred,
    }
}
