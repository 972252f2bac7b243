//! What to do about an error, by its meaning.
//!
//! Pure. Throttling and propagation conflicts slow a run and never fail it until
//! a generous time is over; what cannot get better fails at once, with a remedy.

use std::time::Duration;

use crate::model::action::Effect;
use crate::provider::{CallError, Meaning};

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// It is as it should be: count it as done.
    AlreadySo,
    /// Look at what is there: equal means done, different means failed.
    Look,
    /// Try again after this long.
    Again(Duration),
    /// It failed; the remedy, if one is known.
    Fail(Option<&'static str>),
}

/// How long one step may keep being retried, by the provider's clock.
pub const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// What to do after `error`, on try number `tries` (from 1), `waited` after the first.
///
/// The pause doubles from half a second; its jitter comes from `salt` (a step's own number), so that a run is
/// the same every time and yet does not come in waves.
pub fn decide(effect: &Effect, error: &CallError, tries: u32, waited: Duration, salt: u64) -> Decision {
    let again = |otherwise: Option<&'static str>| {
        if waited < PATIENCE {
            Decision::Again(pause(tries, salt))
        } else {
            Decision::Fail(otherwise)
        }
    };
    match error.meaning {
        Meaning::Retry => again(Some("the service was busy all the time; run apply again later")),
        Meaning::Unknown => again(Some(
            "whether it happened is not known; run apply again: it reads first",
        )),
        Meaning::AlreadyExists => match effect {
            Effect::AddMember { .. } | Effect::Grant { .. } => Decision::AlreadySo,
            _ => Decision::Look,
        },
        Meaning::NotFound => match effect {
            Effect::Revoke { .. }
            | Effect::RemoveMember { .. }
            | Effect::DeleteUser { .. }
            | Effect::DeleteGroup { .. }
            | Effect::DeletePermissionSet { .. } => Decision::AlreadySo,
            _ => Decision::Fail(Some("something changed meanwhile; run plan again")),
        },
        Meaning::InUse => again(Some(
            "something outside this stack still uses it; `rolecall drift` shows what",
        )),
        Meaning::Denied => Decision::Fail(Some(
            "give the caller that IAM action, or run this part as another caller",
        )),
        Meaning::Invalid => Decision::Fail(Some(
            "the service does not take this value; change it in the configuration",
        )),
        Meaning::Quota => Decision::Fail(Some(
            "ask AWS to raise the quota, or remove what is no longer needed",
        )),
        Meaning::Failed => Decision::Fail(Some(
            "remove what the service names as the reason, then run apply again",
        )),
        Meaning::Unsupported => Decision::Fail(Some("this server lacks the operation")),
    }
}

fn pause(tries: u32, salt: u64) -> Duration {
    let doubled = Duration::from_millis(500).saturating_mul(1 << tries.saturating_sub(1).min(10));
    let base = doubled.min(LONGEST_PAUSE);
    // A quarter up or down, from the bits of a multiplicative hash.
    let hash = salt
        .wrapping_add(u64::from(tries))
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        >> 56;
    base.mul_f64(0.75 + hash as f64 / 512.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{GroupName, UserName};

    fn error(meaning: Meaning) -> CallError {
        CallError {
            meaning,
            operation: "op".into(),
            code: "Code".into(),
            message: "message".into(),
            request_id: None,
            missing_action: None,
        }
    }

    fn member() -> Effect {
        Effect::RemoveMember {
            group: GroupName::new("g").unwrap(),
            user: UserName::new("u").unwrap(),
        }
    }

    #[test]
    fn throttling_is_retried_for_as_long_as_patience_lasts() {
        let decide = |waited| decide(&member(), &error(Meaning::Retry), 40, waited, 7);
        assert!(
            matches!(decide(Duration::from_secs(600)), Decision::Again(pause) if pause <= Duration::from_secs(25))
        );
        assert!(matches!(decide(PATIENCE), Decision::Fail(Some(_))));
    }

    #[test]
    fn what_is_gone_already_counts_as_taken_away() {
        assert_eq!(
            decide(&member(), &error(Meaning::NotFound), 1, Duration::ZERO, 0),
            Decision::AlreadySo
        );
        let group = GroupName::new("g").unwrap();
        let add = Effect::AddMember {
            group,
            user: UserName::new("u").unwrap(),
        };
        assert!(matches!(
            decide(&add, &error(Meaning::NotFound), 1, Duration::ZERO, 0),
            Decision::Fail(_)
        ));
        assert_eq!(
            decide(&add, &error(Meaning::AlreadyExists), 1, Duration::ZERO, 0),
            Decision::AlreadySo
        );
    }

    #[test]
    fn pauses_grow_and_differ_between_steps() {
        let at = |tries, salt| pause(tries, salt);
        assert!(at(1, 1) < at(4, 1));
        assert_ne!(at(3, 1), at(3, 2));
        assert!(at(1, 9) >= Duration::from_millis(375) && at(1, 9) <= Duration::from_millis(625));
    }
}
