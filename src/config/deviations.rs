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
        reason: "`x != null && x.a` should not need `try`; so the side that was not looked at makes nothing sensitive",
    },
    Deviation {
        subject: "A function that does not exist, inside `try` or `can`",
        terraform: "is a failure like any other: the next argument is taken",
        here: "is an error",
        reason: "a misspelt name should not decide who gets access",
    },
    Deviation {
        subject: "`templatefile` inside a template file",
        terraform: "is an error",
        here: "works, to a limited depth",
        reason: "there is no reason to forbid it",
    },
    Deviation {
        subject: "`csvdecode` of text with a byte-order mark",
        terraform: "makes it part of the first column's name",
        here: "drops it",
        reason: "spreadsheets write it, and nobody sees it",
    },
    Deviation {
        subject: "Files of variables",
        terraform: "take no function calls",
        here: "take pure functions, but no names",
        reason: "they depend on nothing but the file",
    },
    Deviation {
        subject: "`element` of a tuple with a negative index",
        terraform: "breaks down inside the function, up to 1.11 at least",
        here: "counts from the end, as for a list",
        reason: "its documentation says so",
    },
    Deviation {
        subject: "Entities",
        terraform: "a resource is an object",
        here: "a block is an entity: equal by what the service calls it, in sets ordered by address, never unified with objects",
        reason: "a list of accounts should be a list of accounts, whatever it went through",
    },
    Deviation {
        subject: "Unknown values",
        terraform: "say nothing but their type",
        here: "remember which attribute they stand for; text made of them is completed by apply where an attribute takes it (policies, relay state, tags, descriptions of permission sets)",
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
    Deviation {
        subject: "Null in `format`",
        terraform: "a bare null makes the result unknown",
        here: "`%v` writes null, the other verbs refuse it",
        reason: "an unknown value that never becomes known would block a plan",
    },
    Deviation {
        subject: "Compressed text",
        terraform: "`base64gzip` gives the bytes of Go's compressor",
        here: "the bytes differ and unpack to the same text",
        reason: "compressors differ",
    },
    Deviation {
        subject: "Hosts and subnets outside of a prefix",
        terraform: "negative or too large numbers may leave the prefix, and IPv4 in IPv6 is miscounted",
        here: "errors; IPv4 in IPv6 is IPv4",
        reason: "an address outside of the prefix is never meant",
    },
    Deviation {
        subject: "YAML",
        terraform: "YAML 1.1: refuses `%YAML 1.2`, the escape `\\/`, aliases of keys and a tab before a first key; takes a tab after a colon",
        here: "YAML 1.2: the other way round",
        reason: "the parser follows YAML 1.2",
    },
    Deviation {
        subject: "`templatestring`",
        terraform: "takes only a reference to text",
        here: "takes any text",
        reason: "there is no harm in it",
    },
    Deviation {
        subject: "Chained legacy indexes",
        terraform: "`a.0.1` is an error",
        here: "is `a[0][1]`",
        reason: "its meaning is plain",
    },
    Deviation {
        subject: "Unknown values in `try`",
        terraform: "make the result's type unknown as well",
        here: "keep their type",
        reason: "fewer values are unknown",
    },
    Deviation {
        subject: "Unknown values in `matchkeys`",
        terraform: "an unknown search set matches nothing",
        here: "makes the result unknown",
        reason: "a plan must not change its mind",
    },
    Deviation {
        subject: "Graphemes",
        terraform: "letters and signs that make one Indic syllable count one by one",
        here: "they count as one, by a later edition of Unicode",
        reason: "a reader takes them for one",
    },
    Deviation {
        subject: "Patterns of `fileset`",
        terraform: "may climb out of the directory with `..`",
        here: "match what is below the directory",
        reason: "what a plan reads should be in view",
    },
    Deviation {
        subject: "`file`, `templatefile`, `fileset` and the like",
        terraform: "read whatever the process may read",
        here: "never read `.rolecall`, or a state that is kept elsewhere; with `plan --base`, nothing outside of the two stacks",
        reason: "state and plans name people, and a plan shows what it is made of",
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
