//! How fast calls may leave: a token bucket for each service family. Pure; seconds are given from outside.

/// A bucket that fills at a rate and holds a quarter of a second's worth.
///
/// The service's own bucket is shared with people and with other tools, so that a throttled call slows this one down
/// for a while instead of failing anything.
#[derive(Debug, Clone, PartialEq)]
pub struct Bucket {
    /// Calls a second that were asked for.
    rate: f64,
    /// Calls a second after what the service last said.
    pace: f64,
    level: f64,
    at: f64,
}

/// The share of the rate that is left after a throttled call.
const SLOWER: f64 = 0.7;
/// The least share, however often the service throttles.
const SLOWEST: f64 = 0.1;
/// How much of the rate comes back each second.
const RECOVERY: f64 = 0.05;

impl Bucket {
    /// A full bucket for `rate` calls a second.
    pub fn new(rate: f64) -> Self {
        Bucket {
            rate,
            pace: rate,
            level: burst(rate),
            at: 0.0,
        }
    }

    /// Takes one call out at `now`, if `spare` others would be left, or says how many seconds to wait before asking
    /// again.
    ///
    /// # Errors
    /// The seconds to wait.
    pub fn take(&mut self, now: f64, spare: f64) -> Result<(), f64> {
        self.fill(now);
        let missing = 1.0 + spare.min(burst(self.rate) - 1.0) - self.level;
        if missing <= 1e-9 {
            self.level -= 1.0;
            return Ok(());
        }
        Err((missing / self.pace).max(0.001))
    }

    /// The service refused a call as one too many: empty, and slower for a while.
    pub fn throttled(&mut self, now: f64) {
        self.fill(now);
        self.level = self.level.min(0.0);
        self.pace = (self.pace * SLOWER).max(self.rate * SLOWEST);
    }

    fn fill(&mut self, now: f64) {
        let passed = (now - self.at).max(0.0);
        self.at = self.at.max(now);
        self.level = (self.level + passed * self.pace).min(burst(self.rate));
        self.pace = (self.pace + passed * self.rate * RECOVERY).min(self.rate);
    }
}

/// How many calls may leave at once.
fn burst(rate: f64) -> f64 {
    (rate / 4.0).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When each of `count` calls leaves, if they leave as soon as they may.
    fn departures(bucket: &mut Bucket, count: usize) -> Vec<f64> {
        let mut now = 0.0;
        let each = (0..count).map(|_| {
            loop {
                match bucket.take(now, 0.0) {
                    Ok(()) => return now,
                    Err(wait) => now += wait,
                }
            }
        });
        each.collect()
    }

    #[test]
    fn no_second_sees_more_than_the_rate_and_a_quarter() {
        let mut bucket = Bucket::new(20.0);
        let all = departures(&mut bucket, 400);
        for start in &all {
            let within = all.iter().filter(|at| **at >= *start && **at < start + 1.0);
            assert!(within.count() <= 25);
        }
        let last = all.last().unwrap();
        assert!((19.0..20.5).contains(last), "{last}");
    }

    #[test]
    fn a_throttle_slows_down_and_wears_off() {
        let mut bucket = Bucket::new(10.0);
        bucket.throttled(0.0);
        assert!(bucket.take(0.0, 0.0).is_err());
        let slow = departures(&mut bucket, 20);
        assert!(*slow.last().unwrap() > 2.0);
        for _ in 0..100 {
            bucket.throttled(60.0);
        }
        assert!(
            bucket.take(60.0, 0.0).unwrap_err() <= 1.0 + 1e-6,
            "never slower than a tenth"
        );
        assert!(bucket.take(120.0, 0.0).is_ok());
        assert!(bucket.pace > 9.99);
    }

    #[test]
    fn who_leaves_room_waits_for_those_who_do_not() {
        let mut bucket = Bucket::new(20.0);
        while bucket.take(0.0, 0.0).is_ok() {}
        assert!(bucket.take(0.06, 1.0).is_err());
        assert!(bucket.take(0.06, 0.0).is_ok());
        // Even with nothing else to do it gets its turn.
        assert!(bucket.take(1.0, 100.0).is_ok());
    }
}
