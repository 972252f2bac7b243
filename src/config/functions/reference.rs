//! The language reference: every function in a table, and where the language differs from Terraform's.

use crate::config::deviations::DEVIATIONS;
use crate::config::functions::FUNCTIONS;
use crate::config::functions::impure::IMPURE;

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
    out.push_str("\n| where | Terraform 1.11.4 | here | because |\n|---|---|---|---|\n");
    for deviation in DEVIATIONS {
        out.push_str(&row(&[
            deviation.subject,
            deviation.terraform,
            deviation.here,
            deviation.reason,
        ]));
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
