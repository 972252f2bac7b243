//! What the resources of a statement can be: whether a pattern reaches everything of a type, or what is an
//! administrator's.
//!
//! By the IAM user guide, "IAM JSON policy elements: Resource": `*` and `?` are wildcards, a wildcard at the end of a
//! segment may reach beyond it, and an ARN with fewer than six segments is completed with `*` (`arn:aws:sqs` is
//! `arn:aws:sqs:*:*:*`). By "Policy variables and tags", `${*}`, `${?}` and `${$}` are those characters; any other
//! variable may have any value, and is read as `*`. Where it is not plain what a pattern means, it means more.

/// One piece of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    /// This character.
    Char(char),
    /// `?`: any one character.
    One,
    /// `*`, or a policy variable: any characters, or none.
    Any,
}

/// A pattern of resources, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourcePattern {
    pieces: Vec<Piece>,
    /// With what an incomplete ARN lacks.
    completed: Option<Vec<Piece>>,
    /// Whether it has policy variables, so that it may mean less than it seems.
    varies: bool,
}

/// How much of a type of resource a pattern reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reached {
    /// What an administrator is known by: `role/OrganizationAccountAccessRole`, `role/Admin*`.
    Administrators,
    /// Any of them.
    Any,
}

/// Roles that administer accounts by the guides of AWS that tell to create them. Organizations, "Accessing member
/// accounts"; Control Tower, "How AWS Control Tower works with roles"; CloudFormation, "Grant self-managed
/// permissions", and for service-managed stack sets the roles that CloudFormationStackSetsOrgAdminServiceRolePolicy takes
/// (AWS managed policy reference); CDK, "Bootstrapping", whose `cfn-exec-role` has AdministratorAccess unless told
/// otherwise, and whose `deploy-role` passes that one to CloudFormation.
const ADMINISTRATORS: &[&str] = &[
    "OrganizationAccountAccessRole",
    "AWSControlTowerExecution",
    "AWSControlTowerAdmin",
    "AWSCloudFormationStackSetExecutionRole",
    "AWSCloudFormationStackSetAdministrationRole",
    // What people call them.
    "Admin",
    "Admins",
    "Administrator",
    "Administrators",
    "AdministratorAccess",
    "admin-role",
    "AdminRole",
];

/// Those of service-managed stack sets. Hexadecimal digits come next, whose number nobody states.
const OF_STACK_SETS: &str = "stacksets-exec-";
const LEAST_DIGITS: usize = 8;

/// Those of CDK's bootstrapping, under its default qualifier and the one of the Landing Zone Accelerator
/// (awslabs/landing-zone-accelerator-on-aws). They end with the account and the Region, whose name ends with a digit.
const OF_CDK: &[&str] = &[
    "cdk-hnb659fds-cfn-exec-role-#-~",
    "cdk-hnb659fds-deploy-role-#-~",
    "cdk-accel-cfn-exec-role-#-~",
    "cdk-accel-deploy-role-#-~",
];

/// Where the roles of permission sets are, without the Region that most have and with it, and as those write it who leave
/// out the path. What comes next is the set's name, and `_` with [`SUFFIX`] hexadecimal digits (IAM Identity Center user
/// guide, "Referencing permission sets in resource policies").
///
/// Their trust policies let in whoever signs in, and no `sts:AssumeRole`; but no policy of trust is read here, and a
/// pattern that a set's `Administrator` makes a way is one as well where it is so short that it takes in the same role.
/// The line is that of other roles: fewer than three letters of the set's name, or what an administrator's begins with. A
/// set's own name, written out, is an administrator's by its words only: what the other sets of a stack amount to is
/// not asked here, or a set's mark would come and go with another set's policies.
const OF_SETS: &[&str] = &[
    "aws-reserved/sso.amazonaws.com/AWSReservedSSO_",
    "aws-reserved/sso.amazonaws.com/~/AWSReservedSSO_",
    "AWSReservedSSO_",
];
const SUFFIX: usize = 16;

/// A name with fewer letters that stand for themselves is no name: `role/a*`.
const LEAST_LETTERS: usize = 3;

/// How many `:` a whole ARN has at least.
const COLONS: usize = 5;

impl ResourcePattern {
    /// Reads a pattern.
    pub fn new(text: &str) -> Self {
        let (pieces, varies) = read(text);
        ResourcePattern {
            completed: completed(&pieces),
            pieces,
            varies,
        }
    }

