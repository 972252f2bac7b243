//! Numbers with Terraform's arithmetic: binary floating point with 512 bits.
//!
//! 512 bits hold about 154 decimal digits, so decimal fractions that people write behave as written
//! (`0.1 + 0.2 == 0.3`), integers of any practical size are exact, and `1e400` is an ordinary number.
//! Results round to nearest, ties to even. A number prints as the shortest decimal that reads back as itself.
//! Whole numbers that fit 64 bits, by far the most common, take no allocation.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use dashu::base::BitTest;
use dashu::integer::UBig;

/// Bits of a significand.
const PRECISION: usize = 512;
/// Binary exponents beyond this count as infinite or zero: printing one would take hundreds of thousands of digits.
const EXPONENT_LIMIT: i64 = 1 << 20;
/// The longest text read as a number, and the largest decimal exponent.
const DECIMAL_LIMIT: i64 = 300_000;

/// A number: finite, or infinite as the result of a division by zero.
#[derive(Clone)]
pub struct Number(Repr);

#[derive(Clone)]
enum Repr {
    /// Every whole number that fits, except negative zero.
    Int(i64),
    /// Everything else that is finite.
    Big(Arc<Big>),
    /// Equal to zero; prints as `-0`.
    NegativeZero,
    /// Infinite, negative if true.
    Infinite(bool),
}

/// `± significand × 2^exponent`; the significand is odd and has at most 512 bits.
#[derive(Clone)]
struct Big {
    negative: bool,
    significand: UBig,
    exponent: i64,
    /// How many bits its digits are worth: fewer for what a double holds, which prints shorter then.
    precision: usize,
}

/// Bits of a double's significand.
const DOUBLE: usize = 53;

/// Why an operation has no number as its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// `0 / 0`, `∞ / ∞`.
    #[error("zero cannot be divided by zero, nor infinity by infinity")]
    Undefined,
    /// `∞ - ∞`.
    #[error("infinities of opposite sign cannot be added")]
    OppositeInfinities,
    /// `0 × ∞`.
    #[error("zero cannot be multiplied by infinity")]
    ZeroTimesInfinity,
}

impl Number {
    /// Zero.
    pub const ZERO: Number = Number(Repr::Int(0));

    /// A whole number.
    pub fn from_i64(value: i64) -> Self {
        Number(Repr::Int(value))
    }

    /// A count.
    pub fn from_usize(value: usize) -> Self {
        match i64::try_from(value) {
            Ok(small) => Number::from_i64(small),
            Err(_) => Number::from_parts(false, UBig::from(value), 0),
        }
    }

    /// A whole number of any size, negative if told.
    pub fn from_integer(negative: bool, magnitude: UBig) -> Self {
        Number::from_parts(negative, magnitude, 0)
    }

    /// The exact value of a double; `None` for NaN.
    ///
    /// It prints with the digits that a double is worth, as Terraform's `pow(2, 64)` does.
    pub fn from_f64(value: f64) -> Option<Self> {
        if value.is_nan() {
            return None;
        }
        let negative = value.is_sign_negative();
        if value.is_infinite() {
            return Some(Number(Repr::Infinite(negative)));
        }
        if value == 0.0 {
            return Some(Number::zero(negative));
        }
        let bits = value.to_bits();
        let biased = i64::try_from((bits >> 52) & 0x7ff).unwrap_or(0);
        let fraction = bits & ((1 << 52) - 1);
        let (significand, exponent) = match biased {
            0 => (fraction, -1074),
            _ => (fraction | (1 << 52), biased - 1075),
        };
        let exact = Number::from_parts(negative, UBig::from(significand), exponent);
        if matches!(exact.0, Repr::Int(small) if small.unsigned_abs() < 1 << DOUBLE) {
            return Some(exact);
        }
        let (significand, exponent) = exact.parts();
        Some(Number(Repr::Big(Arc::new(Big {
            negative,
            significand,
            exponent,
            precision: DOUBLE,
        }))))
    }

