//! Labels: readable names for blocks, made from what the service calls a thing.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Labels are cut to this many characters.
const MOST: usize = 60;

/// The labels given so far to blocks of one kind.
#[derive(Debug, Default)]
pub(super) struct Labels {
    taken: BTreeSet<String>,
}

impl Labels {
    /// No labels yet, except some that no block may have.
    pub fn without(reserved: &[&str]) -> Self {
        Labels {
            taken: reserved.iter().map(|label| (*label).to_owned()).collect(),
        }
    }

    /// The first of the names whose label is free; else the first with a number. A name that leaves nothing of a
    /// label counts as `kind`.
    pub fn give(&mut self, names: &[&str], kind: &str) -> String {
        let wanted: Vec<String> = names
            .iter()
            .map(|name| snake(name))
            .filter(|label| !label.is_empty())
            .map(|label| {
                if starts_well(&label) {
                    label
                } else {
                    format!("{kind}_{label}")
                }
            })
            .collect();
        let first = wanted.first().cloned().unwrap_or_else(|| kind.to_owned());
        let free = wanted.into_iter().find(|label| !self.taken.contains(label));
        let label = free.unwrap_or_else(|| self.numbered(&first));
        self.taken.insert(label.clone());
        label
    }

    fn numbered(&self, label: &str) -> String {
        if !self.taken.contains(label) {
            return label.to_owned();
        }
        let free = (2_u32..)
            .map(|number| format!("{label}_{number}"))
            .find(|label| !self.taken.contains(label));
        free.unwrap_or_else(|| label.to_owned())
    }
}

fn starts_well(label: &str) -> bool {
    label.starts_with(|c: char| c.is_alphabetic())
}

/// `Payments Prod`, `payments-prod` and `PaymentsProd` as `payments_prod`. Accents go, and Latin letters that are more
/// than a letter with an accent are written as people write them who lack the key; letters of other scripts stay.
fn snake(name: &str) -> String {
    let plain = name
        .nfkd()
        .filter(|c| !is_combining_mark(*c) && !is_apostrophe(*c));
    let mut chars: Vec<char> = Vec::new();
    for c in plain {
        match latin(c) {
            Some(letters) => chars.extend(letters.chars()),
            None => chars.push(c),
        }
    }
    let mut out = String::new();
    let mut gap = false;
    for (index, c) in chars.iter().enumerate() {
        if !(c.is_ascii_alphanumeric() || is_letter(*c)) {
            gap = true;
            continue;
        }
        let before = index
            .checked_sub(1)
            .and_then(|at| chars.get(at))
            .copied()
            .unwrap_or(' ');
        let after = chars.get(index + 1).copied().unwrap_or(' ');
        let hump = c.is_uppercase()
            && (before.is_lowercase()
                || before.is_ascii_digit()
                || (before.is_uppercase() && after.is_lowercase()));
        if (gap || hump) && !out.is_empty() {
            out.push('_');
        }
        gap = false;
        out.extend(c.to_lowercase().filter(|c| c.is_alphanumeric()));
    }
    // Lower case may compose again, and a label is compared as written.
    let out: String = out.nfc().take(MOST).collect();
    out.trim_end_matches('_').to_owned()
}

/// A Latin letter that does not come apart into one of ASCII and an accent, in letters of ASCII.
fn latin(c: char) -> Option<&'static str> {
    Some(match c {
        'ß' => "ss",
        'ẞ' => "SS",
        'æ' => "ae",
        'Æ' => "Ae",
        'œ' => "oe",
        'Œ' => "Oe",
        'ø' => "o",
        'Ø' => "O",
        'ł' => "l",
        'Ł' => "L",
        'đ' | 'ð' | 'ɖ' => "d",
        'Đ' | 'Ð' | 'Ɖ' => "D",
        'þ' => "th",
        'Þ' => "Th",
        'ħ' => "h",
        'Ħ' => "H",
        'ı' => "i",
        'ŋ' => "ng",
        'Ŋ' => "Ng",
        'ŧ' => "t",
        'Ŧ' => "T",
        'ĸ' => "k",
        'ə' => "e",
        'Ə' => "E",
        'ƀ' => "b",
        'ɓ' => "b",
        'Ɓ' => "B",
        'ɗ' => "d",
        'Ɗ' => "D",
        'ƙ' => "k",
        'Ƙ' => "K",
        'ƴ' => "y",
        'Ƴ' => "Y",
        'ɔ' => "o",
        'Ɔ' => "O",
        'ɛ' => "e",
        'Ɛ' => "E",
        _ => return None,
    })
}

/// Signs inside a word, as in `O'Brien`, which do not part it.
fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '\u{2019}' | '\u{2bc}')
}

/// Letters that may stand in a name, as opposed to signs that merely look like letters.
fn is_letter(c: char) -> bool {
    c.is_alphabetic() && !matches!(c, '\u{2100}'..='\u{2bff}' | '\u{1f100}'..='\u{1f1ff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_all_kinds_become_readable_labels() {
        for (name, label) in [
            ("Payments Prod", "payments_prod"),
            ("payments-prod", "payments_prod"),
            ("AWSAdministratorAccess", "aws_administrator_access"),
            ("PowerUser2", "power_user2"),
            ("Équipe (Données)", "equipe_donnees"),
            ("Möllops", "mollops"),
            ("Mo\u{308}llops", "mollops"),
            ("MØLLOPS Straße", "mollops_strasse"),
            ("Ærø Łódź", "aero_lodz"),
            ("kadın DİKKAT Diğer", "kadin_dikkat_diger"),
            ("Sinéad O'Brien", "sinead_o_brien"),
            ("the people’s", "the_peoples"),
            ("Þór Đorđević", "thor_dordevic"),
            ("ﬁnance №5", "finance_no5"),
            ("開発チーム", "開発チーム"),
            ("${x} \"y\"\n", "x_y"),
            ("—", ""),
        ] {
            assert_eq!(snake(name), label, "{name}");
        }
    }

    #[test]
    fn labels_are_unique_and_never_reserved() {
        let mut labels = Labels::without(&["root"]);
        assert_eq!(labels.give(&["Root", "x Root"], "unit"), "x_root");
        assert_eq!(labels.give(&["a b"], "group"), "a_b");
        assert_eq!(labels.give(&["A-B"], "group"), "a_b_2");
        assert_eq!(labels.give(&["A.B", "a b 7"], "group"), "a_b_7");
        assert_eq!(labels.give(&["***"], "group"), "group");
        assert_eq!(labels.give(&["42"], "account"), "account_42");
        assert_eq!(labels.give(&["Root"], "unit"), "root_2");
    }
}