    /// The ARN that IAM makes of an incomplete one: `arn:aws:iam:*:*:*` of `arn:aws:iam`.
    pub fn completion(text: &str) -> Option<String> {
        let pieces = read(text).0;
        let lacking = completed(&pieces)?.len().checked_sub(pieces.len())?;
        Some(format!("{text}{}", ":*".repeat(lacking / 2)))
    }

    /// How much it reaches of what has ARNs of a form: from the service on, up to the name, with `%` for any text
    /// within a segment and `#` for an account: `iam::#:role/`.
    pub fn reaches(&self, form: &str) -> Option<Reached> {
        let readings = std::iter::once(&self.pieces).chain(&self.completed);
        readings.filter_map(|pieces| reaches(pieces, form)).max()
    }

    /// Whether it can be anything at all that begins with a form.
    pub fn may_be(&self, form: &str) -> bool {
        let mut readings = std::iter::once(&self.pieces).chain(&self.completed);
        readings.any(|pieces| !after_form(pieces, form).is_empty())
    }

    /// Whether it means everything with ARNs of a form, for certain.
    pub fn covers_all(&self, form: &str) -> bool {
        let mut all: Vec<Piece> = "arn:".chars().map(Piece::Char).collect();
        all.extend([Piece::Any, Piece::Char(':')]);
        all.extend(form.chars().map(|c| match c {
            '%' | '#' => Piece::Any,
            c => Piece::Char(c),
        }));
        all.extend([Piece::One, Piece::Any]);
        let mut readings = std::iter::once(&self.pieces).chain(&self.completed);
        !self.varies && readings.any(|pieces| covers(&any_partition(pieces), &all))
    }

    /// Whether it means all that another one means, for certain.
    pub fn covers(&self, other: &ResourcePattern) -> bool {
        let whole = |pattern: &ResourcePattern| pattern.completed.clone().unwrap_or(pattern.pieces.clone());
        !self.varies && covers(&whole(self), &whole(other))
    }
}

fn read(text: &str) -> (Vec<Piece>, bool) {
    let (mut pieces, mut varies) = (Vec::new(), false);
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let variable = rest.strip_prefix("${").and_then(|inner| inner.split_once('}'));
        if let Some((name, after)) = variable {
            let mut letters = name.chars();
            match (letters.next(), letters.next()) {
                (Some(c @ ('*' | '?' | '$')), None) => pieces.push(Piece::Char(c)),
                // Whoever has taken a role has no user name, so that this matches nobody's (IAM user guide, "AWS global
                // condition context keys", `aws:username`): a name of its own.
                _ if name.eq_ignore_ascii_case("aws:username") => {
                    pieces.extend("user-name".chars().map(Piece::Char));
                }
                _ => {
                    pieces.push(Piece::Any);
                    varies = true;
                }
            }
            rest = after;
            continue;
        }
        pieces.push(match first {
            '*' => Piece::Any,
            '?' => Piece::One,
            c => Piece::Char(c),
        });
        rest = rest.get(first.len_utf8()..).unwrap_or_default();
    }
    (pieces, varies)
}

/// With `:*` for each segment that is not there; `None` for what is whole, or no ARN.
fn completed(pieces: &[Piece]) -> Option<Vec<Piece>> {
    let start: Vec<Piece> = "arn:".chars().map(Piece::Char).collect();
    let colons = pieces.iter().filter(|piece| **piece == Piece::Char(':')).count();
    let lacking = COLONS.checked_sub(colons).filter(|lacking| *lacking > 0)?;
    if !pieces.starts_with(&start) {
        return None;
    }
    let more = std::iter::repeat_n([Piece::Char(':'), Piece::Any], lacking).flatten();
    Some(pieces.iter().copied().chain(more).collect())
}

/// With a wildcard for the partition: a set is provisioned in one, and what is said of it is said there.
fn any_partition(pieces: &[Piece]) -> Vec<Piece> {
    let colon = |piece: &Piece| *piece == Piece::Char(':');
    let mut parts: Vec<&[Piece]> = pieces.splitn(3, colon).collect();
    match parts.get_mut(1) {
        Some(partition) if !partition.contains(&Piece::Any) => *partition = &[Piece::Any],
        _ => {}
    }
    parts.join(&Piece::Char(':'))
}