    /// The nearest double.
    pub fn to_f64(&self) -> f64 {
        match &self.0 {
            #[allow(
                clippy::cast_precision_loss,
                reason = "the nearest double is what is asked for"
            )]
            Repr::Int(value) => *value as f64,
            Repr::NegativeZero => -0.0,
            Repr::Infinite(negative) => sign(*negative) * f64::INFINITY,
            Repr::Big(big) => big.to_f64(),
        }
    }

    /// Reads decimal text: an optional sign, digits with an optional point, an optional exponent; or `Inf`, `inf`.
    ///
    /// `None` for anything else, and for exponents beyond 300,000.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(small) = text.parse::<i64>() {
            return Some(if small == 0 && text.starts_with('-') {
                Number(Repr::NegativeZero)
            } else {
                Number::from_i64(small)
            });
        }
        let (negative, rest) = match text.as_bytes().first()? {
            b'-' => (true, text.get(1..)?),
            b'+' => (false, text.get(1..)?),
            _ => (false, text),
        };
        if matches!(rest, "Inf" | "inf") {
            return Some(Number(Repr::Infinite(negative)));
        }
        let (digits, exponent) = match rest.split_once(['e', 'E']) {
            Some((digits, exponent)) => (digits, parse_exponent(exponent)?),
            None => (rest, 0),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all = format!("{whole}{fraction}");
        let too_long = i64::try_from(all.len()).ok()? > DECIMAL_LIMIT;
        if all.is_empty() || too_long || !all.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let significand = UBig::from_str_radix(&all, 10).ok()?;
        let exponent = exponent - i64::try_from(fraction.len()).ok()?;
        let scale = UBig::from(10u8).pow(usize::try_from(exponent.unsigned_abs()).ok()?);
        Some(if exponent >= 0 {
            Number::from_parts(negative, significand * scale, 0)
        } else {
            divide(negative, (&significand, 0), (&scale, 0))
        })
    }

    /// The whole number, if it is one and fits.
    pub fn to_i64(&self) -> Option<i64> {
        match &self.0 {
            Repr::Int(value) => Some(*value),
            Repr::NegativeZero => Some(0),
            Repr::Big(big) => big.to_i64(),
            Repr::Infinite(_) => None,
        }
    }

    /// The whole non-negative number, if it is one and fits.
    pub fn to_usize(&self) -> Option<usize> {
        usize::try_from(self.to_i64()?).ok()
    }

    /// The whole number as sign and magnitude, if it is one.
    pub fn to_integer(&self) -> Option<(bool, UBig)> {
        match &self.0 {
            Repr::Infinite(_) => None,
            Repr::Big(big) if big.exponent < 0 => None,
            _ => Some(self.truncated()),
        }
    }

    /// The whole part, towards zero, as sign and magnitude; zero for infinities.
    pub fn truncated(&self) -> (bool, UBig) {
        match &self.0 {
            Repr::Int(value) => (*value < 0, UBig::from(value.unsigned_abs())),
            Repr::NegativeZero | Repr::Infinite(_) => (false, UBig::ZERO),
            Repr::Big(big) => (big.negative, shift(&big.significand, big.exponent)),
        }
    }

    /// Whether it has no fraction; infinities have none to speak of and are not integers.
    pub fn is_integer(&self) -> bool {
        match &self.0 {
            Repr::Int(_) | Repr::NegativeZero => true,
            Repr::Big(big) => big.exponent >= 0,
            Repr::Infinite(_) => false,
        }
    }

    /// Whether it equals zero.
    pub fn is_zero(&self) -> bool {
        matches!(self.0, Repr::Int(0) | Repr::NegativeZero)
    }

    /// Whether it is below zero, or negative zero.
    pub fn is_negative(&self) -> bool {
        match &self.0 {
            Repr::Int(value) => *value < 0,
            Repr::NegativeZero => true,
            Repr::Infinite(negative) => *negative,
            Repr::Big(big) => big.negative,
        }
    }

    /// Whether it is infinite.
    pub fn is_infinite(&self) -> bool {
        matches!(self.0, Repr::Infinite(_))
    }

    /// The sum.
    ///
    /// # Errors
    /// For infinities of opposite sign.
    pub fn add(&self, other: &Number) -> Result<Number, NumberError> {
        match (&self.0, &other.0) {
            (Repr::Int(a), Repr::Int(b)) => match a.checked_add(*b) {
                Some(sum) => Ok(Number::from_i64(sum)),
                None => Ok(self.add_finite(other)),
            },
            (Repr::Infinite(a), Repr::Infinite(b)) if a != b => Err(NumberError::OppositeInfinities),
            (Repr::Infinite(_), _) => Ok(self.clone()),
            (_, Repr::Infinite(_)) => Ok(other.clone()),
            _ => Ok(self.add_finite(other)),
        }
    }

    /// The difference.
    ///
    /// # Errors
    /// For infinities of equal sign.
    pub fn sub(&self, other: &Number) -> Result<Number, NumberError> {
        if let (Repr::Int(a), Repr::Int(b)) = (&self.0, &other.0)
            && let Some(difference) = a.checked_sub(*b)
        {
            return Ok(Number::from_i64(difference));
        }
        self.add(&other.neg())
    }

    /// The product.
    ///
    /// # Errors
    /// For zero times infinity.
    pub fn mul(&self, other: &Number) -> Result<Number, NumberError> {
        let negative = self.is_negative() != other.is_negative();
        if self.is_infinite() || other.is_infinite() {
            if self.is_zero() || other.is_zero() {
                return Err(NumberError::ZeroTimesInfinity);
            }
            return Ok(Number(Repr::Infinite(negative)));
        }
        if let (Repr::Int(a), Repr::Int(b)) = (&self.0, &other.0)
            && let Some(product) = a.checked_mul(*b)
            && (product != 0 || !negative)
        {
            return Ok(Number::from_i64(product));
        }
        let (a, b) = (self.parts(), other.parts());
        Ok(Number::from_parts(negative, a.0 * b.0, a.1 + b.1))
    }

    /// The quotient; dividing by zero is infinite, as in Terraform.
    ///
    /// # Errors
    /// For `0 / 0` and `∞ / ∞`.
    pub fn div(&self, other: &Number) -> Result<Number, NumberError> {
        let negative = self.is_negative() != other.is_negative();
        let undefined = (self.is_zero() && other.is_zero()) || (self.is_infinite() && other.is_infinite());
        if undefined {
            return Err(NumberError::Undefined);
        }
        if self.is_infinite() || other.is_zero() {
            return Ok(Number(Repr::Infinite(negative)));
        }
        if self.is_zero() || other.is_infinite() {
            return Ok(Number::zero(negative));
        }
        if let (Repr::Int(a), Repr::Int(b)) = (&self.0, &other.0)
            && a.checked_rem(*b) == Some(0)
        {
            return Ok(Number::from_i64(a / b));
        }
        let (a, b) = (self.parts(), other.parts());
        Ok(divide(negative, (&a.0, a.1), (&b.0, b.1)))
    }

    /// The remainder of a division towards zero; `x % 0` is `x`, as in Terraform.
    ///
    /// # Errors
    /// Where the underlying division and multiplication have none.
    pub fn rem(&self, other: &Number) -> Result<Number, NumberError> {
        if self.is_infinite() || other.is_infinite() {
            return self.mul(other);
        }
        if other.is_zero() {
            return Ok(self.clone());
        }
        if let (Repr::Int(a), Repr::Int(b)) = (&self.0, &other.0)
            && let Some(rest) = a.checked_rem(*b)
        {
            return Ok(Number::from_i64(rest));
        }
        let (negative, whole) = self.div(other)?.truncated();
        self.sub(&other.mul(&Number::from_integer(negative, whole))?)
    }

    /// The negation.
    #[must_use]
    pub fn neg(&self) -> Number {
        match &self.0 {
            Repr::Int(0) => Number(Repr::NegativeZero),
            Repr::NegativeZero => Number::ZERO,
            Repr::Infinite(negative) => Number(Repr::Infinite(!negative)),
            Repr::Int(value) => match value.checked_neg() {
                Some(negated) => Number::from_i64(negated),
                None => Number::from_parts(false, UBig::from(value.unsigned_abs()), 0),
            },
            Repr::Big(big) => Number(Repr::Big(Arc::new(Big {
                negative: !big.negative,
                ..big.as_ref().clone()
            }))),
        }
    }

    /// The text `%.10g` would give it: at most ten significant digits. Orders sets of objects.
    pub(crate) fn short(&self) -> String {
        if let Some(small) = self.to_i64()
            && small.unsigned_abs() < 10_000_000_000
        {
            return self.to_string();
        }
        if self.is_infinite() {
            return self.to_string();
        }
        let (digits, point) = self.decimal();
        let (digits, point) = round_digits(&digits, point, 10);
        let sign = if self.is_negative() { "-" } else { "" };
        if point - 1 < -4 || point > 10 {
            let (first, rest) = digits.split_at(1);
            let dot = if rest.is_empty() { "" } else { "." };
            let exponent = point - 1;
            let exponent_sign = if exponent < 0 { '-' } else { '+' };
            return format!(
                "{sign}{first}{dot}{rest}e{exponent_sign}{:02}",
                exponent.unsigned_abs()
            );
        }
        format!("{sign}{}", plain(&digits, point))
    }

    fn zero(negative: bool) -> Number {
        if negative {
            Number(Repr::NegativeZero)
        } else {
            Number::ZERO
        }
    }

    /// Magnitude as significand and exponent, for finite numbers.
    fn parts(&self) -> (UBig, i64) {
        match &self.0 {
            Repr::Int(value) => (UBig::from(value.unsigned_abs()), 0),
            Repr::Big(big) => (big.significand.clone(), big.exponent),
            Repr::NegativeZero | Repr::Infinite(_) => (UBig::ZERO, 0),
        }
    }

    fn add_finite(&self, other: &Number) -> Number {
        let ((a, a_exponent), (b, b_exponent)) = (self.parts(), other.parts());
        match (self.is_zero(), other.is_zero()) {
            (true, true) => return Number::zero(self.is_negative() && other.is_negative()),
            (true, false) => return Number::from_parts(other.is_negative(), b, b_exponent),
            (false, true) => return Number::from_parts(self.is_negative(), a, a_exponent),
            (false, false) => {}
        }
        let exponent = a_exponent.min(b_exponent);
        let a = shift(&a, a_exponent - exponent);
        let b = shift(&b, b_exponent - exponent);
        let (negative, sum) = if self.is_negative() == other.is_negative() {
            (self.is_negative(), a + b)
        } else if a == b {
            return Number::ZERO;
        } else if a > b {
            (self.is_negative(), a - b)
        } else {
            (other.is_negative(), b - a)
        };
        Number::from_parts(negative, sum, exponent)
    }

    /// Rounds `± significand × 2^exponent` to 512 bits and picks the representation.
    fn from_parts(negative: bool, mut significand: UBig, mut exponent: i64) -> Number {
        let bits = significand.bit_len();
        if bits > PRECISION {
            let excess = bits - PRECISION;
            let half = significand.bit(excess - 1);
            let beyond = significand.trailing_zeros().unwrap_or(0) < excess - 1;
            let odd = significand.bit(excess);
            significand >>= excess;
            if half && (beyond || odd) {
                significand += 1u8;
            }
            exponent += i64::try_from(excess).unwrap_or(0);
        }
        let Some(zeros) = significand.trailing_zeros() else {
            return Number::zero(negative);
        };
        significand >>= zeros;
        exponent += i64::try_from(zeros).unwrap_or(0);
        if exponent > EXPONENT_LIMIT {
            return Number(Repr::Infinite(negative));
        }
        if exponent < -EXPONENT_LIMIT {
            return Number::zero(negative);
        }
        if (0..64).contains(&exponent) {
            let whole = i128::try_from(shift(&significand, exponent)).ok();
            let signed = whole.map(|whole| if negative { -whole } else { whole });
            if let Some(small) = signed.and_then(|whole| i64::try_from(whole).ok()) {
                return Number::from_i64(small);
            }
        }
        Number(Repr::Big(Arc::new(Big {
            negative,
            significand,
            exponent,
            precision: PRECISION,
        })))
    }

    /// The shortest decimal digits that read back as this number's magnitude, and where the point
    /// stands: `0.digits × 10^point`.
    fn decimal(&self) -> (String, i64) {
        let (significand, exponent) = self.parts();
        if significand.is_zero() {
            return ("0".to_owned(), 1);
        }
        let precision = match &self.0 {
            Repr::Big(big) => big.precision,
            _ => PRECISION,
        };
        shortest(&significand, exponent, precision)
    }
}

