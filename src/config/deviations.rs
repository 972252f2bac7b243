//! Where the expression language departs from Terraform 1.11.4, in one table for the reference.

/// One deviation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deviation {
    /// What it is about, in a few words.
    pub subject: &'static str,
    /// What Terraform does.
    pub terraform: &'static str,
    /// What happens here.
    pub here: &'static str,
    /// Why.
    pub reason: &'static str,
}

/// Every deviation.
pub const DEVIATIONS: &[Deviation] = &[
    Deviation {
        subject: "`&&` and `||`",
        terraform: "evaluate both sides",
        here: "do not look at the right side when the left one decides",
        reason: "`x != null && x.a` should not need `try`",
    },
    Deviation {
        subject: "Entities",
        terraform: "a resource is an object",
        here: "a block is an entity: equal and ordered by what the service calls it, never unified with objects",
        reason: "a list of accounts should be a list of accounts, whatever it went through",
    },
    Deviation {
        subject: "Unknown values",
        terraform: "say nothing but their type",
        here: "remember which attribute they stand for; text made of them is completed by apply",
        reason: "a plan can show, and its digest cover, what will be written",
    },
    Deviation {
        subject: "Equality with something unknown inside",
        terraform: "unknown",
        here: "false where a known part already differs",
        reason: "fewer values are unknown",
    },
    Deviation {
        subject: "A key written twice in one `{ … }`",
        terraform: "the later value stays",
        here: "an error",
        reason: "it is always a slip",
    },
    Deviation {
        subject: "Very large and very small numbers",
        terraform: "any exponent",
        here: "beyond 2^1048576 they are infinite, or zero; literals end at 1e300000",
        reason: "one short expression should not take minutes to print",
    },
    Deviation {
        subject: "Nesting",
        terraform: "no limit",
        here: "60 brackets open at once, 128 operators in one chain",
        reason: "hostile text must not exhaust the stack",
    },
    Deviation {
        subject: "The console's output",
        terraform: "several lines, with `tolist(…)`, `toset(…)`, `tomap(…)` and heredocs",
        here: "one line a value: `[a, b]`, `{a = 1}`, text with escapes",
        reason: "scripts read it line by line",
    },
    Deviation {
        subject: "Functions that read a clock, a random source or other providers",
        terraform: "exist",
        here: "do not",
        reason: "a plan is a function of its inputs",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_subject_stands_once() {
        let mut subjects: Vec<&str> = DEVIATIONS.iter().map(|deviation| deviation.subject).collect();
        subjects.sort_unstable();
        let count = subjects.len();
        subjects.dedup();
        assert_eq!(subjects.len(), count);
    }
}
