//! The language reference: every function in a table, and where the language differs from Terraform's.

use crate::config::functions::FUNCTIONS;
use crate::config::functions::impure::IMPURE;

/// A difference from Terraform 1.11.4 that is there on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deviation {
    /// A short name, which test cases cite.
    pub name: &'static str,
    /// What Terraform does.
    pub terraform: &'static str,
    /// What rolecall does.
    pub here: &'static str,
}

/// Every difference from Terraform's expressions that is there on purpose.
pub const DEVIATIONS: &[Deviation] = &[
    Deviation {
        name: "lazy-logic",
        terraform: "`&&` and `||` evaluate both sides",
        here: "the right side is evaluated only if the left does not decide",
    },
    Deviation {
        name: "impure-functions",
        terraform: "functions may ask the clock, chance or the machine",
        here: "they are errors; see the table of functions left out",
    },
    Deviation {
        name: "integer-powers",
        terraform: "`pow` and `log` give numbers of 64 bits that print rounded: `pow(2, 64)` prints as 18446744073709550000",
        here: "whole results print in full",
    },
    Deviation {
        name: "null-format",
        terraform: "`format` with a bare null gives an unknown value",
        here: "`%v` writes null; other verbs refuse it",
    },
    Deviation {
        name: "gzip-bytes",
        terraform: "`base64gzip` gives the bytes of Go's compressor",
        here: "the bytes are another compressor's; they unpack to the same text",
    },
    Deviation {
        name: "subnet-bounds",
        terraform: "`cidrsubnet` and `cidrhost` let negative or too large numbers leave the prefix",
        here: "they are errors",
    },
    Deviation {
        name: "yaml-version",
        terraform: "`yamldecode` refuses documents that say `%YAML 1.2`",
        here: "it reads them",
    },
    Deviation {
        name: "template-argument",
        terraform: "`templatestring` takes only a reference to text",
        here: "it takes any text",
    },
];

/// Every function as a Markdown table, then the functions left out and the deviations.
pub fn reference() -> String {
    let mut out = String::from("| function | what it gives | example | result |\n|---|---|---|---|\n");
    for function in FUNCTIONS.iter() {
        let (example, result) = function.example;
        out.push_str(&row(&[
            &format!("`{}`", function.signature()),
            function.summary,
            &format!("`{example}`"),
            &format!("`{result}`"),
        ]));
    }
    out.push_str("\n| Terraform's function left out | because | instead |\n|---|---|---|\n");
    for function in IMPURE {
        out.push_str(&row(&[
            &format!("`{}`", function.name),
            function.reason,
            function.instead,
        ]));
    }
    out.push_str("\n| Terraform 1.11.4 | here |\n|---|---|\n");
    for deviation in DEVIATIONS {
        out.push_str(&row(&[deviation.terraform, deviation.here]));
    }
    out
}

fn row(cells: &[&str]) -> String {
    let escaped: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    format!("| {} |\n", escaped.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_is_in_the_reference_once_and_has_a_sentence() {
        let text = reference();
        for function in FUNCTIONS.iter() {
            let start = format!("| `{}", function.signature());
            assert_eq!(
                text.lines().filter(|line| line.starts_with(&start)).count(),
                1,
                "{}",
                function.name
            );
            assert!(function.summary.ends_with('.'), "{}", function.name);
        }
    }

    #[test]
    fn no_function_is_both_there_and_left_out() {
        for left_out in IMPURE {
            assert!(
                FUNCTIONS.iter().all(|function| function.name != left_out.name),
                "{}",
                left_out.name
            );
        }
    }
}
