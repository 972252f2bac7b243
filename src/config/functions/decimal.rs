//! Numbers as `format` writes them: fixed, scientific, general, and whole in several bases.

use crate::config::number::Number;

/// Signs, padding and width of one verb.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Style {
    /// `+`: a sign on positive numbers too.
    pub plus: bool,
    /// A space where a plus sign would be.
    pub space: bool,
    /// `-`: padded on the right.
    pub left: bool,
    /// `0`: padded with zeros on the left.
    pub zero: bool,
    /// `#`: the alternative form.
    pub sharp: bool,
    /// Least number of characters.
    pub width: usize,
    /// Digits, or longest text.
    pub precision: Option<usize>,
}

/// Decimal digits without trailing zeros, and where the point stands: `0.digits × 10^point`.
struct Digits {
    digits: String,
    point: i64,
}

impl Digits {
    /// Every digit of a finite number's magnitude. A binary fraction has finitely many.
    fn exact(number: &Number) -> Digits {
        let step = Number::from_i64(1 << 32);
        let mut scaled = number.clone();
        let mut fives = dashu::integer::UBig::ONE;
        let mut places = 0_i64;
        while !scaled.is_integer() {
            let Ok(next) = scaled.mul(&step) else {
                break;
            };
            scaled = next;
            fives *= dashu::integer::UBig::from(5_u8).pow(32);
            places += 32;
        }
        let (_, magnitude) = scaled.truncated();
        Digits::new((magnitude * fives).to_string(), -places)
    }

    /// The fewest digits that read back as the number.
    fn shortest(number: &Number) -> Digits {
        let text = number.to_string();
        let text = text.trim_start_matches('-');
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        Digits::new(
            format!("{whole}{fraction}"),
            -i64::try_from(fraction.len()).unwrap_or(0),
        )
    }

    /// `text × 10^exponent`
    fn new(text: String, exponent: i64) -> Digits {
        let significant = text.trim_start_matches('0');
        if significant.is_empty() {
            return Digits {
                digits: String::new(),
                point: 1,
            };
        }
        let point = i64::try_from(significant.len()).unwrap_or(0) + exponent;
        Digits {
            digits: significant.trim_end_matches('0').to_owned(),
            point,
        }
    }

    /// Keeps `count` digits, rounding half to even.
    fn round(&mut self, count: i64) {
        let count = usize::try_from(count.max(0)).unwrap_or(0);
        let Some((kept, rest)) = self.digits.split_at_checked(count) else {
            return;
        };
        let odd = kept.bytes().last().is_some_and(|digit| digit % 2 == 1);
        let up = match rest.bytes().next() {
            Some(b'5') if rest.len() == 1 => odd,
            Some(digit) => digit >= b'5',
            None => false,
        };
        let mut kept = kept.to_owned();
        if up {
            let mut head = kept.trim_end_matches('9').to_owned();
            match head.pop() {
                Some(last) => head.push(char::from(last as u8 + 1)),
                None => {
                    head.push('1');
                    self.point += 1;
                }
            }
            kept = head;
        }
        self.digits = kept.trim_end_matches('0').to_owned();
        if self.digits.is_empty() {
            self.point = 1;
        }
    }

    fn fixed(&self, places: usize) -> String {
        let point = usize::try_from(self.point).unwrap_or(0);
        let mut out: String = self
            .digits
            .chars()
            .chain(std::iter::repeat('0'))
            .take(point)
            .collect();
        if out.is_empty() || self.digits.is_empty() {
            out = "0".to_owned();
        }
        if places > 0 {
            out.push('.');
            let zeros = if self.digits.is_empty() {
                places
            } else {
                usize::try_from(-self.point).unwrap_or(0)
            };
            let tail = self.digits.get(point.min(self.digits.len())..).unwrap_or("");
            let fraction = std::iter::repeat_n('0', zeros)
                .chain(tail.chars())
                .chain(std::iter::repeat('0'));
            out.extend(fraction.take(places));
        }
        out
    }

