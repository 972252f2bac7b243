//! What policies may know of the time: the moment that the plan was made for, and arithmetic over moments.
//!
//! By OPA's names and units ("Policy reference: Time"): moments are nanoseconds since 1970, in UTC.

use anyhow::{Context as _, Result, bail};
use jiff::{SignedDuration, Span, Timestamp, tz::TimeZone};
use regorus::{Engine, Value};

/// Adds the functions.
pub(super) fn add(engine: &mut Engine, now: Timestamp) {
    let mut add = |name: &str, arguments: u8, function: fn(Timestamp, &[Value]) -> Result<Value>| {
        let call = move |values: Vec<Value>| function(now, &values);
        // Fails for a name that is there twice only.
        let _ = engine.add_extension(name.to_owned(), arguments, Box::new(call));
    };
    add("time.now_ns", 0, |now, _| nanoseconds(now));
    add("time.parse_rfc3339_ns", 1, |_, values| {
        let text = text(values)?;
        let moment: Timestamp = text
            .parse()
            .with_context(|| format!("{text:?} is no time by RFC 3339"))?;
        nanoseconds(moment)
    });
    add("time.parse_duration_ns", 1, |_, values| {
        duration(&text(values)?).map(Value::from)
    });
    add("time.date", 1, |_, values| {
        let date = moment(values)?.to_zoned(TimeZone::UTC).date();
        let parts = [
            i64::from(date.year()),
            i64::from(date.month()),
            i64::from(date.day()),
        ];
        Ok(Value::from(parts.map(Value::from).to_vec()))
    });
    add("time.clock", 1, |_, values| {
        let time = moment(values)?.to_zoned(TimeZone::UTC).time();
        let parts = [time.hour(), time.minute(), time.second()].map(i64::from);
        Ok(Value::from(parts.map(Value::from).to_vec()))
    });
    add("time.weekday", 1, |_, values| {
        let date = moment(values)?.to_zoned(TimeZone::UTC).date();
        Ok(Value::from(date.strftime("%A").to_string()))
    });
    add("time.add_date", 4, |_, values| {
        let number =
            |index: usize| -> Result<i64> { values.get(index).context("a number is missing")?.as_i64() };
        let span = Span::new()
            .try_years(number(1)?)?
            .try_months(number(2)?)?
            .try_days(number(3)?)?;
        let later = moment(values)?.to_zoned(TimeZone::UTC).checked_add(span)?;
        nanoseconds(later.timestamp())
    });
}

fn nanoseconds(moment: Timestamp) -> Result<Value> {
    let number = i64::try_from(moment.as_nanosecond()).context("a time that far away has no nanoseconds")?;
    Ok(Value::from(number))
}

fn text(values: &[Value]) -> Result<String> {
    let value = values.first().context("a text is missing")?;
    Ok(value.as_string()?.to_string())
}

fn moment(values: &[Value]) -> Result<Timestamp> {
    let value = values.first().context("a time is missing")?;
    Ok(Timestamp::from_nanosecond(i128::from(value.as_i64()?))?)
}

/// Go's form of durations: `1h30m`, `1.5h`, `-2s`; the largest unit is the hour.
fn duration(text: &str) -> Result<i64> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mut sum, mut rest) = (0.0, rest);
    if rest.is_empty() {
        bail!("{text:?} is no duration");
    }
    while !rest.is_empty() && rest != "0" {
        let digits = rest
            .find(|c: char| !(c.is_ascii_digit() || c == '.'))
            .with_context(|| format!("{text:?} is no duration: a unit is missing"))?;
        let (number, after) = rest.split_at(digits);
        let length = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(length);
        let nanoseconds = match unit {
            "h" => 3.6e12,
            "m" => 6e10,
            "s" => 1e9,
            "ms" => 1e6,
            "us" | "µs" | "μs" => 1e3,
            "ns" => 1.0,
            _ => bail!("{text:?} is no duration: the units are h, m, s, ms, us and ns"),
        };
        let number: f64 = number
            .parse()
            .with_context(|| format!("{text:?} is no duration"))?;
        sum += number * nanoseconds;
        rest = after;
    }
    let length = SignedDuration::try_from_secs_f64(sign * sum / 1e9).context("too long a duration")?;
    i64::try_from(length.as_nanos()).context("too long a duration")
}
