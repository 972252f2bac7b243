//! Small pieces of language that every view needs: counts, lists cut short, durations.

use std::collections::BTreeSet;

use super::escape;

/// A number with a comma at every third digit: `1,000,000`.
pub fn number(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 account`, `12 accounts`; the plural is the singular with an `s`.
pub fn counted(count: u64, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", number(count))
}

/// `1 person`, `14 people`.
pub fn people(count: u64) -> String {
    match count {
        1 => "1 person".to_owned(),
        count => format!("{} people", number(count)),
    }
}

/// Texts in their order, each once: instances of one block read alike.
pub fn each_once(texts: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut known = BTreeSet::new();
    let texts = texts.into_iter();
    texts.filter(|text| known.insert(text.clone())).collect()
}

/// The first names of a list and how many more there are: `Ada Lovelace, Grace Hopper … 12 more`.
///
/// All of them when at most `most` (or one more than that, as the remark would be as long as the name).
pub fn some_of<T: AsRef<str>>(names: impl IntoIterator<Item = T>, total: u64, most: usize) -> String {
    let fits = total <= most as u64 + 1;
    let shown = if fits { most + 1 } else { most };
    let names: Vec<String> = names
        .into_iter()
        .take(shown)
        .map(|name| escape::name(name.as_ref()).into_owned())
        .collect();
    let rest = total.saturating_sub(names.len() as u64);
    match (names.is_empty(), rest) {
        (true, _) => number(total),
        (false, 0) => names.join(", "),
        (false, rest) => format!("{} … {} more", names.join(", "), number(rest)),
    }
}

/// Names with `a-1, a-2, a-3` written as `a-1..3` where numbers at their ends follow each other, then shortened
/// as [`some_of`] does.
pub fn accounts<T: AsRef<str>>(names: &[T], total: u64, most: usize) -> String {
    let ranges: Vec<String> = ranges(names)
        .iter()
        .map(|name| escape::name(name).into_owned())
        .collect();
    if total == names.len() as u64 {
        let more = ranges.len() as u64;
        if more <= most as u64 + 1 {
            return ranges.join(", ");
        }
    }
    some_of(names.iter(), total, most)
}

/// Runs of at least three names that differ only in a number counting up by one become one text. Nothing is escaped.
pub fn ranges<T: AsRef<str>>(names: &[T]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut rest = names;
    while let Some(first) = rest.first() {
        let length = run_length(rest);
        let last = rest.get(length - 1).map(|name| split_number(name.as_ref()));
        let shown = match last {
            Some(Some((_, number))) if length >= 3 => format!("{}..{number}", first.as_ref()),
            _ => first.as_ref().to_owned(),
        };
        let taken = if length >= 3 { length } else { 1 };
        out.push(shown);
        rest = rest.get(taken..).unwrap_or(&[]);
    }
    out
}

fn run_length<T: AsRef<str>>(names: &[T]) -> usize {
    let follows = |pair: &[T]| match pair {
        [left, right] => match (split_number(left.as_ref()), split_number(right.as_ref())) {
            (Some((before, from)), Some((after, to))) => before == after && from + 1 == to,
            _ => false,
        },
        _ => false,
    };
    1 + names.windows(2).take_while(|pair| follows(pair)).count()
}

/// `sandbox-12` as `sandbox-` and 12. Account ids are no such names: their digits mean nothing in order.
fn split_number(name: &str) -> Option<(&str, u64)> {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = name.get(stem.len()..)?;
    let counted = !stem.is_empty() && !digits.is_empty() && digits.len() < 10 && !digits.starts_with('0');
    counted.then(|| digits.parse().ok().map(|number| (stem, number)))?
}

/// `45 s`, `2 min 5 s`, `1 h 30 min`.
pub fn seconds(total: u64) -> String {
    let (hours, minutes, seconds) = (total / 3600, total / 60 % 60, total % 60);
    match (hours, minutes, seconds) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, 0, _) => format!("{} h", number(hours)),
        (hours, minutes, _) => format!("{} h {minutes} min", number(hours)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_read_as_people_write_them() {
        assert_eq!(number(999), "999");
        assert_eq!(number(1_000_000), "1,000,000");
        assert_eq!(counted(1, "account"), "1 account");
        assert_eq!(people(14), "14 people");
        assert_eq!(seconds(9), "9 s");
        assert_eq!(seconds(4 * 3600), "4 h");
        assert_eq!(seconds(5400), "1 h 30 min");
    }

    #[test]
    fn lists_are_cut_but_never_by_one() {
        assert_eq!(some_of(["a", "b", "c"], 3, 2), "a, b, c");
        assert_eq!(some_of(["a", "b", "c", "d"], 4, 2), "a, b … 2 more");
        assert_eq!(some_of(["a"], 1001, 2), "a … 1,000 more");
    }

    #[test]
    fn numbered_accounts_become_a_range() {
        let names = ["sandbox-1", "sandbox-2", "sandbox-3"];
        assert_eq!(accounts(&names, 3, 4), "sandbox-1..3");
        assert_eq!(accounts(&["a-1", "a-2"], 2, 4), "a-1, a-2");
        assert_eq!(accounts(&["a-9", "a-10", "a-11", "b"], 4, 4), "a-9..11, b");
        let ids = ["111111111111", "111111111112", "111111111113"];
        assert_eq!(accounts(&ids, 3, 4), "111111111111, 111111111112, 111111111113");
    }
}