fn reaches(pieces: &[Piece], form: &str) -> Option<Reached> {
    let reached = after_form(pieces, form);
    let rest = |at: &usize| pieces.get(*at..).unwrap_or_default();
    // Some things have no name: an account has one root user.
    let is_it = !form.ends_with([':', '/']) && reached.iter().any(|at| rest(at).is_empty());
    if is_it || reached.iter().any(|at| is_open(rest(at))) {
        return Some(Reached::Any);
    }
    // A `*` before the name may have taken the place of one, but no name has a `:`.
    let is_name = |at: &usize| !rest(at).contains(&Piece::Char(':'));
    let by_word = |at: &usize| is_name(at) && literal(rest(at)).contains("admin");
    let named = reached.iter().any(by_word)
        || form.ends_with(":role/") && is_of_administrators_set(pieces, &reached)
        || ADMINISTRATORS.iter().any(|name| {
            let at = through(pieces, &reached, name);
            at.iter().any(|at| rest(at).is_empty())
        })
        || is_of_stack_sets(pieces, &reached)
        || OF_CDK.iter().any(|name| {
            let at = through(pieces, &reached, name);
            let at = consume(pieces, &at, |own| own.is_ascii_digit());
            at.iter().any(|at| rest(at).is_empty())
        });
    named.then_some(Reached::Administrators)
}

/// Whether it can be the role that service-managed stack sets have in an account.
fn is_of_stack_sets(pieces: &[Piece], from: &[usize]) -> bool {
    let mut at = through(pieces, from, OF_STACK_SETS);
    for _ in 0..LEAST_DIGITS {
        at = consume(pieces, &at, |own| own.is_ascii_hexdigit());
    }
    let at = run(pieces, &at, |own| own.is_ascii_hexdigit());
    at.contains(&pieces.len())
}

/// Whether it can be the role of a set that administers, by the set's name.
fn is_of_administrators_set(pieces: &[Piece], from: &[usize]) -> bool {
    let rest = |at: &usize| pieces.get(*at..).unwrap_or_default();
    OF_SETS.iter().any(|place| {
        let names = through(pieces, from, place);
        names.iter().any(|at| is_open(rest(at)))
            || ADMINISTRATORS.iter().any(|name| {
                let mut at = through(pieces, &through(pieces, &names, name), "_");
                for _ in 0..SUFFIX {
                    at = consume(pieces, &at, |own| own.is_ascii_hexdigit());
                }
                at.iter().any(|at| rest(at).is_empty())
            })
    })
}

/// Whether what is left of a pattern is no name: wildcards, and next to nothing else.
fn is_open(rest: &[Piece]) -> bool {
    let letters = rest
        .iter()
        .filter(|piece| matches!(piece, Piece::Char(c) if *c != '/'))
        .count();
    match letters {
        0 => rest.iter().any(|piece| matches!(piece, Piece::Any | Piece::One)),
        few => few < LEAST_LETTERS && rest.contains(&Piece::Any),
    }
}

/// The letters that stand for themselves, in lower case, with a gap for each wildcard.
fn literal(pieces: &[Piece]) -> String {
    let letters = pieces.iter().map(|piece| match piece {
        Piece::Char(c) => c.to_ascii_lowercase(),
        Piece::One | Piece::Any => ' ',
    });
    letters.collect()
}

/// Where in a pattern one may be once it has taken in an ARN of a form up to its name.
fn after_form(pieces: &[Piece], form: &str) -> Vec<usize> {
    let mut at = closed(pieces, vec![0]);
    for c in "arn:".chars() {
        at = consume(pieces, &at, |own| own == c);
    }
    at = run(pieces, &at, is_within_segment);
    at = consume(pieces, &at, |own| own == ':');
    through(pieces, &at, form)
}

/// Where one may be once it has taken in more of a form, or of one with `~` for a Region besides.
fn through(pieces: &[Piece], from: &[usize], form: &str) -> Vec<usize> {
    form.chars().fold(from.to_vec(), |at, c| match c {
        '%' => run(pieces, &at, is_within_segment),
        '~' => run(pieces, &at, |own| own.is_ascii_alphanumeric() || own == '-'),
        '#' => (0..12).fold(at, |at, _| consume(pieces, &at, |own| own.is_ascii_digit())),
        c => consume(pieces, &at, |own| own.eq_ignore_ascii_case(&c)),
    })
}

/// One character further on.
fn consume(pieces: &[Piece], from: &[usize], is_it: impl Fn(char) -> bool) -> Vec<usize> {
    let next = from.iter().filter_map(|at| match pieces.get(*at)? {
        Piece::Any => Some(*at),
        Piece::One => Some(at + 1),
        Piece::Char(own) => is_it(*own).then_some(at + 1),
    });
    closed(pieces, next.collect())
}