fn sign(negative: bool) -> f64 {
    if negative { -1.0 } else { 1.0 }
}

fn parse_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let exponent: i64 = text.parse().ok()?;
    (exponent.abs() <= DECIMAL_LIMIT).then_some(exponent)
}

/// `value × 2^by`, rounded towards zero.
fn shift(value: &UBig, by: i64) -> UBig {
    let distance = usize::try_from(by.unsigned_abs()).unwrap_or(usize::MAX);
    if by >= 0 {
        value << distance
    } else {
        value >> distance
    }
}

/// Divides two magnitudes, the divisor not zero.
fn divide(negative: bool, a: (&UBig, i64), b: (&UBig, i64)) -> Number {
    let wanted = PRECISION + 2 + b.0.bit_len();
    let up = wanted.saturating_sub(a.0.bit_len());
    let shifted = a.0 << up;
    let quotient = &shifted / b.0;
    let exact = &quotient * b.0 == shifted;
    // One more bit below the quotient stands for everything that was cut off.
    let sticky = (quotient << 1usize) | UBig::from(u8::from(!exact));
    let exponent = a.1 - b.1 - i64::try_from(up).unwrap_or(0) - 1;
    Number::from_parts(negative, sticky, exponent)
}

/// The shortest decimal between the neighbours' midpoints, nearest to the value.
fn shortest(significand: &UBig, exponent: i64, precision: usize) -> (String, i64) {
    // Scale so that the lowest bit of `value` is half a unit in the last place.
    let up = (precision + 1).saturating_sub(significand.bit_len());
    let value = significand << up;
    let exponent = exponent - i64::try_from(up).unwrap_or(0);
    let inclusive = !value.bit(1);
    let (digits, point) = exact_decimal(&value, exponent);
    let (lower, lower_point) = exact_decimal(&(&value - 1u8), exponent);
    let (upper, upper_point) = exact_decimal(&(&value + 1u8), exponent);
    let at = |digits: &[u8], from: i64, index: i64| -> u8 {
        let position = index - (point - from);
        let digit = usize::try_from(position).ok().and_then(|p| digits.get(p));
        digit.copied().unwrap_or(b'0')
    };
    let (lower, upper) = (lower.as_bytes(), upper.as_bytes());
    let ends = |length: usize, from: i64, index: i64| {
        index + 1 - (point - from) == i64::try_from(length).unwrap_or(i64::MAX)
    };
    for (count, digit) in digits.bytes().enumerate() {
        let index = i64::try_from(count).unwrap_or(0);
        let low = at(lower, lower_point, index);
        let high = at(upper, upper_point, index);
        let down = low != digit || (inclusive && ends(lower.len(), lower_point, index));
        let more = !ends(upper.len(), upper_point, index);
        let up = digit != high && (inclusive || digit + 1 < high || more);
        let kept = digits.get(..=count).unwrap_or("");
        match (down, up) {
            (true, true) => return round_digits(&digits, point, count + 1),
            (true, false) => return (trimmed(kept), point),
            (false, true) => return round_up(kept, point),
            (false, false) => {}
        }
    }
    (digits, point)
}

