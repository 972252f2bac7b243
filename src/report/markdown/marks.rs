//! Marks of risk as Markdown.

use crate::report::plan_view::risk::Risk;

use super::text;

/// How many policies and actions a mark names.
const MOST_BECAUSE: usize = 4;

/// Marks as one text, with the names of sets as code: `administrator (`admins`), production`.
pub fn words(risks: &[Risk]) -> String {
    let names = |sets: &[&str], most: usize| text::some_of(sets, sets.len() as u64, most);
    let words: Vec<String> = risks.iter().map(|risk| risk.words_with(&names)).collect();
    words.join(", ")
}

/// Why to look twice, behind a line: ` · **administrator, production (2 of 3 accounts)**`; nothing without marks.
pub fn marks(risks: &[Risk]) -> String {
    match risks.is_empty() {
        true => String::new(),
        false => format!(" · **{}**", words(risks)),
    }
}

/// What says so, for the marks of which something does: `administrator because of `AdministratorAccess``.
pub fn because(risks: &[Risk]) -> Vec<String> {
    let said = risks.iter().filter(|risk| !risk.because.is_empty());
    let said = said.map(|risk| {
        let names = text::some_of(&risk.because, risk.because.len() as u64, MOST_BECAUSE);
        format!("{} because of {names}", risk.mark.word())
    });
    said.collect()
}
