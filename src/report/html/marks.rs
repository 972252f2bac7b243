//! What deserves a reviewer's attention: permission sets that amount to administration, accounts in production.

use crate::model::account::Account;
use crate::model::permission_set::PermissionSet;

/// Whether whoever has the set may do everything: AWS's AdministratorAccess, or an inline policy that allows every
/// action on every resource. A permissions boundary narrows it, and is not looked into.
pub fn is_administrator(set: &PermissionSet) -> bool {
    let managed = set.managed_policies.iter();
    let by_name = managed
        .into_iter()
        .any(|arn| arn.ends_with(":aws:policy/AdministratorAccess"));
    let inline = set.inline_policy.as_ref().and_then(|text| text.as_known());
    by_name || inline.is_some_and(allows_everything)
}

fn allows_everything(policy: &str) -> bool {
    let Ok(policy) = serde_json::from_str::<serde_json::Value>(policy) else {
        return false;
    };
    let has = |statement: &serde_json::Value, key: &str, all: &[&str]| match statement.get(key) {
        Some(serde_json::Value::String(one)) => all.contains(&one.as_str()),
        Some(serde_json::Value::Array(many)) => many
            .iter()
            .any(|one| one.as_str().is_some_and(|one| all.contains(&one))),
        _ => false,
    };
    let statements = match policy.get("Statement") {
        Some(serde_json::Value::Array(many)) => many.iter().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    };
    statements.into_iter().any(|statement| {
        has(statement, "Effect", &["Allow"])
            && has(statement, "Action", &["*", "*:*"])
            && has(statement, "Resource", &["*"])
    })
}

/// How the page says what it takes for production.
pub const PRODUCTION: &str = "An account counts as production when its tag env, environment, stage or tier says so \
    (prod, production, prd, live); without such a tag, when a unit above it is called so or its name has such a part.";

/// Whether an account is in production; see [`PRODUCTION`].
pub fn is_production(account: &Account) -> bool {
    const KEYS: [&str; 4] = ["env", "environment", "stage", "tier"];
    let tags = account.tags.iter().flatten();
    let mut said = tags.filter(|(key, _)| KEYS.contains(&key.to_lowercase().as_str()));
    if let Some((_, value)) = said.next() {
        return names_production(value);
    }
    let units = account.ou.as_ref().map_or("", |path| path.as_str());
    units.split('/').any(names_production) || names_production(&account.name)
}

/// Whether a part of a name is a word for production that no word before it takes back.
fn names_production(name: &str) -> bool {
    const WORDS: [&str; 4] = ["prod", "production", "prd", "live"];
    const NOT: [&str; 4] = ["non", "not", "no", "pre"];
    let lower = name.to_lowercase();
    let mut before = "";
    for word in lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
    {
        if WORDS.contains(&word) && !NOT.contains(&before) {
            return true;
        }
        before = word;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{AccountId, AccountKey, OuPath, PermissionSetName};
    use crate::model::text::Text;

    #[test]
    fn words_for_production_are_whole_words() {
        for name in ["payments-prod", "Prod", "acme production", "prd_1"] {
            assert!(names_production(name), "{name}");
        }
        for name in [
            "product-catalog",
            "nonprod",
            "non-prod",
            "pre-prod",
            "delivery",
            "sandbox",
        ] {
            assert!(!names_production(name), "{name}");
        }
    }

    #[test]
    fn a_tag_decides_before_names_do() {
        let mut account = Account {
            key: AccountKey::Id(AccountId::new("111122223333").unwrap()),
            name: "payments".into(),
            email: None,
            ou: Some(OuPath::new("Workloads/Prod").unwrap()),
            tags: None,
            status: Default::default(),
            management: false,
        };
        assert!(is_production(&account));
        account.tags = Some([("Env".into(), "staging".into())].into());
        assert!(!is_production(&account));
    }

    #[test]
    fn a_set_that_allows_everything_is_administration() {
        let mut set = PermissionSet::new(PermissionSetName::new("x").unwrap());
        assert!(!is_administrator(&set));
        let policy = |action: &str| {
            let text =
                format!(r#"{{"Statement":{{"Effect":"Allow","Action":["{action}"],"Resource":"*"}}}}"#);
            Some(Text::known(text))
        };
        set.inline_policy = policy("s3:*");
        assert!(!is_administrator(&set));
        set.inline_policy = policy("*");
        assert!(is_administrator(&set));
        set.inline_policy = None;
        set.managed_policies = ["arn:aws-us-gov:iam::aws:policy/AdministratorAccess".into()].into();
        assert!(is_administrator(&set), "in every partition");
    }
}
