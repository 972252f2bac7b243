//! The world's own clock, and how long its asynchronous requests take on it.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ids::mix;

/// A moment on the simulated clock: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Time(u64);

impl Time {
    /// When a world begins unless it is told otherwise: 2026-01-01T00:00:00Z.
    pub const BEGINNING: Time = Time(1_767_225_600_000);

    /// The moment this many milliseconds after the Unix epoch.
    pub fn from_millis(millis: u64) -> Self {
        Time(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub fn as_millis(self) -> u64 {
        self.0
    }

    /// The moment `duration` later; the clock's resolution is a millisecond.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Time(
            self.0
                .saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)),
        )
    }

    /// How long after `earlier` this is; zero if it is not after.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// As a timestamp; the last one representable for times beyond it.
    pub fn timestamp(self) -> jiff::Timestamp {
        i64::try_from(self.0)
            .ok()
            .and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok())
            .unwrap_or(jiff::Timestamp::MAX)
    }
}

impl Default for Time {
    fn default() -> Self {
        Time::BEGINNING
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.timestamp().fmt(f)
    }
}

/// How long asynchronous requests take, in simulated milliseconds: between a least and a most, drawn from the
/// world's seed and the request's number, so that a run can be repeated exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    /// Creating or deleting an assignment.
    pub assignment: (u32, u32),
    /// Provisioning a permission set, before its accounts.
    pub provision: (u32, u32),
    /// Provisioning a permission set, for each account it reaches.
    pub provision_per_account: u32,
    /// Creating an account.
    pub account: (u32, u32),
}

impl Latency {
    /// Nothing takes any time: a request is done when the next call arrives.
    pub const NONE: Latency = Latency {
        assignment: (0, 0),
        provision: (0, 0),
        provision_per_account: 0,
        account: (0, 0),
    };

    /// A latency drawn from `range` for the request number `sequence`.
    pub(super) fn draw(range: (u32, u32), seed: u64, sequence: u64) -> Duration {
        let (least, most) = range;
        let span = u64::from(most.saturating_sub(least)).saturating_add(1);
        let drawn = mix(mix(seed, 0x1a7e_0c11), sequence) % span;
        Duration::from_millis(u64::from(least).saturating_add(drawn))
    }
}

impl Default for Latency {
    /// About what was measured of the real service: 1,200 assignment operations in 61 minutes, or 3 s each
    /// (aws-samples/aws-iam-identity-center-extensions, Scaling.md).
    fn default() -> Self {
        Latency {
            assignment: (2_000, 4_000),
            provision: (2_000, 6_000),
            provision_per_account: 20,
            account: (20_000, 40_000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_begins_in_2026_and_counts_milliseconds() {
        assert_eq!(Time::BEGINNING.to_string(), "2026-01-01T00:00:00Z");
        let later = Time::BEGINNING.after(Duration::from_secs(90));
        assert_eq!(later.to_string(), "2026-01-01T00:01:30Z");
        assert_eq!(later.since(Time::BEGINNING), Duration::from_secs(90));
    }

    #[test]
    fn latencies_stay_in_their_range_vary_and_repeat() {
        let draw = |n| Latency::draw((2_000, 4_000), 7, n);
        let all: Vec<Duration> = (0..200).map(draw).collect();
        assert!(all.iter().all(|d| (2_000..=4_000).contains(&d.as_millis())));
        assert!(all.iter().any(|d| *d != all[0]));
        assert_eq!(all, (0..200).map(draw).collect::<Vec<_>>());
        assert_eq!(Latency::draw((0, 0), 7, 1), Duration::ZERO);
    }
}
