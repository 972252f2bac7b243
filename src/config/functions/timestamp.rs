//! Points in time as RFC 3339 writes them, durations as `1h30m`, and the format language of `formatdate`.
//!
//! Terraform's own rules decide what is accepted: a capital `T` and `Z`, two digits everywhere, no leap
//! seconds; years may leave 0000 to 9999 by addition.

/// Why a text is not a timestamp, a duration or a date format; the words continue a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TimeError(String);

fn fail<T>(message: impl Into<String>) -> Result<T, TimeError> {
    Err(TimeError(message.into()))
}

/// A point in time with the offset it was written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timestamp {
    /// Seconds since 1970-01-01T00:00:00Z.
    seconds: i64,
    /// Nanoseconds after that, below 1,000,000,000.
    nanoseconds: u32,
    /// Minutes east of UTC.
    offset: i32,
}

/// A point in time taken apart at its own offset.
struct Civil {
    year: i64,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
    /// Days since Sunday.
    weekday: usize,
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

impl Timestamp {
    /// Reads `2027-03-31T12:00:00Z`, with an optional fraction of a second and an offset such as `+02:00`.
    ///
    /// # Errors
    /// Naming the part that is missing or out of range.
    pub fn parse(text: &str) -> Result<Timestamp, TimeError> {
        let mut scan = Scan { rest: text };
        let year = scan.digits(4, "year", 0, 9999)?;
        scan.literal('-', "a '-' after the year")?;
        let month = scan.digits(2, "month", 1, 12)?;
        scan.literal('-', "a '-' after the month")?;
        let day = scan.digits(2, "day", 1, i64::from(days_in_month(year, month)))?;
        scan.literal('T', "the 'T' between date and time")?;
        let hour = scan.digits(2, "hour", 0, 23)?;
        scan.literal(':', "a ':' after the hour")?;
        let minute = scan.digits(2, "minute", 0, 59)?;
        scan.literal(':', "a ':' after the minute")?;
        let second = scan.digits(2, "second", 0, 59)?;
        let nanoseconds = scan.fraction()?;
        let offset = scan.offset()?;
        if !scan.rest.is_empty() {
            return fail(format!("unexpected text {:?} after the UTC offset", scan.rest));
        }
        let local = days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
        Ok(Timestamp {
            seconds: local - i64::from(offset) * 60,
            nanoseconds,
            offset,
        })
    }

    /// This many nanoseconds later.
    pub fn add(&self, nanoseconds: i64) -> Timestamp {
        let total = i64::from(self.nanoseconds) + nanoseconds.rem_euclid(1_000_000_000);
        let seconds = self.seconds + nanoseconds.div_euclid(1_000_000_000) + total / 1_000_000_000;
        let rest = u32::try_from(total % 1_000_000_000).unwrap_or(0);
        Timestamp {
            seconds,
            nanoseconds: rest,
            offset: self.offset,
        }
    }

    /// Earlier, equal or later, whatever the offsets.
    pub fn compare(&self, other: &Timestamp) -> std::cmp::Ordering {
        (self.seconds, self.nanoseconds).cmp(&(other.seconds, other.nanoseconds))
    }

    /// As RFC 3339 writes it, in whole seconds.
    pub fn to_rfc3339(self) -> String {
        let c = self.civil();
        let year = if c.year < 0 {
            format!("-{:04}", -c.year)
        } else {
            format!("{:04}", c.year)
        };
        let zone = self.zone(true, true);
        format!(
            "{year}-{:02}-{:02}T{:02}:{:02}:{:02}{zone}",
            c.month, c.day, c.hour, c.minute, c.second
        )
    }

    /// Writes it by the verbs of `formatdate`: runs of one letter, with literals between quotes.
    ///
    /// # Errors
    /// For letters that are no verb and for a literal that does not end.
    pub fn format(&self, pattern: &str) -> Result<String, TimeError> {
        let civil = self.civil();
        let mut out = String::new();
        let mut rest = pattern;
        while let Some(first) = rest.chars().next() {
            if first == '\'' {
                rest = quoted(rest, &mut out)?;
            } else if first.is_ascii_alphabetic() {
                let length = rest.chars().take_while(|c| *c == first).count();
                let (verb, after) = rest.split_at(length);
                self.verb(&civil, verb, &mut out)?;
                rest = after;
            } else {
                out.push(first);
                rest = rest.get(first.len_utf8()..).unwrap_or_default();
            }
        }
        Ok(out)
    }

