//! What goes wrong between a client and the simulated service: drawn from a seed, so that it can be repeated.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::protocol::{Service, WireError};

/// How a fault is written, for `--help`.
pub const SYNTAX: &str = "\
Faults: KIND[=VALUE][,p=PROBABILITY][,op=OPERATION][,times=N]; may be repeated, the first that is drawn happens
  latency=200ms  the answer comes that much later (also 2s); may come together with another fault
  error=503      answered with this status (500 unless given), and nothing was done
  lost=500       the same, although it was done
  throttle       answered as if called too often, and nothing was done
  reset          it was done, and the connection is closed without an answer
  truncate       it was done, and the connection is closed in the middle of the answer
  duplicate      it was done, and the answer is sent twice
";

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The answer is late.
    Latency(Duration),
    /// An error of the server instead of an answer; nothing was done.
    Error(u16),
    /// An error of the server instead of an answer; it was done.
    Lost(u16),
    /// Throttled; nothing was done.
    Throttle,
    /// Something happens to the answer on its way.
    Cut(Cut),
}

/// What a connection does to an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// It is closed without one.
    Reset,
    /// It is closed in the middle.
    Truncate,
    /// It brings it twice.
    Duplicate,
}

/// A fault, and when it happens.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// Which.
    pub kind: Kind,
    /// How likely it is for each request.
    pub probability: f64,
    /// Only requests for this operation.
    pub operation: Option<String>,
    /// At most so often.
    pub times: Option<u32>,
}

/// A text describes no fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no fault: {problem}")]
pub struct BadFault {
    text: String,
    problem: String,
}

impl FromStr for Fault {
    type Err = BadFault;

    fn from_str(text: &str) -> Result<Self, BadFault> {
        let bad = |problem: String| BadFault {
            text: text.to_owned(),
            problem,
        };
        let mut parts = text.split(',');
        let (name, value) = pair(parts.next().unwrap_or_default());
        let status = || {
            let code = value.unwrap_or("500").parse::<u16>().ok();
            code.filter(|code| (500..600).contains(code))
                .ok_or_else(|| bad("the status is a number from 500 to 599".into()))
        };
        let kind = match name {
            "latency" => Kind::Latency(
                value
                    .and_then(duration)
                    .ok_or_else(|| bad("write it like latency=200ms or latency=2s".into()))?,
            ),
            "error" => Kind::Error(status()?),
            "lost" => Kind::Lost(status()?),
            "throttle" => Kind::Throttle,
            "reset" => Kind::Cut(Cut::Reset),
            "truncate" => Kind::Cut(Cut::Truncate),
            "duplicate" => Kind::Cut(Cut::Duplicate),
            _ => {
                return Err(bad(
                    "there are latency, error, lost, throttle, reset, truncate and duplicate".into(),
                ));
            }
        };
        let mut fault = Fault {
            kind,
            probability: 1.0,
            operation: None,
            times: None,
        };
        for part in parts {
            match pair(part) {
                ("p", Some(value)) => {
                    let probability = value.parse::<f64>().ok();
                    fault.probability = probability
                        .filter(|p| (0.0..=1.0).contains(p))
                        .ok_or_else(|| bad("p is a number from 0 to 1".into()))?;
                }
                ("op", Some(value)) => fault.operation = Some(value.to_owned()),
                ("times", Some(value)) => {
                    let times = value.parse().map_err(|_| bad("times is a whole number".into()))?;
                    fault.times = Some(times);
                }
                (other, _) => return Err(bad(format!("`{other}` is none of p=, op= and times="))),
            }
        }
        Ok(fault)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Latency(by) => write!(f, "latency={}ms", by.as_millis())?,
            Kind::Error(status) => write!(f, "error={status}")?,
            Kind::Lost(status) => write!(f, "lost={status}")?,
            Kind::Throttle => f.write_str("throttle")?,
            Kind::Cut(Cut::Reset) => f.write_str("reset")?,
            Kind::Cut(Cut::Truncate) => f.write_str("truncate")?,
            Kind::Cut(Cut::Duplicate) => f.write_str("duplicate")?,
        }
        write!(f, ",p={}", self.probability)?;
        if let Some(operation) = &self.operation {
            write!(f, ",op={operation}")?;
        }
        self.times.map_or(Ok(()), |times| write!(f, ",times={times}"))
    }
}

/// The faults of a server, and how often each happened.
#[derive(Debug, Clone)]
pub struct Faults {
    seed: u64,
    drawn: u64,
    all: Vec<(Fault, u32)>,
}

impl Faults {
    /// Faults drawn from a seed.
    pub fn new(seed: u64, faults: Vec<Fault>) -> Self {
        Faults {
            seed,
            drawn: 0,
            all: faults.into_iter().map(|fault| (fault, 0)).collect(),
        }
    }

