//! Lengths of time as people write them: in ISO 8601 (`P90D`, `PT1H30M`) or for short (`90d`, `1h30m`).
//!
//! A day is 24 hours and a week seven days. Months and years have no fixed length.

/// Units of days and longer, as ISO 8601 has them before the `T`.
const LONG: [(char, u64); 4] = [
    ('Y', 365 * 86_400),
    ('M', 30 * 86_400),
    ('W', 7 * 86_400),
    ('D', 86_400),
];

/// Units of the time part, after the `T`.
const TIME: [(char, u64); 3] = [('H', 3600), ('M', 60), ('S', 1)];

/// Units of the short form.
const SHORT: [(char, u64); 5] = [('w', 7 * 86_400), ('d', 86_400), ('h', 3600), ('m', 60), ('s', 1)];

/// What to write, for messages.
pub const FORMS: &str = "like `P90D`, `PT1H30M` (ISO 8601), `90d` or `1h30m`";

/// The seconds of a length in either form.
pub fn parse(text: &str) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    let fixed = LONG.get(2..).unwrap_or_default();
    iso(text, fixed).or_else(|| units(text, &SHORT))
}

/// The seconds of a length in ISO 8601's form alone, months and years about as long as they are: for what has a bound
/// far below. Fractions have a form only where they are of nothing (`PT3600.0S`).
pub fn parse_iso(text: &str) -> Option<u64> {
    iso(text, &LONG)
}

fn iso(text: &str, long: &[(char, u64)]) -> Option<u64> {
    let body = text.strip_prefix('P').filter(|body| !body.is_empty())?;
    let (days, time) = match body.split_once('T') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (body, ""),
    };
    units(days, long)?.checked_add(units(&whole_seconds(time), &TIME)?)
}

/// A length in ISO 8601's form, in as few units as say it: `P90D`, `PT2H`, `P1DT12H`.
pub fn spelled(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let parts = [(rest / 3600, 'H'), (rest / 60 % 60, 'M'), (rest % 60, 'S')];
    let mut text = String::from("P");
    if days > 0 {
        text.push_str(&format!("{days}D"));
    }
    if rest > 0 || days == 0 {
        text.push('T');
    }
    for (count, unit) in parts.into_iter().filter(|(count, _)| *count > 0) {
        text.push_str(&format!("{count}{unit}"));
    }
    if seconds == 0 {
        text.push_str("0S");
    }
    text
}

/// `3600.0S` as `3600S`: a fraction of nothing has a form, too.
fn whole_seconds(time: &str) -> String {
    match time.split_once('.') {
        Some((before, after))
            if after
                .strip_suffix('S')
                .is_some_and(|zeros| !zeros.is_empty() && zeros.bytes().all(|digit| digit == b'0')) =>
        {
            format!("{before}S")
        }
        _ => time.to_owned(),
    }
}

/// Sums `1H30M`-like text over units that must come in the given order.
fn units(text: &str, mut order: &[(char, u64)]) -> Option<u64> {
    let mut total = 0_u64;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let (digits, after) = rest.split_at(end);
        let unit = after.chars().next()?;
        let at = order.iter().position(|(name, _)| *name == unit)?;
        let (_, seconds) = order.get(at)?;
        order = order.get(at + 1..)?;
        total = total.checked_add(digits.parse::<u64>().ok()?.checked_mul(*seconds)?)?;
        rest = after.get(unit.len_utf8()..)?;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_and_nothing_in_between() {
        for (text, seconds) in [
            ("P90D", 90 * 86_400),
            ("90d", 90 * 86_400),
            ("PT2H", 7200),
            ("2h", 7200),
            ("1h30m", 5400),
            ("PT1H30M", 5400),
            ("P1DT12H", 36 * 3600),
            ("1d12h", 36 * 3600),
            ("P2W", 14 * 86_400),
            ("2w", 14 * 86_400),
            ("90s", 90),
            ("P0D", 0),
            ("0s", 0),
        ] {
            assert_eq!(parse(text), Some(seconds), "{text}");
        }
        for text in [
            "",
            "P",
            "PT",
            "90",
            "d",
            "h2",
            "30m1h",
            "2H",
            "p90d",
            "-1d",
            "P-1D",
            "1.5h",
            "PT1.5H",
            "1h 30m",
            "90 d",
            "P1M",
            "P1Y",
            "99999999999999999999d",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!((parse_iso("2h"), parse_iso("PT2H")), (None, Some(7200)));
    }

    #[test]
    fn what_is_spelled_reads_back() {
        for (seconds, text) in [
            (0, "PT0S"),
            (45, "PT45S"),
            (5400, "PT1H30M"),
            (90 * 86_400, "P90D"),
            (36 * 3600, "P1DT12H"),
        ] {
            assert_eq!(spelled(seconds), text);
            assert_eq!(parse(text), Some(seconds));
        }
    }
}
