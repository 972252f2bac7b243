//! Permission sets of which a plan changes what they allow, for those who have them, as sentences.

use crate::address::Kind;
use crate::id::{PrincipalKey, UserName};
use crate::plan::altered::{Altered, Content};
use crate::plan::risk::RiskMark;
use crate::report::wording::{self, counted};
use crate::source::Location;

use super::PlanView;

/// How many names a sentence has at hand.
const MOST_NAMES: usize = 1000;

/// One set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlteredLine<'a> {
    /// Which, what of it changes, and how many have it.
    pub set: &'a Altered,
    /// Where the set is declared.
    pub location: Option<&'a Location>,
    /// Through whom people have it.
    pub via: Vec<PrincipalKey>,
    /// Groups that have it and whose members cannot be read.
    pub unreadable: u64,
    /// Those who have it, by user name, where it becomes a risk.
    pub people: Vec<UserName>,
}

impl AlteredLine<'_> {
    /// ``what `view` allows changes for 44 people in 18 accounts``, with the set's name as a format writes it.
    pub fn words(&self, set: &str) -> String {
        let holders = self.set.holders;
        let mut who = Vec::new();
        if holders.people > 0 || self.unreadable == 0 {
            who.push(wording::people(holders.people));
        }
        if self.unreadable > 0 {
            let groups = counted(self.unreadable, "group");
            who.push(format!("the members of {groups} that cannot be read"));
        }
        let (who, accounts) = (who.join(" and "), counted(holders.accounts, "account"));
        let what = what_changes(&self.set.changed, set);
        // Where it is known what the roles hold, and it has another mark, it changes for certain.
        let changes = match self.is_behind() && self.set.before == self.set.after {
            true => "may change",
            false => "changes",
        };
        format!("{what} {changes} for {who} in {accounts}")
    }

    /// `no mark → administrator`; nothing where the mark stays. Where it is not known what roles hold that are behind, the
    /// mark is that of what they get.
    pub fn marks(&self) -> Option<String> {
        match self.is_behind() {
            true => {
                let stays = self.set.after.map(|mark| mark.word().to_owned());
                marks(self.set.before, self.set.after).or(stays)
            }
            false => {
                let stays = self
                    .set
                    .after
                    .filter(|_| self.is_edited())
                    .map(|mark| mark.word().to_owned());
                marks(self.set.before, self.set.after).or(stays)
            }
        }
    }

    /// The same in a sentence for who does not know the marks, where it gets graver: `from then on it makes them
    /// administrators there; not so far`.
    pub fn plainly(&self) -> Option<String> {
        let after = self.set.after.filter(|_| becomes_graver(self.set))?;
        let then = match after {
            RiskMark::Administrator => "it makes them administrators there".to_owned(),
            RiskMark::PrivilegeEscalation => {
                "they can give themselves more rights there (privilege escalation)".to_owned()
            }
            mark => format!("it is {}", mark.word()),
        };
        let so_far = match self.set.before {
            None => "not so far".to_owned(),
            Some(before) => format!("so far: {}", before.word()),
        };
        Some(format!("from then on {then}; {so_far}"))
    }

    /// Whether somebody edited roles of the set, whether it stays as it is or not.
    fn is_edited(&self) -> bool {
        self.set.changed.contains(&Content::EditedRoles)
    }

    /// Whether the set stays as it is, and its roles hold an older content.
    fn is_behind(&self) -> bool {
        self.set.changed == [Content::Roles]
    }

    /// `via platform, ops and a direct assignment`, at most so many groups by name.
    pub fn paths(&self, most: usize) -> String {
        let (direct, groups): (Vec<_>, Vec<_>) = self
            .via
            .iter()
            .partition(|key| matches!(key, PrincipalKey::User(_)));
        let names = groups.iter().map(|key| super::principal_name(key));
        let names = (!groups.is_empty()).then(|| wording::some_of(names, groups.len() as u64, most));
        let direct = (!direct.is_empty()).then(|| "a direct assignment".to_owned());
        let parts: Vec<String> = [names, direct].into_iter().flatten().collect();
        format!("via {}", parts.join(" and "))
    }
}

/// What of a set changes: `what view allows`, `how long a session with view lasts`.
pub fn what_changes(changed: &[Content], set: &str) -> String {
    match changed {
        [Content::SessionDuration] => format!("how long a session with {set} lasts"),
        [Content::EditedRoles] => format!("what roles of {set} allow"),
        _ => format!("what {set} allows"),
    }
}