fn is_within_segment(own: char) -> bool {
    own != ':' && own != '/'
}

/// Any text further on of such characters.
fn run(pieces: &[Piece], from: &[usize], is_it: fn(char) -> bool) -> Vec<usize> {
    let mut all = from.to_vec();
    loop {
        let mut next = consume(pieces, &all, is_it);
        next.extend(&all);
        let next = closed(pieces, next);
        if next == all {
            return all;
        }
        all = next;
    }
}

/// With what is reached because `*` may be nothing; ascending.
fn closed(pieces: &[Piece], mut all: Vec<usize>) -> Vec<usize> {
    let mut at = 0;
    while let Some(place) = all.get(at).copied() {
        if pieces.get(place) == Some(&Piece::Any) && !all.contains(&(place + 1)) {
            all.push(place + 1);
        }
        at += 1;
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// Whether one pattern means all that another means. What is not plain is `false`.
fn covers(one: &[Piece], other: &[Piece]) -> bool {
    let mut after = vec![false; other.len() + 1];
    for at in (0..=one.len()).rev() {
        let mut here = vec![false; other.len() + 1];
        for place in (0..=other.len()).rev() {
            let get = |line: &[bool], place: usize| line.get(place).copied().unwrap_or(false);
            let covered = match (one.get(at), other.get(place)) {
                (None, None) => true,
                (Some(Piece::Any), _) => get(&after, place) || place < other.len() && get(&here, place + 1),
                (Some(Piece::One), Some(Piece::One | Piece::Char(_))) => get(&after, place + 1),
                (Some(Piece::Char(a)), Some(Piece::Char(b))) => a == b && get(&after, place + 1),
                _ => false,
            };
            if let Some(slot) = here.get_mut(place) {
                *slot = covered;
            }
        }
        after = here;
    }
    after.first().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "iam::#:role/";

    fn reached(pattern: &str) -> Option<Reached> {
        ResourcePattern::new(pattern).reaches(ROLE)
    }

    #[test]
    fn what_is_any_role_however_written() {
        for any in [
            "*",
            "**",
            "?*",
            "arn:*",
            "arn:aws:*",
            "arn:aws:iam",
            "arn:aws:iam*",
            "arn:aws:iam:",
            "arn:aws:iam::*",
            "arn:aws:i?m::*:*",
            "arn:aws:*:role/*",
            "arn:aws-us-gov:iam::*:role/*",
            "arn:aws:iam::123456789012:*",
            "arn:aws:iam::12345678901?:role*",
            "arn:aws:iam::*:*/?*",
            "arn:aws:iam::*:*e*",
            "arn:aws:iam::*:ro?e/??????",
            "arn:aws:iam::*:role/?*",
            "arn:aws:iam::*:role/a*",
            "arn:aws:iam::*:role/*/*",
            "arn:aws:iam::${aws:PrincipalAccount}:role/*",
            "arn:aws:iam::*:role/${aws:PrincipalTag/team, 'none'}",
            "arn:${aws:PrincipalTag/x}:iam::*:role/*",
        ] {
            assert_eq!(reached(any), Some(Reached::Any), "{any}");
        }
    }

    #[test]
    fn what_an_administrator_is_known_by() {
        for named in [
            "arn:aws:iam::*:role/OrganizationAccountAccessRole",
            "arn:aws:iam::123456789012:role/AWSControlTowerExecution",
            "arn:aws:iam::*:role/Org*",
            "arn:aws:iam::*:role/Admin*",
            "arn:aws:iam::*:role/*min*",
            "arn:aws:iam::*:role/*istrator",
            "arn:aws:iam::*:role/team/break-glass-admin",
            "arn:aws:iam::*:role/cdk-*",
            "arn:aws:iam::*:role/aws-reserved/*",
            "arn:aws:iam::*:role/aws-reserved/sso.amazonaws.com/*",
            "arn:aws:iam::*:role/aws-reserved/sso.amazonaws.com/*/AWSReservedSSO_*",
            "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_*",
            "arn:aws:iam::*:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Adm*",
            "arn:aws:iam::*:role/aws-reserved/sso.amazonaws.com/*_Adm*_0123456789abcdef",
            "arn:aws:iam::*:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_B*",
            "arn:aws:iam::*:role/AWSReservedSSO_*",
            "arn:aws:iam::*:role/*/AWSReservedSSO_*",
            "arn:aws:iam::*:role/AWS*",
            "arn:aws:iam::*:role/stacksets-exec-*",
            "arn:aws:iam::111122223333:role/stacksets-exec-0123456789abcdef0123456789abcdef",
            "arn:aws:iam::*:role/cdk-hnb659fds-deploy-role-*",
            "arn:aws:iam::*:role/cdk-accel-cfn-exec-role-111122223333-eu-west-1",
            "arn:aws:iam::*:role/Adm*",
        ] {
            assert_eq!(reached(named), Some(Reached::Administrators), "{named}");
        }
    }

    #[test]
    fn what_is_neither() {
        for narrow in [
            "",
            "arn:aws:iam::*:role/app-*",
            "arn:aws:iam::*:role/app/*",
            "arn:aws:iam::*:role/*-deploy",
            "arn:aws:iam::*:role/*-decade",
            "arn:aws:iam::111122223333:role/aws-service-role/*",
            "arn:aws:iam::*:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_ReadOnly_*",
            "arn:aws:iam::*:role/aws-reserved/sso.amazonaws.com/*/AWSReservedSSO_Deploy*",
            "arn:aws:iam::*:role/aws-reserved/sso.amazonaws.com/*/AWSReservedSSO_Adm_0123456789abcdef",
            "arn:aws:iam::*:role/${*}",
            "arn:aws:iam::*:role/deploy",
            "arn:aws:iam::*:role/cdk-hnb659fds-lookup-role-*",
            "arn:aws:iam::*:role/cdk-hnb659fds-file-publishing-role-111122223333-eu-west-1",
            "arn:aws:iam::*:role/stacksets-*-reader",
            "arn:aws:iam::*:role/${aws:username}",
            "arn:aws:iam::*:user/*",
            "arn:aws:iam::aws:*",
            "arn:aws:iam:::role/*",
            "arn:aws:s3:::*",
            "arn:aws:s3",
            "arn:aws:iam::*:policy/Admin*",
        ] {
            assert_eq!(reached(narrow), None, "{narrow}");
        }
    }

    #[test]
    fn the_root_user_of_an_account_has_no_name() {
        let reached = |pattern: &str| ResourcePattern::new(pattern).reaches("iam::#:root");
        for root in [
            "*",
            "arn:aws:iam::*:root",
            "arn:aws:iam::111122223333:root",
            "arn:aws:iam::*:r*",
        ] {
            assert_eq!(reached(root), Some(Reached::Any), "{root}");
        }
        for other in [
            "arn:aws:iam::*:role/root",
            "arn:aws:iam::*:rooted",
            "arn:aws:iam::1111:root",
        ] {
            assert_eq!(reached(other), None, "{other}");
        }
    }

    #[test]
    fn only_what_is_certain_covers() {
        for (pattern, covers) in [
            ("*", true),
            ("arn:aws:iam::*:*", true),
            ("arn:aws:iam", true),
            ("arn:aws:iam::*:role/?*", true),
            ("arn:*:iam:*:*:role/*", true),
            ("arn:aws:iam::123456789012:role/*", false),
            ("arn:aws:iam::${aws:PrincipalAccount}:role/*", false),
            ("arn:aws:iam::*:role/??*", false),
            ("arn:aws:iam::*:role/a*", false),
            ("arn:aws:iam::*:user/*", false),
        ] {
            assert_eq!(
                ResourcePattern::new(pattern).covers_all(ROLE),
                covers,
                "{pattern}"
            );
        }
        let covers = |one, other| ResourcePattern::new(one).covers(&ResourcePattern::new(other));
        assert!(covers("arn:aws:iam::*:role/A*", "arn:aws:iam::*:role/Admin?"));
        assert!(covers("arn:aws:iam", "arn:aws:iam::*:role/Admin"));
        assert!(!covers("arn:aws:iam::*:role/A?*", "arn:aws:iam::*:role/A*"));
        assert!(!covers("arn:aws:iam::*:role/admin", "arn:aws:iam::*:role/Admin"));
    }

    #[test]
    fn an_incomplete_arn_is_completed() {
        let completion = ResourcePattern::completion;
        assert_eq!(completion("arn:aws:iam").as_deref(), Some("arn:aws:iam:*:*:*"));
        assert_eq!(completion("arn:aws:iam::*").as_deref(), Some("arn:aws:iam::*:*"));
        assert_eq!(completion("arn:aws:s3:::${aws:username}"), None);
        assert_eq!(completion("*"), None);
    }
}
