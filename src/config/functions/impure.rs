//! Terraform's functions that rolecall leaves out on purpose: a plan is a function of its input, and these ask
//! the clock, chance or the machine.

/// A function that is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Impure {
    /// Its name in Terraform.
    pub name: &'static str,
    /// Why it is not here, as a clause.
    pub reason: &'static str,
    /// What to use instead, as a clause.
    pub instead: &'static str,
}

/// Every function that is left out, by name.
pub const IMPURE: &[Impure] = &[
    Impure {
        name: "abspath",
        reason: "its result depends on the machine's directories",
        instead: "use a path relative to path.module",
    },
    Impure {
        name: "bcrypt",
        reason: "it draws a random salt, so that no two plans would agree",
        instead: "hash outside and pass the result as a variable",
    },
    Impure {
        name: "pathexpand",
        reason: "its result depends on who runs it",
        instead: "pass the path as a variable",
    },
    Impure {
        name: "plantimestamp",
        reason: "it reads the clock, so that no two plans would agree",
        instead: "pass the time as a variable; `expires` takes a date",
    },
    Impure {
        name: "rsadecrypt",
        reason: "it would bring secrets into the plan",
        instead: "decrypt outside and pass the result as a sensitive variable",
    },
    Impure {
        name: "timestamp",
        reason: "it reads the clock, so that no two plans would agree",
        instead: "pass the time as a variable; `expires` takes a date",
    },
    Impure {
        name: "uuid",
        reason: "it draws a random number, so that no two plans would agree",
        instead: "use `uuidv5`, which makes a UUID from a name",
    },
];

/// The entry of a function that is left out.
pub fn find(name: &str) -> Option<&'static Impure> {
    let name = name.strip_prefix("core::").unwrap_or(name);
    IMPURE.iter().find(|function| function.name == name)
}
