//! Functions over address prefixes.

use crate::config::functions::args::{Outcome, number, refuse, strings, text, whole};
use crate::config::functions::cidr::Prefix;
use crate::config::functions::{Function, FunctionError, Param, ParamType};
use crate::config::value::Value;

const PREFIX: Param = Param::new("prefix", ParamType::String);
const NEW_BITS: Param = Param::new("newbits", ParamType::Number);
const HELP: &str = "write a prefix such as \"10.0.0.0/8\" or \"2001:db8::/32\"";

/// This file's functions.
pub const TABLE: &[Function] = &[
    Function::new(
        "cidrhost",
        "The address of a host in a prefix, by number; negative numbers count from the end.",
        (r#"cidrhost("10.0.0.0/8", 5)"#, r#""10.0.0.5""#),
        &[PREFIX, Param::new("hostnum", ParamType::Number)],
        ParamType::String,
        |_, a| cidrhost(a),
    ),
    Function::new(
        "cidrnetmask",
        "The netmask of an IPv4 prefix.",
        (r#"cidrnetmask("10.0.0.0/8")"#, r#""255.0.0.0""#),
        &[PREFIX],
        ParamType::String,
        |_, a| cidrnetmask(a),
    ),
    Function::new(
        "cidrsubnet",
        "A subnet of a prefix: so many bits longer, by number.",
        (r#"cidrsubnet("10.0.0.0/8", 8, 2)"#, r#""10.2.0.0/16""#),
        &[PREFIX, NEW_BITS, Param::new("netnum", ParamType::Number)],
        ParamType::String,
        |_, a| cidrsubnet(a),
    ),
    Function::new(
        "cidrsubnets",
        "Subnets of a prefix one after another, each so many bits longer.",
        (
            r#"cidrsubnets("10.0.0.0/8", 8, 8)"#,
            r#"["10.0.0.0/16", "10.1.0.0/16"]"#,
        ),
        &[PREFIX],
        ParamType::List(&ParamType::String),
        |_, a| cidrsubnets(a),
    )
    .with_more(NEW_BITS),
];

fn prefix(arguments: &[Value]) -> Result<Prefix, FunctionError> {
    Prefix::parse(text(arguments, 0)?).or_else(|error| refuse(0, error.to_string(), HELP))
}

/// A whole number of any size as sign and magnitude; no magnitude when that is beyond 128 bits.
fn large(arguments: &[Value], index: usize) -> Result<(bool, Option<u128>), FunctionError> {
    let number = number(arguments, index)?;
    match number.to_integer() {
        Some((negative, magnitude)) => Ok((negative, u128::try_from(&magnitude).ok())),
        None => refuse(index, format!("{number} is not a whole number"), "use `floor`"),
    }
}

fn cidrhost(arguments: &[Value]) -> Outcome {
    let prefix = prefix(arguments)?;
    let (negative, magnitude) = large(arguments, 1)?;
    prefix
        .host(negative, magnitude)
        .map(Value::string)
        .or_else(|error| refuse(1, error.to_string(), "use a smaller number or a shorter prefix"))
}

fn cidrnetmask(arguments: &[Value]) -> Outcome {
    prefix(arguments)?
        .netmask()
        .map(Value::string)
        .or_else(|error| refuse(0, error.to_string(), "use an IPv4 prefix"))
}

fn cidrsubnet(arguments: &[Value]) -> Outcome {
    let prefix = prefix(arguments)?;
    let extra = whole(arguments, 1)?;
    let Ok(extra) = u32::try_from(extra) else {
        return refuse(
            1,
            format!("a prefix cannot be extended by {extra} bits"),
            "use a number from 0 up",
        );
    };
    let number = match large(arguments, 2)? {
        (false, Some(number)) | (true, Some(number @ 0)) => number,
        _ => return refuse(2, "it is not the number of a subnet", "count subnets from 0"),
    };
    match prefix.subnet(extra, number) {
        Ok(subnet) => Ok(Value::string(subnet.show_prefix())),
        Err(error) => refuse(
            1,
            error.to_string(),
            "use fewer bits, a smaller number, or a shorter prefix",
        ),
    }
}

fn cidrsubnets(arguments: &[Value]) -> Outcome {
    let prefix = prefix(arguments)?;
    let extras: Vec<i64> = (1..arguments.len())
        .map(|index| whole(arguments, index))
        .collect::<Result<_, _>>()?;
    match prefix.subnets(&extras) {
        Ok(subnets) => Ok(strings(subnets.iter().map(Prefix::show_prefix))),
        Err((position, error)) => refuse(
            position + 1,
            error.to_string(),
            "use fewer subnets, or a shorter prefix",
        ),
    }
}