    /// What goes wrong with the next request.
    pub fn draw(&mut self, operation: &str) -> Mishap {
        self.drawn += 1;
        let mut mishap = Mishap::default();
        for (index, (fault, happened)) in self.all.iter_mut().enumerate() {
            let applies = fault.operation.as_deref().is_none_or(|only| only == operation)
                && fault.times.is_none_or(|times| *happened < times);
            let taken = mishap.kind.is_some() && !matches!(fault.kind, Kind::Latency(_));
            if !applies || taken || chance(self.seed, self.drawn, index as u64) >= fault.probability {
                continue;
            }
            *happened += 1;
            match fault.kind {
                Kind::Latency(by) => mishap.delay += by,
                kind => mishap.kind = Some(kind),
            }
        }
        mishap
    }
}

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Mishap {
    /// How late the answer is.
    pub delay: Duration,
    kind: Option<Kind>,
}

impl Mishap {
    /// The error that is answered instead of carrying the request out.
    pub fn instead(&self, service: Service) -> Option<WireError> {
        match self.kind? {
            Kind::Error(status) => Some(failure(service, status)),
            Kind::Throttle => {
                let code = match service {
                    Service::Organizations => "TooManyRequestsException",
                    Service::Iam | Service::Sts => "Throttling",
                    _ => "ThrottlingException",
                };
                Some(WireError::new(code, 400, "Rate exceeded"))
            }
            _ => None,
        }
    }

    /// Whether the request is carried out and its answer replaced by an error.
    pub fn lost(&self, service: Service) -> Option<WireError> {
        match self.kind? {
            Kind::Lost(status) => Some(failure(service, status)),
            _ => None,
        }
    }

    /// What happens to the answer.
    pub fn cut(&self) -> Option<Cut> {
        match self.kind? {
            Kind::Cut(cut) => Some(cut),
            _ => None,
        }
    }
}

fn failure(service: Service, status: u16) -> WireError {
    let code = match (status, service) {
        (503, _) => "ServiceUnavailable",
        (_, Service::Organizations) => "ServiceException",
        (_, Service::Iam | Service::Sts) => "InternalFailure",
        _ => "InternalServerException",
    };
    WireError::new(
        code,
        status,
        "An unexpected internal service exception was encountered",
    )
}

/// A number from 0 to below 1.
fn chance(seed: u64, request: u64, fault: u64) -> f64 {
    let bytes: Vec<u8> = [seed, request, fault]
        .iter()
        .flat_map(|n| n.to_le_bytes())
        .collect();
    let hash = blake3::hash(&bytes);
    let bits = hash
        .as_bytes()
        .first_chunk::<8>()
        .map_or(0, |bytes| u64::from_le_bytes(*bytes));
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

fn pair(text: &str) -> (&str, Option<&str>) {
    text.split_once('=')
        .map_or((text, None), |(name, value)| (name, Some(value)))
}

fn duration(text: &str) -> Option<Duration> {
    if let Some(millis) = text.strip_suffix("ms") {
        return millis.parse().ok().map(Duration::from_millis);
    }
    crate::model::duration::parse(text).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_and_written() {
        for text in [
            "latency=200ms,p=0.5",
            "error=503,p=0.1",
            "lost=500,p=1,op=CreateAccountAssignment,times=3",
            "throttle,p=1,times=2",
            "reset,p=0.05",
            "truncate,p=0.05",
            "duplicate,p=0.05",
        ] {
            assert_eq!(text.parse::<Fault>().unwrap().to_string(), text);
        }
        assert_eq!(
            "latency=2s".parse::<Fault>().unwrap().kind,
            Kind::Latency(Duration::from_secs(2))
        );
        for text in ["", "flood", "latency", "error=404", "reset,p=2", "reset,when=now"] {
            assert!(text.parse::<Fault>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_same_seed_draws_the_same_and_about_as_often_as_said() {
        let draw = |seed| {
            let mut faults = Faults::new(seed, vec!["reset,p=0.25".parse().unwrap()]);
            let drawn: Vec<bool> = (0..1_000).map(|_| faults.draw("X").cut().is_some()).collect();
            drawn
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        let count = draw(1).into_iter().filter(|happened| *happened).count();
        assert!((200..300).contains(&count), "{count}");
    }

    #[test]
    fn a_fault_keeps_to_its_operation_and_number() {
        let mut faults = Faults::new(1, vec!["throttle,op=A,times=2".parse().unwrap()]);
        assert!(faults.draw("B").instead(Service::SsoAdmin).is_none());
        for expected in [true, true, false] {
            assert_eq!(faults.draw("A").instead(Service::SsoAdmin).is_some(), expected);
        }
    }
}
