//! Functions over points in time, written as RFC 3339 text.

use crate::config::functions::args::{Outcome, refuse, text};
use crate::config::functions::timestamp::{Timestamp, parse_duration};
use crate::config::functions::{Function, FunctionError, Param, ParamType};
use crate::config::number::Number;
use crate::config::value::Value;

const TIME: Param = Param::new("timestamp", ParamType::String);

/// This file's functions.
pub const TABLE: &[Function] = &[
    Function::new(
        "formatdate",
        "A timestamp in another layout, made of the verbs YYYY, MM, DD, hh, mm, ss, ZZZ and others.",
        (
            r#"formatdate("DD MMM YYYY", "2027-03-31T00:00:00Z")"#,
            r#""31 Mar 2027""#,
        ),
        &[Param::new("format", ParamType::String), TIME],
        ParamType::String,
        |_, a| formatdate(a),
    ),
    Function::new(
        "timeadd",
        "A timestamp some time later, or earlier.",
        (
            r#"timeadd("2027-03-31T00:00:00Z", "36h")"#,
            r#""2027-04-01T12:00:00Z""#,
        ),
        &[TIME, Param::new("duration", ParamType::String)],
        ParamType::String,
        |_, a| timeadd(a),
    ),
    Function::new(
        "timecmp",
        "-1, 0 or 1: whether the first timestamp is before, at or after the second.",
        (
            r#"timecmp("2027-03-31T00:00:00Z", "2027-03-31T01:00:00+01:00")"#,
            "0",
        ),
        &[TIME, TIME],
        ParamType::Number,
        |_, a| timecmp(a),
    ),
];

fn timestamp(arguments: &[Value], index: usize) -> Result<Timestamp, FunctionError> {
    Timestamp::parse(text(arguments, index)?).or_else(|error| {
        refuse(
            index,
            format!("it is not a timestamp: {error}"),
            "write it as \"2027-03-31T12:00:00Z\"",
        )
    })
}

fn formatdate(arguments: &[Value]) -> Outcome {
    let time = timestamp(arguments, 1)?;
    let formatted = time.format(text(arguments, 0)?);
    formatted.map(Value::string).or_else(|error| {
        refuse(
            0,
            error.to_string(),
            "write for example \"DD MMM YYYY hh:mm ZZZ\"",
        )
    })
}

fn timeadd(arguments: &[Value]) -> Outcome {
    let time = timestamp(arguments, 0)?;
    let duration = parse_duration(text(arguments, 1)?);
    let duration = duration.or_else(|error| {
        refuse(
            1,
            error.to_string(),
            "write for example \"1h30m\" or \"-24h\"; units are h, m, s, ms, us and ns",
        )
    })?;
    Ok(Value::string(time.add(duration).to_rfc3339()))
}

fn timecmp(arguments: &[Value]) -> Outcome {
    let order = timestamp(arguments, 0)?.compare(&timestamp(arguments, 1)?);
    Ok(Value::number(Number::from_i64(order as i64)))
}