/// A set's gravest mark before and after, where it is another: `no mark → administrator`.
pub fn marks(before: Option<RiskMark>, after: Option<RiskMark>) -> Option<String> {
    let word = |mark: Option<RiskMark>| mark.map_or("no mark", RiskMark::word);
    (before != after).then(|| format!("{} → {}", word(before), word(after)))
}

/// The lines of a view: what becomes a risk first, then by name.
pub fn lines<'a>(view: &PlanView<'a>) -> Vec<AlteredLine<'a>> {
    let sets = view.plan.risks.altered.iter();
    // Where everyone comes to it by the plan, they are told among those who gain.
    let sets = sets.filter(|set| set.holders.accounts > 0);
    let mut lines: Vec<AlteredLine<'a>> = sets.map(|set| line(view, set)).collect();
    lines.sort_by_key(|line| !becomes_graver(line.set));
    lines
}

/// Whether the set amounts to more than it did; a lesser mark is the graver one.
pub fn becomes_graver(set: &Altered) -> bool {
    match (set.before, set.after) {
        (before, Some(after)) => before.is_none_or(|before| after < before),
        _ => false,
    }
}

fn line<'a>(view: &PlanView<'a>, set: &'a Altered) -> AlteredLine<'a> {
    let row = view
        .entities
        .iter()
        .find(|row| row.entity.kind() == Kind::PermissionSet && row.name == set.permission_set.as_str());
    let via = set.through.iter().map(|row| row.via.clone());
    let unread = set.through.iter().filter(|row| row.people.is_empty());
    let roles = set.changed == [Content::Roles] || set.changed == [Content::EditedRoles];
    let marked_roles = roles && (set.before.is_some() || set.after.is_some());
    let people: &[UserName] = match becomes_graver(set) || marked_roles {
        true => &set.having,
        false => &[],
    };
    AlteredLine {
        set,
        location: row.and_then(|row| row.location),
        via: via.collect(),
        unreadable: unread.count() as u64,
        people: people.iter().take(MOST_NAMES).cloned().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{GroupName, PermissionSetName};
    use crate::plan::becoming::{Becoming, Holders};
    use crate::report::plan_view::tests::small;

    fn set(name: &str, changed: Content, after: Option<RiskMark>) -> Altered {
        let name = PermissionSetName::new(name).unwrap();
        let through = |group: &str, people: &[&str]| Becoming {
            permission_set: name.clone(),
            via: PrincipalKey::Group(GroupName::new(group).unwrap()),
            people: people.iter().map(|name| UserName::new(*name).unwrap()).collect(),
            everyone: None,
            accounts: vec![0, 1],
        };
        Altered {
            permission_set: name.clone(),
            changed: vec![changed],
            before: None,
            after,
            covered: false,
            holders: Holders {
                people: 2,
                accounts: 2,
            },
            having: ["ada", "bob"]
                .iter()
                .map(|name| UserName::new(*name).unwrap())
                .collect(),
            through: vec![through("ops", &["bob", "ada"]), through("dark", &[])],
        }
    }

    #[test]
    fn what_becomes_a_risk_comes_first_and_says_for_whom() {
        let mut plan = small();
        assert_eq!(PlanView::new(&plan).nobody(), "Nobody gains or loses access");
        plan.risks.altered = vec![
            set("a", Content::SessionDuration, None),
            set("b", Content::InlinePolicy, Some(RiskMark::Administrator)),
        ];
        let view = PlanView::new(&plan);
        assert_eq!(view.nobody(), "Nobody gains or loses a permission set");
        let words: Vec<String> = view.altered.iter().map(|line| line.words("X")).collect();
        assert_eq!(
            words,
            [
                "what X allows changes for 2 people and the members of 1 group that cannot be read in 2 accounts",
                "how long a session with X lasts changes for 2 people and the members of 1 group that cannot be read in \
                 2 accounts"
            ]
        );
        let marks: Vec<Option<String>> = view.altered.iter().map(AlteredLine::marks).collect();
        assert_eq!(marks, [Some("no mark → administrator".to_owned()), None]);
        let people: Vec<usize> = view.altered.iter().map(|line| line.people.len()).collect();
        assert_eq!(people, [2, 0]);
        assert!(
            view.counting_people()
                .altered
                .iter()
                .all(|line| line.people.is_empty())
        );
    }
}