/// All decimal digits of `value × 2^exponent`, without trailing zeros.
fn exact_decimal(value: &UBig, exponent: i64) -> (String, i64) {
    let (digits, shifted) = if exponent >= 0 {
        (shift(value, exponent).to_string(), 0)
    } else {
        let places = usize::try_from(-exponent).unwrap_or(0);
        ((value * UBig::from(5u8).pow(places)).to_string(), exponent)
    };
    let point = i64::try_from(digits.len()).unwrap_or(0) + shifted;
    (trimmed(&digits), point)
}

fn trimmed(digits: &str) -> String {
    digits.trim_end_matches('0').to_owned()
}

/// Rounds to `count` digits, half to even.
fn round_digits(digits: &str, point: i64, count: usize) -> (String, i64) {
    let Some((kept, rest)) = digits.split_at_checked(count) else {
        return (digits.to_owned(), point);
    };
    let odd = kept.bytes().last().is_some_and(|digit| digit % 2 == 1);
    let up = match rest.bytes().next() {
        Some(b'5') if rest.len() == 1 => odd,
        Some(digit) => digit >= b'5',
        None => false,
    };
    if up {
        round_up(kept, point)
    } else {
        (trimmed(kept), point)
    }
}

fn round_up(digits: &str, point: i64) -> (String, i64) {
    let kept = digits.trim_end_matches('9');
    let mut bytes = kept.as_bytes().to_vec();
    match bytes.last_mut() {
        Some(last) => {
            *last += 1;
            (String::from_utf8(bytes).unwrap_or_default(), point)
        }
        None => ("1".to_owned(), point + 1),
    }
}

