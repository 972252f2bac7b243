//! Refusals for the lack of an IAM action: what many of them have in common, so that one lacking action is told once,
//! and not once for each thing that it keeps from being read or done.
//!
//! Reasons are kept as sentences, in states and in dumped inputs too; what they say is read from them here, and
//! nowhere else.

use std::collections::BTreeMap;

/// What ends the sentence of a refusal, before the action that the caller lacks.
pub const LACKS: &str = "; the caller lacks ";

/// What begins the reason for which an account is held that does not exist.
pub const NO_ACCOUNT: &str = "the organization has no account ";

/// A refusal for the lack of an action. Refusals that are equal are one cause, whatever resources they name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Denial<'t> {
    /// The action: `sso:ListAccountAssignments`.
    pub action: &'t str,
    /// Which policy it is, in AWS's words (`because no identity-based policy allows the … action`, `with an explicit
    /// deny in a service control policy`); empty where the message does not say it.
    pub cause: &'t str,
}

impl<'t> Denial<'t> {
    /// What a reason says, if it is that the caller lacks an action.
    pub fn of(why: &'t str) -> Option<Self> {
        let (words, action) = why.rsplit_once(LACKS)?;
        if action.is_empty() || action.contains(char::is_whitespace) {
            return None;
        }
        Some(Denial {
            action,
            cause: cause(words),
        })
    }

    /// The service's words in a reason, with the request id and without what follows.
    pub fn words(why: &str) -> &str {
        why.rsplit_once(LACKS).map_or(why, |(words, _)| words)
    }

    /// What helps: to look when `command` is `plan`, to change something when it is `apply`.
    pub fn remedy(&self, command: &str) -> String {
        if self.cause.contains("explicit deny") {
            return format!(
                "a policy denies {} explicitly, which no other policy lifts: change the one that the message names",
                self.action
            );
        }
        format!(
            "allow the caller {}; `rolecall policy --for {command}` prints the whole policy that is needed",
            self.action
        )
    }
}

/// From ` because …` or ` with an explicit deny …` to the request id.
fn cause(words: &str) -> &str {
    let Some((_, rest)) = words.split_once("is not authorized to perform: ") else {
        return "";
    };
    let starts = [" because ", " with an explicit deny"];
    let Some(start) = starts.iter().filter_map(|start| rest.find(start)).min() else {
        return "";
    };
    let cause = rest.get(start..).unwrap_or_default();
    let cause = cause.split_once(" (request ").map_or(cause, |(cause, _)| cause);
    cause.trim()
}

/// What a reason has in common with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Alike<'t> {
    /// The caller lacks an action.
    Lacks(Denial<'t>),
    /// There is no such account.
    NoAccount,
    /// Nothing but its words.
    Words(&'t str),
}

impl<'t> Alike<'t> {
    /// What a reason has in common with others.
    pub fn of(why: &'t str) -> Self {
        match Denial::of(why) {
            Some(denial) => Alike::Lacks(denial),
            None if why.starts_with(NO_ACCOUNT) => Alike::NoAccount,
            None => Alike::Words(why),
        }
    }
}

/// Things that are held for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Together<'t> {
    /// What they have in common.
    pub reason: Alike<'t>,
    /// What is held; several only for a lacking action and for accounts that do not exist.
    pub subjects: Vec<&'t str>,
    /// The reason of the first of them, whole.
    pub why: &'t str,
}

impl<'t> Together<'t> {
    /// Brings together what is held for one reason, where the first of them stands. Reasons that are nothing but words
    /// stay with what they are about.
    pub fn of(held: impl IntoIterator<Item = (&'t str, &'t str)>) -> Vec<Self> {
        let mut places: BTreeMap<Alike<'t>, usize> = BTreeMap::new();
        let mut found: Vec<Together<'t>> = Vec::new();
        for (subject, why) in held {
            let reason = Alike::of(why);
            let known = match reason {
                Alike::Words(_) => None,
                _ => places.get(&reason).and_then(|at| found.get_mut(*at)),
            };
            if let Some(known) = known {
                known.subjects.push(subject);
                continue;
            }
            places.insert(reason, found.len());
            found.push(Together {
                reason,
                subjects: vec![subject],
                why,
            });
        }
        found
    }

    /// What several of them have in common, as the beginning of a sentence; `None` for one alone.
    pub fn title(&self) -> Option<String> {
        let count = self.subjects.len();
        match self.reason {
            _ if count < 2 => None,
            Alike::Lacks(denial) => Some(format!(
                "the caller lacks {}: {count} things could not be read",
                denial.action
            )),
            Alike::NoAccount => Some(format!("{count} accounts are not in the organization")),
            Alike::Words(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(set: &str, cause: &str, request: u8) -> String {
        format!(
            "DescribePermissionSet: AccessDeniedException: User: arn:aws:sts::111122223333:assumed-role/ci/x is not \
             authorized to perform: sso:DescribePermissionSet on resource: \
             arn:aws:sso:::permissionSet/ssoins-1/{set}{cause} (request r-{request}); the caller lacks \
             sso:DescribePermissionSet"
        )
    }

    #[test]
    fn the_resource_and_the_request_make_no_difference_and_the_policy_does() {
        let none = " because no identity-based policy allows the sso:DescribePermissionSet action";
        let scp = " with an explicit deny in a service control policy";
        let (one, other, denied) = (why("ps-1", none, 1), why("ps-2", none, 2), why("ps-3", scp, 3));
        let bare = (why("ps-1", "", 1), why("ps-2", "", 2));
        assert_eq!(Denial::of(&one), Denial::of(&other));
        assert_eq!(Denial::of(&bare.0), Denial::of(&bare.1));
        assert_ne!(Denial::of(&one), Denial::of(&denied));
        let found = Denial::of(&denied).unwrap();
        assert_eq!(
            (found.action, found.cause),
            ("sso:DescribePermissionSet", scp.trim())
        );
        assert!(Denial::words(&one).ends_with("(request r-1)"));
        assert!(found.remedy("plan").contains("explicitly"));
        assert!(Denial::of(&one).unwrap().remedy("apply").contains("--for apply"));
    }

    #[test]
    fn other_reasons_are_alike_when_their_words_are() {
        assert_eq!(Denial::of("ListUsers: InternalServerException"), None);
        assert_eq!(Denial::of("frozen; the caller lacks everything he needs"), None);
        assert_eq!(
            Alike::of("the organization has no account 111122223333 (a)"),
            Alike::of("the organization has no account 444455556666 (b)")
        );
        assert_ne!(Alike::of("throttled"), Alike::of("gone"));
    }

    #[test]
    fn what_is_held_for_one_lacking_action_is_together_where_its_first_stands() {
        let (one, two) = (why("ps-1", "", 1), why("ps-2", "", 2));
        let held = [("a", &*one), ("b", "throttled"), ("c", &*two), ("d", "throttled")];
        let found = Together::of(held);
        let subjects: Vec<&[&str]> = found.iter().map(|together| &*together.subjects).collect();
        assert_eq!(subjects, [&["a", "c"][..], &["b"], &["d"]]);
        assert_eq!(
            found[0].title().as_deref(),
            Some("the caller lacks sso:DescribePermissionSet: 2 things could not be read")
        );
        assert_eq!((found[0].why, found[1].title()), (&*one, None));
    }
}
