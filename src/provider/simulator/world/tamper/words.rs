//! The text form of a change: its words, quoted as for a shell.

use std::fmt;
use std::str::FromStr;

use super::{Tamper, TamperError};

impl Tamper {
    fn words(&self) -> Vec<String> {
        let own = |text: &str| text.to_owned();
        let mut words = vec![own(self.command())];
        words.extend(match self {
            Tamper::Assign {
                set,
                account,
                principal,
            }
            | Tamper::Unassign {
                set,
                account,
                principal,
            } => {
                vec![own(set), own(account), principal.to_string()]
            }
            Tamper::CreateSet { set } | Tamper::DeleteSet { set } => vec![own(set)],
            Tamper::EditSet { set, field, value } => [Some(own(set)), Some(own(field.name())), value.clone()]
                .into_iter()
                .flatten()
                .collect(),
            Tamper::AttachPolicy { set, policy } | Tamper::DetachPolicy { set, policy } => {
                vec![own(set), own(policy)]
            }
            Tamper::CreateGroup { group }
            | Tamper::DeleteGroup { group }
            | Tamper::RecreateGroup { group } => {
                vec![own(group)]
            }
            Tamper::RenameGroup { group, name } => vec![own(group), own(name)],
            Tamper::AddMember { group, user } | Tamper::RemoveMember { group, user } => {
                vec![own(group), own(user)]
            }
            Tamper::CreateUser { user } | Tamper::DeleteUser { user } => vec![own(user)],
            Tamper::MoveAccount { account, unit } => {
                vec![own(account), if unit.is_empty() { own("/") } else { own(unit) }]
            }
            Tamper::TagAccount { account, key, value } => {
                vec![
                    own(account),
                    value
                        .as_ref()
                        .map_or_else(|| own(key), |value| format!("{key}={value}")),
                ]
            }
            Tamper::SuspendAccount { account } | Tamper::DeleteSamlProvider { account } => vec![own(account)],
            Tamper::DeleteRole { set, account } => vec![own(set), own(account)],
            Tamper::EditRole {
                set,
                account,
                attach,
                detach,
                inline_policy,
            } => {
                let edits = [("attach", attach), ("detach", detach), ("inline", inline_policy)];
                let edits = edits
                    .into_iter()
                    .filter_map(|(name, value)| Some([own(name), value.clone()?]));
                [own(set), own(account)]
                    .into_iter()
                    .chain(edits.flatten())
                    .collect()
            }
            Tamper::EditManagedPolicy { policy } => vec![own(policy)],
            Tamper::AddPolicy { account, name, path } | Tamper::RemovePolicy { account, name, path } => {
                vec![own(account), own(name), own(path)]
            }
            Tamper::Advance { by } => vec![format!("{}ms", by.as_millis())],
            Tamper::Fail {
                operation,
                count,
                reason,
            } => {
                vec![operation.to_string(), count.to_string(), own(reason)]
            }
        });
        words
    }

    /// The command's first word.
    pub fn command(&self) -> &'static str {
        match self {
            Tamper::Assign { .. } => "assign",
            Tamper::Unassign { .. } => "unassign",
            Tamper::CreateSet { .. } => "create-set",
            Tamper::EditSet { .. } => "edit-set",
            Tamper::AttachPolicy { .. } => "attach-policy",
            Tamper::DetachPolicy { .. } => "detach-policy",
            Tamper::DeleteSet { .. } => "delete-set",
            Tamper::CreateGroup { .. } => "create-group",
            Tamper::DeleteGroup { .. } => "delete-group",
            Tamper::RecreateGroup { .. } => "recreate-group",
            Tamper::RenameGroup { .. } => "rename-group",
            Tamper::AddMember { .. } => "add-member",
            Tamper::RemoveMember { .. } => "remove-member",
            Tamper::CreateUser { .. } => "create-user",
            Tamper::DeleteUser { .. } => "delete-user",
            Tamper::MoveAccount { .. } => "move-account",
            Tamper::TagAccount { .. } => "tag-account",
            Tamper::SuspendAccount { .. } => "suspend-account",
            Tamper::DeleteRole { .. } => "delete-role",
            Tamper::EditRole { .. } => "edit-role",
            Tamper::DeleteSamlProvider { .. } => "delete-saml-provider",
            Tamper::EditManagedPolicy { .. } => "edit-managed-policy",
            Tamper::AddPolicy { .. } => "add-policy",
            Tamper::RemovePolicy { .. } => "remove-policy",
            Tamper::Advance { .. } => "advance",
            Tamper::Fail { .. } => "fail",
        }
    }
}

impl fmt::Display for Tamper {
    /// The words, quoted where a shell needs it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, word) in self.words().iter().enumerate() {
            if n > 0 {
                f.write_str(" ")?;
            }
            let plain = |c: char| c.is_alphanumeric() || "_-+=,.@:/%".contains(c);
            if !word.is_empty() && word.chars().all(plain) {
                f.write_str(word)?;
            } else {
                write!(f, "'{}'", word.replace('\'', "'\\''"))?;
            }
        }
        Ok(())
    }
}

impl FromStr for Tamper {
    type Err = TamperError;

    /// Splits the text into words as a shell does (single and double quotes, backslash), and reads them.
    fn from_str(text: &str) -> Result<Self, TamperError> {
        Tamper::parse(&split_words(text))
    }
}

fn split_words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some('\''), c) => word.get_or_insert_default().push(c),
            (_, '\\') => word.get_or_insert_default().extend(chars.next()),
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}
