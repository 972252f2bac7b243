//! Whether anybody answers, and since when nobody has. Pure; seconds are given from outside.

/// Seconds after which an attempt that was not answered says nothing about now: longer than any call takes.
const STALE: f64 = 90.0;

/// What was heard of one service.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Hearing {
    /// When the last answer came.
    heard: f64,
    silence: Option<Unanswered>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Unanswered {
    since: f64,
    last: f64,
    attempts: u32,
}

impl Hearing {
    /// An answer came, be it a refusal.
    pub fn answered(&mut self, now: f64) {
        *self = Hearing {
            heard: now,
            silence: None,
        };
    }

    /// A call that was sent at `sent` is given up at `now`.
    pub fn unanswered(&mut self, sent: f64, now: f64) {
        let before = self.silence.unwrap_or(Unanswered {
            since: sent.max(self.heard),
            last: now,
            attempts: 0,
        });
        self.silence = Some(Unanswered {
            last: now,
            attempts: before.attempts.saturating_add(1),
            ..before
        });
    }

    /// For how many seconds attempts have had no answer, and how many there were; `None` when the last one had, or was
    /// long ago.
    pub fn silence(&self, now: f64) -> Option<(f64, u32)> {
        let silence = self.silence.filter(|silence| now - silence.last < STALE)?;
        Some((silence.last - silence.since, silence.attempts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_lasts_from_the_last_answer_to_the_last_attempt() {
        let mut hearing = Hearing::default();
        hearing.answered(10.0);
        // It was sent before the answer to another, and timed out after it.
        hearing.unanswered(5.0, 35.0);
        assert_eq!(hearing.silence(35.0), Some((25.0, 1)));
        hearing.unanswered(40.0, 40.0);
        assert_eq!(hearing.silence(41.0), Some((30.0, 2)), "nobody tried since");
        assert_eq!(hearing.silence(200.0), None, "nobody has tried for long");
        hearing.answered(201.0);
        assert_eq!(hearing.silence(201.0), None);
    }
}