/// Digits with the point at its place and no exponent.
fn plain(digits: &str, point: i64) -> String {
    let length = i64::try_from(digits.len()).unwrap_or(0);
    if point <= 0 {
        let zeros = "0".repeat(usize::try_from(-point).unwrap_or(0));
        return format!("0.{zeros}{digits}");
    }
    if point >= length {
        let zeros = "0".repeat(usize::try_from(point - length).unwrap_or(0));
        return format!("{digits}{zeros}");
    }
    let (whole, fraction) = digits.split_at(usize::try_from(point).unwrap_or(0));
    format!("{whole}.{fraction}")
}

impl Big {
    /// The whole number, if it is one and fits.
    fn to_i64(&self) -> Option<i64> {
        if !(0..64).contains(&self.exponent) {
            return None;
        }
        let whole = i128::try_from(shift(&self.significand, self.exponent)).ok()?;
        i64::try_from(if self.negative { -whole } else { whole }).ok()
    }

    fn to_f64(&self) -> f64 {
        let bits = self.significand.bit_len();
        let excess = bits.saturating_sub(64);
        let exact = self.significand.trailing_zeros().unwrap_or(0) >= excess;
        let top: u64 = (&self.significand >> excess).try_into().unwrap_or(u64::MAX);
        // A bit that was cut off must still break ties.
        let top = if exact { top } else { top | 1 };
        let mut exponent = self.exponent + i64::try_from(excess).unwrap_or(0);
        #[allow(
            clippy::cast_precision_loss,
            reason = "the nearest double is what is asked for"
        )]
        let mut value = sign(self.negative) * top as f64;
        while exponent != 0 && value != 0.0 && value.is_finite() {
            let step = exponent.clamp(-512, 512);
            value *= 2f64.powi(i32::try_from(step).unwrap_or(0));
            exponent -= step;
        }
        value
    }
}

