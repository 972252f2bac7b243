//! Where a name stands inside a text: whole, and at the beginning of a word.

/// Runs of letters and digits with where they begin.
pub fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let start = rest.find(char::is_alphanumeric)?;
        let tail = rest.get(start..)?;
        let end = tail.find(|c: char| !c.is_alphanumeric()).unwrap_or(tail.len());
        let (word, after) = tail.split_at_checked(end)?;
        let at = text.len() - tail.len();
        rest = after;
        Some((at, word))
    })
}

/// Whether the name stands there, with no letter or digit behind it.
pub fn stands_at(text: &str, at: usize, name: &str) -> bool {
    text.get(at..)
        .and_then(|rest| rest.strip_prefix(name))
        .is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
}

/// Whether the name stands anywhere in the text.
pub fn stands_in(text: &str, name: &str) -> bool {
    let Some((before, first)) = words(name).next() else {
        return false;
    };
    let starts = words(text).filter(|(_, word)| *word == first);
    let mut starts = starts.filter_map(|(at, _)| at.checked_sub(before));
    starts.any(|at| stands_at(text, at, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_whole_and_not_inside_a_word() {
        assert!(stands_in("for Ada Lovelace, until May", "Ada Lovelace"));
        assert!(stands_in("ada@example.com", "ada@example.com"));
        assert!(stands_in("give it to +eve", "+eve"));
        assert!(!stands_in("bobby", "bob") && !stands_in("rebob", "bob"));
        assert!(!stands_in("anything", "…") && !stands_in("", "bob"));
    }
}