    fn verb(&self, c: &Civil, verb: &str, out: &mut String) -> Result<(), TimeError> {
        let month = MONTHS.get(c.month as usize - 1).copied().unwrap_or_default();
        let weekday = WEEKDAYS.get(c.weekday).copied().unwrap_or_default();
        let hour12 = if c.hour.is_multiple_of(12) {
            12
        } else {
            c.hour % 12
        };
        let afternoon = c.hour >= 12;
        let text = match verb {
            "YY" => format!("{:02}", c.year.rem_euclid(100)),
            "YYYY" => format!("{:04}", c.year),
            "M" => c.month.to_string(),
            "MM" => format!("{:02}", c.month),
            "MMM" => month.chars().take(3).collect(),
            "MMMM" => month.to_owned(),
            "D" => c.day.to_string(),
            "DD" => format!("{:02}", c.day),
            "EEE" => weekday.chars().take(3).collect(),
            "EEEE" => weekday.to_owned(),
            "h" => c.hour.to_string(),
            "hh" => format!("{:02}", c.hour),
            "H" => hour12.to_string(),
            "HH" => format!("{hour12:02}"),
            "AA" => if afternoon { "PM" } else { "AM" }.to_owned(),
            "aa" => if afternoon { "pm" } else { "am" }.to_owned(),
            "m" => c.minute.to_string(),
            "mm" => format!("{:02}", c.minute),
            "s" => c.second.to_string(),
            "ss" => format!("{:02}", c.second),
            "Z" => self.zone(true, true),
            "ZZZ" if self.offset == 0 => "UTC".to_owned(),
            "ZZZ" | "ZZZZ" => self.zone(false, false),
            "ZZZZZ" => self.zone(true, false),
            _ => return fail(verb_problem(verb)),
        };
        out.push_str(&text);
        Ok(())
    }

    fn zone(&self, colon: bool, short_utc: bool) -> String {
        if short_utc && self.offset == 0 {
            return "Z".to_owned();
        }
        let sign = if self.offset < 0 { '-' } else { '+' };
        let minutes = self.offset.unsigned_abs();
        let separator = if colon { ":" } else { "" };
        format!("{sign}{:02}{separator}{:02}", minutes / 60, minutes % 60)
    }

    fn civil(&self) -> Civil {
        let local = self.seconds + i64::from(self.offset) * 60;
        let days = local.div_euclid(86_400);
        let second_of_day = u32::try_from(local.rem_euclid(86_400)).unwrap_or(0);
        let (year, month, day) = civil_from_days(days);
        Civil {
            year,
            month,
            day,
            hour: second_of_day / 3_600,
            minute: second_of_day / 60 % 60,
            second: second_of_day % 60,
            // 1970-01-01 was a Thursday.
            weekday: usize::try_from((days + 4).rem_euclid(7)).unwrap_or(0),
        }
    }
}

/// Reads a duration such as `1.5h`, `-1h30m` or `100ms` into nanoseconds.
///
/// # Errors
/// For anything else, and beyond about 292 years.
pub fn parse_duration(text: &str) -> Result<i64, TimeError> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return fail(format!("{text:?} is not a duration"));
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let number_length = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (number, after) = rest.split_at(number_length);
        let unit_length = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_length);
        let scale = match unit {
            "" => return fail(format!("a unit is missing after {number:?} in {text:?}")),
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000_i128,
            _ => return fail(format!("{unit:?} in {text:?} is not a unit of time")),
        };
        total += scaled(number, scale).ok_or_else(|| TimeError(format!("{text:?} is not a duration")))?;
        rest = after;
    }
    let signed = if negative { -total } else { total };
    i64::try_from(signed).or_else(|_| fail(format!("{text:?} is longer than about 292 years")))
}

/// `number × scale`, cut to whole nanoseconds.
fn scaled(number: &str, scale: i128) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') || whole.len() > 19 {
        return None;
    }
    let mut total = if whole.is_empty() {
        0
    } else {
        whole.parse::<i128>().ok()? * scale
    };
    let mut unit = scale;
    for digit in fraction.bytes().take(18) {
        // The last digits of a long fraction are below a nanosecond.
        total += i128::from(digit - b'0') * unit / 10;
        unit /= 10;
    }
    Some(total)
}

