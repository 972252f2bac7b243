//! Dates and times as written.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::config::rules::Finding;
use crate::diagnostic::Code;

/// Text that is neither a date nor a time.
const BAD_TIME: Code = Code("bad-time");

/// A date (00:00 UTC at its start) or a time with its offset.
///
/// # Errors
/// Any other text.
pub(super) fn moment(text: &str) -> Result<Timestamp, Finding> {
    let is_date = text.len() == 10;
    let parsed = if is_date {
        let date = text.parse::<Date>().ok();
        date.and_then(|date| date.to_zoned(TimeZone::UTC).ok())
            .map(|zoned| zoned.timestamp())
    } else {
        text.parse::<Timestamp>().ok()
    };
    parsed.ok_or_else(|| {
        Finding::error(BAD_TIME, format!("{text:?} is neither a date nor a time"))
            .because("a date is written `2027-03-31` and means 00:00 UTC at its start; a time needs its offset: `2027-03-31T18:00:00Z`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_means_its_start_in_utc() {
        let at = |text: &str| moment(text).unwrap().to_string();
        assert_eq!(at("2027-03-31"), "2027-03-31T00:00:00Z");
        assert_eq!(at("2027-03-31T18:00:00+02:00"), "2027-03-31T16:00:00Z");
        for bad in ["2027-02-30", "tomorrow", "31.03.2027", "2027-03-31T18:00:00", ""] {
            assert!(moment(bad).is_err(), "{bad}");
        }
    }
}
