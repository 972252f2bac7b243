//! Whether two names, of people or of things, can be taken for each other.
//!
//! Display names are free text: two people may have one, and somebody may have chosen one that looks like another's.
//! Equality finds the first case only.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use unicode_normalization::UnicodeNormalization;

/// Letters that most fonts draw like a Latin one, and that one (after the confusables data of Unicode Technical
/// Standard 39). Greek, then Cyrillic.
const CONFUSABLE: [(&str, &str); 2] = [
    ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧαικνορυχϳϲϹ", "ABEZHIKMNOPTYXaikvopuxjcC"),
    ("АВЕЅІЈКМНОРСТУХаеіјорсухѕһԁԛԝѵ", "ABESIJKMHOPCTYXaeijopcyxshdqwv"),
];

/// Whether most fonts draw a Greek or Cyrillic letter like a Latin one.
pub fn is_confusable(c: char) -> bool {
    latin(c).is_some()
}

fn latin(c: char) -> Option<char> {
    static TABLE: OnceLock<BTreeMap<char, char>> = OnceLock::new();
    if c.is_ascii() {
        return None;
    }
    let pairs = || {
        CONFUSABLE
            .iter()
            .flat_map(|(from, to)| from.chars().zip(to.chars()))
    };
    TABLE.get_or_init(|| pairs().collect()).get(&c).copied()
}

/// What a name has in common with those that look like it: without capitals, spaces, punctuation, accents and what
/// cannot be seen; letters of other scripts and full-width ones as the Latin letters they are drawn like; `I`, `l` and
/// `1` as one, `O` and `0` as one.
pub fn likeness(name: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_lowercase() && !matches!(c, 'i') || matches!(c, '2'..='9');
    if name.chars().all(plain) {
        return Cow::Borrowed(name);
    }
    if name.is_ascii() {
        let letters = name.chars().filter(char::is_ascii_alphanumeric);
        return whole(
            letters.map(|c| drawn_alike(c.to_ascii_lowercase())).collect(),
            name,
        );
    }
    let letters = name.nfkd().filter(|c| c.is_alphanumeric());
    let folded = letters
        .map(|c| latin(c).unwrap_or(c))
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase);
    whole(folded.map(drawn_alike).collect(), name)
}

/// The same of a name that labels a thing, as those of groups and permission sets do: there numbers that stand apart stay
/// apart, so that `team-1-11` is not taken for `team-11-1`.
pub fn likeness_of_label(name: &str) -> String {
    let mut parts = vec![String::new()];
    let (mut last, mut apart) = (None::<char>, false);
    for c in name.chars() {
        if c.is_alphanumeric() {
            let numbers = c.is_numeric() && last.is_some_and(char::is_numeric);
            if apart && numbers {
                parts.push(String::new());
            }
            (last, apart) = (Some(c), false);
        } else {
            apart = true;
        }
        if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    let parts: Vec<Cow<'_, str>> = parts.iter().map(|part| likeness(part)).collect();
    parts.join(" ")
}

/// Names of things of one kind, by what they look like.
#[derive(Debug, Clone, Default)]
pub struct LookAlikes<'n>(BTreeMap<String, BTreeSet<&'n str>>);

impl<'n> LookAlikes<'n> {
    /// Costs one pass over the names.
    pub fn of(names: impl IntoIterator<Item = &'n str>) -> Self {
        let mut by_likeness: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        for name in names {
            by_likeness
                .entry(likeness_of_label(name))
                .or_default()
                .insert(name);
        }
        // Most names look like no other.
        by_likeness.retain(|_, names| names.len() > 1);
        LookAlikes(by_likeness)
    }

    /// The other names that one could be taken for, ascending.
    pub fn others(&self, name: &str) -> Vec<&'n str> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let alike = self.0.get(&likeness_of_label(name)).into_iter().flatten();
        alike.copied().filter(|other| *other != name).collect()
    }

    /// ``group `0ps` like `Ops`, `ops` ``, with the words for the kind of thing and between the names; `None` for a name
    /// that looks like no other.
    pub fn told(&self, kind: &str, name: &str, between: &str) -> Option<String> {
        let others = self.others(name);
        let others: Vec<String> = others.into_iter().map(|other| format!("`{other}`")).collect();
        (!others.is_empty()).then(|| format!("{kind} `{name}` {between} {}", others.join(", ")))
    }
}

fn drawn_alike(c: char) -> char {
    match c {
        'i' | '1' => 'l',
        '0' => 'o',
        c => c,
    }
}

/// Of a name of nothing but signs, the signs count.
fn whole(alike: String, name: &str) -> Cow<'_, str> {
    match alike.is_empty() {
        true => Cow::Borrowed(name),
        false => Cow::Owned(alike),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_can_be_taken_for_each_other_are_alike() {
        let alike = likeness("Grace Hopper");
        for other in [
            "grace hopper",
            "Grace  Hopper ",
            "Grace\u{a0}Hopper",
            "Grace\u{200b} Hopper",
            "GRACE-HOPPER",
            "Ｇrace Hopper",
            "Gr\u{430}ce H\u{3bf}pper",
            "Gráce Hopper",
            "Grace H0pper",
        ] {
            assert_eq!(likeness(other), alike, "{other:?}");
        }
        assert_eq!(likeness("Ali Weiß"), likeness("All WEISS"));
        assert_eq!(likeness("Ηelen"), likeness("Helen"), "a Greek capital");
        for other in ["Grace Hoper", "Grace", "Ada Lovelace", "", "…"] {
            assert_ne!(likeness(other), alike, "{other:?}");
        }
        assert_ne!(likeness("…"), likeness("-"));
        assert_eq!(likeness("Аудит"), likeness("аудит"));
    }

    #[test]
    fn labels_that_can_be_taken_for_each_other_are_alike_and_numbers_stay_apart() {
        let names = [
            "Ops",
            "0ps",
            "Ops ",
            "View",
            "VIEW",
            "Data Team",
            "Data  Team",
            "team-1-11",
            "team-11-1",
            "p1",
            "p2",
            "p1",
        ];
        let alike = LookAlikes::of(names);
        assert_eq!(alike.others("Ops"), ["0ps", "Ops "]);
        assert_eq!(alike.others("0ps"), ["Ops", "Ops "]);
        assert_eq!(alike.others("VIEW"), ["View"]);
        assert_eq!(alike.others("Data Team"), ["Data  Team"]);
        for alone in ["team-1-11", "team-11-1", "p1", "p2", "other"] {
            assert_eq!(alike.others(alone), [""; 0], "{alone}");
        }
        // Of one that is not among them.
        assert_eq!(LookAlikes::of(["Ops", "ops"]).others("OPS"), ["Ops", "ops"]);
        assert_eq!(likeness_of_label("…"), "…");
    }

    #[test]
    fn every_confusable_letter_has_its_latin_one() {
        for (from, to) in CONFUSABLE {
            assert_eq!(from.chars().count(), to.chars().count());
            assert!(to.is_ascii() && !from.chars().any(|c| c.is_ascii()));
        }
    }
}