    fn scientific(&self, places: usize, letter: char) -> String {
        let mut digits = self.digits.chars().chain(std::iter::repeat('0'));
        let mut out = String::new();
        out.extend(digits.next());
        if places > 0 {
            out.push('.');
            out.extend(digits.take(places));
        }
        let exponent = if self.digits.is_empty() { 0 } else { self.point - 1 };
        let sign = if exponent < 0 { '-' } else { '+' };
        out.push_str(&format!("{letter}{sign}{:02}", exponent.unsigned_abs()));
        out
    }
}

/// `%e`, `%E`, `%f`, `%g` or `%G`.
pub fn float(number: &Number, verb: char, style: &Style) -> String {
    let sign = sign(number.is_negative(), style);
    if number.is_infinite() {
        let sign = if number.is_negative() { "-" } else { "+" };
        let plain = Style {
            zero: false,
            ..*style
        };
        return pad(sign, "Inf", &plain);
    }
    let letter = if verb.is_ascii_uppercase() { 'E' } else { 'e' };
    let body = match verb.to_ascii_lowercase() {
        'e' => {
            let places = style.precision.unwrap_or(6);
            let mut digits = Digits::exact(number);
            digits.round(i64::try_from(places).unwrap_or(0) + 1);
            digits.scientific(places, letter)
        }
        'f' => {
            let places = style.precision.unwrap_or(6);
            let mut digits = Digits::exact(number);
            let wanted = digits.point + i64::try_from(places).unwrap_or(0);
            if wanted < 0 {
                digits = Digits::new(String::new(), 0);
            }
            digits.round(wanted);
            digits.fixed(places)
        }
        _ => general(number, style.precision, letter),
    };
    pad(sign, &body, style)
}

/// The shorter of fixed and scientific, without trailing zeros.
fn general(number: &Number, precision: Option<usize>, letter: char) -> String {
    let (digits, limit) = match precision {
        None => (Digits::shortest(number), 6),
        Some(precision) => {
            let precision = i64::try_from(precision.max(1)).unwrap_or(1);
            let mut digits = Digits::exact(number);
            digits.round(precision);
            let count = i64::try_from(digits.digits.len()).unwrap_or(0);
            let short = precision > count && count >= digits.point;
            (digits, if short { count } else { precision })
        }
    };
    let exponent = digits.point - 1;
    let count = digits.digits.len();
    if !digits.digits.is_empty() && (exponent < -4 || exponent >= limit) {
        return digits.scientific(count.saturating_sub(1), letter);
    }
    let places = i64::try_from(count).unwrap_or(0) - digits.point;
    digits.fixed(usize::try_from(places).unwrap_or(0))
}

/// `%d`, `%b`, `%o`, `%x` or `%X` of a whole number.
pub fn whole(negative: bool, magnitude: &dashu::integer::UBig, verb: char, style: &Style) -> String {
    let (radix, prefix) = match verb {
        'b' => (2, "0b"),
        'o' => (8, "0"),
        'x' => (16, "0x"),
        'X' => (16, "0X"),
        _ => (10, ""),
    };
    let mut digits = magnitude.in_radix(radix).to_string();
    if verb == 'X' {
        digits = digits.to_ascii_uppercase();
    }
    if let Some(precision) = style.precision {
        if precision == 0 && magnitude.is_zero() {
            digits.clear();
        }
        digits = format!("{digits:0>precision$}");
    }
    let mut lead = sign(negative, style).to_owned();
    if style.sharp {
        lead.push_str(prefix);
    }
    // A precision says how many zeros there are, so the width is filled with spaces.
    let style = Style {
        zero: style.zero && style.precision.is_none(),
        ..*style
    };
    pad(&lead, &digits, &style)
}

fn sign(negative: bool, style: &Style) -> &'static str {
    match (negative, style.plus, style.space) {
        (true, _, _) => "-",
        (_, true, _) => "+",
        (_, _, true) => " ",
        _ => "",
    }
}

/// Fills up to the width: zeros go after the sign.
fn pad(lead: &str, body: &str, style: &Style) -> String {
    let missing = style.width.saturating_sub(lead.len() + body.len());
    if style.left {
        format!("{lead}{body}{}", " ".repeat(missing))
    } else if style.zero {
        format!("{lead}{}{body}", "0".repeat(missing))
    } else {
        format!("{}{lead}{body}", " ".repeat(missing))
    }
}