fn verb_problem(verb: &str) -> String {
    let rule = match verb.chars().next() {
        Some('Y') => "the year is \"YY\" or \"YYYY\"",
        Some('M') => "the month is \"M\", \"MM\", \"MMM\" or \"MMMM\"",
        Some('D') => "the day of the month is \"D\" or \"DD\"",
        Some('E') => "the day of the week is \"EEE\" or \"EEEE\"",
        Some('h') => "the hour of 24 is \"h\" or \"hh\"",
        Some('H') => "the hour of 12 is \"H\" or \"HH\"",
        Some('A') => "it is written \"AA\"",
        Some('a') => "it is written \"aa\"",
        Some('m') => "the minute is \"m\" or \"mm\"",
        Some('s') => "the second is \"s\" or \"ss\"",
        Some('Z') => "the offset is \"Z\", \"ZZZ\", \"ZZZZ\" or \"ZZZZZ\"",
        _ => "put literal letters between single quotes",
    };
    format!("{verb:?} is no verb of a date format: {rule}")
}

/// Copies a quoted literal, in which two quotes stand for one; returns what follows it.
fn quoted<'a>(text: &'a str, out: &mut String) -> Result<&'a str, TimeError> {
    let mut rest = text.get(1..).unwrap_or_default();
    // Two quotes outside of a literal are one quote as well.
    if let Some(after) = rest.strip_prefix('\'') {
        out.push('\'');
        return Ok(after);
    }
    loop {
        let Some(end) = rest.find('\'') else {
            return fail(format!(
                "the literal that begins with {text:?} has no closing quote"
            ));
        };
        let (literal, after) = rest.split_at(end);
        out.push_str(literal);
        let after = after.get(1..).unwrap_or_default();
        let Some(more) = after.strip_prefix('\'') else {
            return Ok(after);
        };
        out.push('\'');
        rest = more;
    }
}

struct Scan<'a> {
    rest: &'a str,
}

impl Scan<'_> {
    fn digits(&mut self, count: usize, what: &str, low: i64, high: i64) -> Result<i64, TimeError> {
        let text = self
            .rest
            .get(..count)
            .filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
        let Some(value) = text.and_then(|text| text.parse::<i64>().ok()) else {
            return fail(format!(
                "expected the {what} in {count} digits, found {:?}",
                self.rest
            ));
        };
        if value < low || value > high {
            return fail(format!("the {what} {value} is not between {low} and {high}"));
        }
        self.rest = self.rest.get(count..).unwrap_or_default();
        Ok(value)
    }

    fn literal(&mut self, expected: char, what: &str) -> Result<(), TimeError> {
        match self.rest.strip_prefix(expected) {
            Some(rest) => {
                self.rest = rest;
                Ok(())
            }
            None => fail(format!("expected {what}, found {:?}", self.rest)),
        }
    }

    fn fraction(&mut self) -> Result<u32, TimeError> {
        let Some(rest) = self.rest.strip_prefix('.') else {
            return Ok(0);
        };
        let length = rest.bytes().take_while(u8::is_ascii_digit).count();
        if length == 0 {
            return fail("expected digits after the '.' of the second");
        }
        let (digits, after) = rest.split_at(length);
        self.rest = after;
        let nine: String = digits.chars().chain("000000000".chars()).take(9).collect();
        Ok(nine.parse().unwrap_or(0))
    }

    fn offset(&mut self) -> Result<i32, TimeError> {
        if let Some(rest) = self.rest.strip_prefix('Z') {
            self.rest = rest;
            return Ok(0);
        }
        let sign = match self.rest.chars().next() {
            Some('+') => 1,
            Some('-') => -1,
            _ => {
                return fail(format!(
                    "expected a UTC offset such as \"Z\" or \"+02:00\", found {:?}",
                    self.rest
                ));
            }
        };
        self.rest = self.rest.get(1..).unwrap_or_default();
        let hours = self.digits(2, "hours of the UTC offset", 0, 23)?;
        self.literal(':', "a ':' in the UTC offset")?;
        let minutes = self.digits(2, "minutes of the UTC offset", 0, 59)?;
        Ok(sign * i32::try_from(hours * 60 + minutes).unwrap_or(0))
    }
}

fn days_in_month(year: i64, month: i64) -> u32 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar. Years are counted from March, so that the
/// leap day comes last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (
        year,
        u32::try_from(month).unwrap_or(1),
        u32::try_from(day).unwrap_or(1),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_four_centuries_survives_the_way_there_and_back() {
        for days in -146_097..146_097 {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, i64::from(month), i64::from(day)), days);
        }
        assert_eq!(civil_from_days(0), (1970, 1, 1));
        assert_eq!(civil_from_days(19_782), (2024, 2, 29));
    }

    #[test]
    fn addition_crosses_the_epoch_and_keeps_the_offset() {
        let time = Timestamp::parse("1970-01-01T00:30:00+01:00").unwrap();
        assert_eq!(time.add(-1).to_rfc3339(), "1970-01-01T00:29:59+01:00");
    }
}