impl fmt::Display for Number {
    /// Decimal without an exponent: `0.3`, `1000000000000000000000`, `-0`, `+Inf`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Int(value) => value.fmt(f),
            Repr::NegativeZero => f.write_str("-0"),
            Repr::Infinite(negative) => f.write_str(if *negative { "-Inf" } else { "+Inf" }),
            Repr::Big(big) => {
                let (digits, point) = self.decimal();
                let sign = if big.negative { "-" } else { "" };
                write!(f, "{sign}{}", plain(&digits, point))
            }
        }
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Repr::Int(a), Repr::Int(b)) => a == b,
            (Repr::Big(a), Repr::Big(b)) => {
                a.negative == b.negative && a.exponent == b.exponent && a.significand == b.significand
            }
            (Repr::Infinite(a), Repr::Infinite(b)) => a == b,
            (Repr::Big(big), Repr::Int(small)) | (Repr::Int(small), Repr::Big(big)) => {
                big.to_i64() == Some(*small)
            }
            _ => self.is_zero() && other.is_zero(),
        }
    }
}

impl Eq for Number {}

impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match &self.0 {
            Repr::Int(value) => value.hash(state),
            Repr::NegativeZero => 0i64.hash(state),
            Repr::Infinite(negative) => negative.hash(state),
            Repr::Big(big) => match big.to_i64() {
                Some(small) => small.hash(state),
                None => (big.negative, big.exponent, &big.significand).hash(state),
            },
        }
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        if let (Repr::Int(a), Repr::Int(b)) = (&self.0, &other.0) {
            return a.cmp(b);
        }
        if self == other {
            return Ordering::Equal;
        }
        match (self.is_infinite(), other.is_infinite()) {
            (true, _) => {
                return if self.is_negative() {
                    Ordering::Less
                } else {
                    Ordering::Greater
                };
            }
            (_, true) => {
                return if other.is_negative() {
                    Ordering::Greater
                } else {
                    Ordering::Less
                };
            }
            _ => {}
        }
        let difference = self.add_finite(&other.neg());
        if difference.is_negative() {
            Ordering::Less
        } else {
            Ordering::Greater
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn n(text: &str) -> Number {
        Number::parse(text).unwrap()
    }

    /// Each right side is what `terraform console` 1.11.4 prints.
    #[test]
    fn arithmetic_is_terraforms() {
        assert_eq!(n("0.1").add(&n("0.2")).unwrap(), n("0.3"));
        assert_eq!(n("0.1").add(&n("0.2")).unwrap().to_string(), "0.3");
        assert_eq!(n("5").rem(&n("0")).unwrap().to_string(), "5");
        assert_eq!(n("-5").rem(&n("3")).unwrap().to_string(), "-2");
        assert_eq!(n("5.5").rem(&n("2")).unwrap().to_string(), "1.5");
        assert_eq!(n("1").div(&n("0")).unwrap().to_string(), "+Inf");
        assert_eq!(
            n("1").div(&n("3")).unwrap().to_string(),
            format!("0.{}5", "3".repeat(154))
        );
        assert_eq!(
            n("1").div(&n("7")).unwrap().to_string(),
            "0.14285714285714285714285714285714285714285714285714285714285714285714285714285714285714285714285714285714285714285714285714285714285714285714285714285714285"
        );
        assert_eq!(n("1e400").to_string(), format!("1{}", "0".repeat(400)));
        assert_eq!(n("1e-7").to_string(), "0.0000001");
        assert_eq!(
            n("12345.678e30").to_string(),
            "12345678000000000000000000000000000"
        );
        assert_eq!(n("0").neg().to_string(), "-0");
        assert_eq!(n("0").neg(), n("0"));
        assert!(n("0").div(&n("0")).is_err());
    }

    #[test]
    fn large_and_small_compare_and_convert() {
        assert!(n("1e400") > n("1e399") && n("-1e400") < n("3"));
        assert!(n("9223372036854775808") > n("9223372036854775807"));
        assert_eq!(
            n("9223372036854775807").add(&n("1")).unwrap().to_string(),
            "9223372036854775808"
        );
        assert_eq!(
            n("9223372036854775808").sub(&n("1")).unwrap().to_i64(),
            Some(i64::MAX)
        );
        assert_eq!(n("2.5").to_i64(), None);
        assert_eq!(n("2.5").to_f64(), 2.5);
        assert_eq!(n("0.1").to_f64(), 0.1);
        assert_eq!(n("1e300").to_f64(), 1e300);
        assert_eq!(Number::from_f64(0.5).unwrap().to_string(), "0.5");
        assert_eq!(
            Number::from_f64(2f64.powi(64)).unwrap().to_string(),
            "18446744073709550000"
        );
        assert_eq!(Number::from_f64(2f64.powi(62)).unwrap(), n("4611686018427387904"));
        assert_eq!(Number::from_f64(0.1).unwrap().to_string(), "0.1");
        assert_eq!(n("-inf").to_string(), "-Inf");
        assert_eq!(n("123456789012345").short(), "1.23456789e+14");
    }

    #[test]
    fn what_is_not_a_number_is_refused() {
        for text in [
            "",
            "-",
            ".",
            "1_000",
            "0x10",
            "e5",
            "1e",
            "1e+",
            " 1",
            "1e999999999",
            "NaN",
            "Infinity",
        ] {
            assert!(Number::parse(text).is_none(), "{text}");
        }
    }
}
