//! Users and groups.

use crate::address::Kind;
use crate::config::decode::Decoder;
use crate::config::decode::reader::Reader;
use crate::config::rules::principal;
use crate::id::{EntityKey, PrincipalKey};
use crate::model::principal::{Group, User};
use crate::model::snapshot::Management;

impl Decoder<'_, '_> {
    pub(super) fn user(&mut self, reader: &Reader<'_, '_>) {
        let key = reader.key();
        let data = reader.block.data;
        let field = |name: &str, what: &str| {
            let text = if data { None } else { reader.string(name) };
            if let Some(text) = &text {
                reader.check(name, principal::field(what, text));
            }
            text.unwrap_or_default()
        };
        let given_name = field("given_name", "a first name");
        let family_name = field("family_name", "a last name");
        let display_name = field("display_name", "a display name");
        let email = if data { None } else { reader.string("email") };
        if let Some(email) = &email {
            reader.check("email", principal::email(email));
        }
        let Some(EntityKey::User(user_name)) = key else {
            return;
        };
        if let Some(email) = &email {
            let finding = self.seen.emails.add(email, &format!("user {user_name}"));
            reader.check("email", finding);
        }
        let external_id = self.pinned(reader, PrincipalKey::User(user_name.clone()));
        let management = management(data);
        let claimed = self.claim(&EntityKey::User(user_name.clone()), reader, management);
        if claimed.is_none() || reader.failed.get() {
            return;
        }
        let user = User {
            user_name: user_name.clone(),
            id: None,
            given_name,
            family_name,
            display_name,
            email,
            external_id,
        };
        let entity = self.entity(reader, management, user);
        Self::insert(&mut self.out.desired.snapshot.users, user_name, entity, |_, _| {});
    }

    pub(super) fn group(&mut self, reader: &Reader<'_, '_>) {
        let key = reader.key();
        let data = reader.block.data;
        let description = if data { None } else { reader.string("description") };
        if let Some(text) = &description {
            reader.check("description", principal::field("a group's description", text));
        }
        let members = if data {
            None
        } else {
            reader.entities("members", &[Kind::User])
        };
        let members = members.map(|members| {
            let names = members.iter().filter_map(|member| match &member.key {
                EntityKey::User(name) => Some(name.clone()),
                _ => None,
            });
            names.collect()
        });
        let Some(EntityKey::Group(display_name)) = key else {
            return;
        };
        let external_id = self.pinned(reader, PrincipalKey::Group(display_name.clone()));
        let management = management(data);
        let claimed = self.claim(&EntityKey::Group(display_name.clone()), reader, management);
        if claimed.is_none() || reader.failed.get() {
            return;
        }
        let group = Group {
            display_name: display_name.clone(),
            id: None,
            description,
            members,
            external_id,
        };
        let entity = self.entity(reader, management, group);
        Self::insert(
            &mut self.out.desired.snapshot.groups,
            display_name,
            entity,
            |_, _| {},
        );
    }

    /// The directory's id that a look-up is pinned to.
    fn pinned(&mut self, reader: &Reader<'_, '_>, key: PrincipalKey) -> Option<std::sync::Arc<str>> {
        if !reader.block.data {
            return None;
        }
        let id = reader.string("external_id")?;
        self.out.desired.pinned.push((key, id.clone()));
        Some(id)
    }
}

fn management(data: bool) -> Management {
    if data {
        Management::Referred
    } else {
        Management::Created
    }
}
