//! What a change of a permission set does for those who have it.

use super::permission_set::PermissionSet;
use super::privilege::judge;

/// Whether it lets them do more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Widening {
    /// No more, as far as can be told, or clearly less: the set is a risk of a lower kind then.
    None,
    /// More, and nothing less; or it becomes a risk of a higher kind.
    Wider,
    /// Something else: perhaps more, perhaps less. Which policies are there is known, not what they come to.
    Other,
}

impl Widening {
    /// What going from one content to another does.
    pub fn of(from: &PermissionSet, to: &PermissionSet) -> Self {
        if !from.may_allow_less_than(to) {
            return Widening::None;
        }
        let (was, becomes) = (judge(from), judge(to));
        if was.is_graver_than(&becomes) {
            Widening::None
        } else if becomes.is_graver_than(&was) || !to.may_allow_less_than(from) {
            Widening::Wider
        } else {
            Widening::Other
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::id::PermissionSetName;

    use super::*;

    #[test]
    fn it_goes_by_the_risk_first() {
        let with = |names: &[&str]| {
            let mut set = PermissionSet::new(PermissionSetName::new("s").unwrap());
            let arns = names
                .iter()
                .map(|name| Arc::from(format!("arn:aws:iam::aws:policy/{name}")));
            set.managed_policies = arns.collect();
            set
        };
        let (admin, read, security) = (
            with(&["AdministratorAccess"]),
            with(&["ReadOnlyAccess"]),
            with(&["SecurityAudit"]),
        );
        assert_eq!(Widening::of(&read, &admin), Widening::Wider);
        assert_eq!(Widening::of(&admin, &read), Widening::None);
        assert_eq!(Widening::of(&read, &security), Widening::Other);
        assert_eq!(
            Widening::of(&read, &with(&["ReadOnlyAccess", "SecurityAudit"])),
            Widening::Wider
        );
        assert_eq!(
            Widening::of(&with(&["ReadOnlyAccess", "SecurityAudit"]), &read),
            Widening::None
        );
        assert_eq!(Widening::of(&read, &read), Widening::None);
    }
}
