//! What an error means for the step that met it, and how long to wait before the next attempt.
//!
//! By meaning, never by count: throttling slows a run down and never fails it, other conflicts end after a time.

use std::time::Duration;

use jiff::Timestamp;

use crate::model::action::Effect;
use crate::provider::{CallError, Meaning};

/// What to do after an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The same call again, later.
    Retry,
    /// Read what is there: perhaps it is done.
    Look,
    /// This caller may not; others may.
    Blocked,
    /// It failed.
    Failed,
}

/// What an error of an effect asks for.
pub fn next(effect: &Effect, error: &CallError) -> Next {
    match error.meaning {
        // No run makes policies, so that none that is missing is about to come.
        Meaning::NotFound if is_missing_policy(error) => Next::Failed,
        Meaning::Retry | Meaning::InUse => Next::Retry,
        Meaning::AlreadyExists | Meaning::Unknown => Next::Look,
        // What is to be removed, and what a provision is for, may be gone; a set's content is several calls, and an
        // attempt that was cut short may have detached already what the next one detaches. For others it may not have
        // spread yet: reads of the identity store follow its writes with a delay.
        Meaning::NotFound
            if removes(effect)
                || matches!(
                    effect,
                    Effect::Provision { .. } | Effect::UpdatePermissionSet { .. }
                ) =>
        {
            Next::Look
        }
        // What the run makes is known before what needs it begins, and what could not be read stays unknown.
        Meaning::NotFound if is_unknown_here(error) => Next::Failed,
        Meaning::NotFound => Next::Retry,
        Meaning::Denied if may_spread(error) => Next::Retry,
        Meaning::Denied => Next::Blocked,
        Meaning::Invalid | Meaning::Quota | Meaning::Failed | Meaning::Unsupported => Next::Failed,
    }
}

/// Whether an attempt that ended like this may have brought something about. No answer leaves that open. What makes a
/// permission set or an account is several calls: where a later one was refused, the first went through. A call that
/// was refused itself, as by throttling, did nothing: what is there then is somebody else's.
pub fn may_have_begun(effect: &Effect, error: &CallError) -> bool {
    let operation = &*error.operation;
    error.meaning == Meaning::Unknown
        || match effect {
            Effect::CreatePermissionSet { .. } => {
                operation.ends_with("PermissionSet") && operation != "CreatePermissionSet"
            }
            Effect::CreateAccount { .. } => {
                matches!(operation, "DescribeCreateAccountStatus" | "MoveAccount")
            }
            _ => false,
        }
}

/// Whether an effect takes something away.
pub fn removes(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::Revoke { .. }
            | Effect::RemoveMember { .. }
            | Effect::DeleteUser { .. }
            | Effect::DeleteGroup { .. }
            | Effect::DeletePermissionSet { .. }
    )
}

/// Whether it is a policy that a permission set names which the service does not know, and not the set: AWS-managed
/// policies are checked when they are attached (service model: both operations may answer
/// `ResourceNotFoundException`), customer-managed ones only where a role is made.
fn is_missing_policy(error: &CallError) -> bool {
    const OPERATIONS: [&str; 2] = [
        "AttachManagedPolicyToPermissionSet",
        "PutPermissionsBoundaryToPermissionSet",
    ];
    // The name of the policy may have any of these words in it.
    let message = error.message.to_lowercase();
    let words = message
        .split_whitespace()
        .filter(|word| !word.contains(":policy/"));
    let words = words.collect::<Vec<_>>().join(" ");
    let is_about_the_set = ["permission set", "permissionset", "instance"]
        .iter()
        .any(|what| words.contains(what));
    OPERATIONS.contains(&&*error.operation) && words.contains("policy") && !is_about_the_set
}

/// Whether the provider has no id for a thing, so that no call was made.
fn is_unknown_here(error: &CallError) -> bool {
    &*error.code == "UnknownId"
}

/// Whether a denial may be one of a role that has not spread yet, which the service says in these words of every denial
/// by IAM. Where it goes on to name what the caller's own role may not, that role's policies lack it: they are nothing
/// that a run makes, and every report of such an answer ends with a policy being changed
/// (fivexl/terraform-aws-sso-elevator#15, org-formation/aws-resource-providers#143). What the service's own role may
/// not, in an account that is new, passes.
fn may_spread(error: &CallError) -> bool {
    let message = &error.message;
    message.contains("role propagation")
        && (!message.contains("is not authorized to perform") || message.contains("AWSServiceRoleForSSO"))
}

/// Whether something answered that is not the service: AWS gives every refusal a code.
fn is_of_nobody(error: &CallError) -> bool {
    error.code.starts_with("HTTP ")
}

/// Whether the service took a call, and the caller may not ask how it ended. What is there tells, or time does: the same
/// call again would be a second request beside the first.
pub fn is_unfollowed(error: &CallError) -> bool {
    error.meaning == Meaning::Unknown && error.missing_action.is_some()
}

/// Whether the service says that it is out of order itself: `InternalServerException` of IAM Identity Center and its
/// identity store, `ServiceException` of Organizations (service models), or a status of 5xx without a code.
pub fn is_fault(error: &CallError) -> bool {
    let code = &*error.code;
    matches!(error.meaning, Meaning::Retry | Meaning::Unknown)
        && (code.starts_with("Internal")
            || code.starts_with("ServiceUnavailable")
            || code.starts_with("HTTP 5")
            || matches!(code, "ServiceException" | "ServiceFailure")
            || code == "NoStatus" && !is_unfollowed(error))
}

/// How long a service that is out of order is asked again.
pub const PATIENCE_WITH_FAULTS: Duration = Duration::from_secs(10 * 60);

/// How long an error may go on before the step fails; `None`: for ever.
pub fn patience(error: &CallError) -> Option<Duration> {
    const MINUTE: u64 = 60;
    let throttled = error.code.contains("Throttl") || error.code.contains("TooManyRequests");
    if is_fault(error) {
        return Some(PATIENCE_WITH_FAULTS);
    }
    let seconds = match error.meaning {
        Meaning::Retry if throttled => return None,
        // The service ends its requests within minutes.
        Meaning::Unknown if is_unfollowed(error) => 5 * MINUTE,
        Meaning::Retry | Meaning::Unknown => 60 * MINUTE,
        Meaning::InUse => 15 * MINUTE,
        Meaning::Denied => MINUTE,
        _ => 2 * MINUTE,
    };
    Some(Duration::from_secs(seconds))
}

/// The attempts of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempts {
    /// When the first error came.
    since: Timestamp,
    /// Since when there was no other error than that the service is out of order.
    faulty_since: Option<Timestamp>,
    /// How many there were.
    pub count: u32,
}

impl Attempts {
    /// None so far.
    pub fn new(now: Timestamp) -> Self {
        Attempts {
            since: now,
            faulty_since: None,
            count: 0,
        }
    }

    /// How long an error that comes now has gone on. Time in which the service only throttled is none in which it was out
    /// of order.
    pub fn lasted(&mut self, error: &CallError, now: Timestamp) -> Duration {
        let since = if is_fault(error) {
            *self.faulty_since.get_or_insert(now)
        } else {
            self.faulty_since = None;
            self.since
        };
        Duration::try_from(now.duration_since(since)).unwrap_or_default()
    }
}

/// How long to wait after an attempt: twice as long each time, from half a second to half a minute, less up to a
/// half that depends on the step, so that steps which failed together do not come back together.
pub fn delay(step: u64, attempt: u32) -> Duration {
    const FIRST: u64 = 500;
    const MOST: u64 = 30_000;
    let whole = FIRST
        .saturating_mul(1_u64 << attempt.saturating_sub(1).min(16))
        .min(MOST);
    let seed = step ^ u64::from(attempt).rotate_left(32);
    let jitter = mix(seed) % (whole / 2 + 1);
    Duration::from_millis(whole - jitter)
}

/// The finaliser of SplitMix64: spreads neighbouring numbers evenly.
pub(crate) fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// What helps against an error that ended a step.
pub fn remedy(effect: &Effect, error: &CallError) -> Option<&'static str> {
    Some(match error.meaning {
        Meaning::Unknown if is_unfollowed(error) => {
            "how it ended is not known: give the caller this permission (`rolecall policy --for apply` prints all that are \
             needed) and run apply again, which reads what is there and does what is left"
        }
        Meaning::NotFound if is_missing_policy(error) => {
            "check the policy's ARN, of which a path such as `job-function/` is a part (`aws iam get-policy --policy-arn \
             …` finds it where it exists), and apply again; a mock of AWS may know none of AWS's policies"
        }
        Meaning::NotFound if is_unknown_here(error) => {
            "it was not there when the service was read, or the caller may not read it: what `rolecall plan` says is held, and \
             which permission that lacks, comes first"
        }
        Meaning::AlreadyExists => {
            "it is there with another content; plan again, and it is taken in and updated"
        }
        Meaning::InUse => {
            "something outside this plan still refers to it; `rolecall plan` shows what, after that run apply again"
        }
        Meaning::Denied => {
            "give the caller this permission (`rolecall policy --for apply` prints all that are needed), or run apply as \
             someone who has it; only what is left runs"
        }
        Meaning::Quota => {
            "ask for a higher quota (Service Quotas console), or remove what is not needed any more"
        }
        Meaning::Invalid | Meaning::Failed if is_of_nobody(error) => {
            "it was not AWS that answered: look at the proxy (`HTTPS_PROXY`), the `endpoint_url` and what else is on the \
             way, and run apply again; what is done already is not done twice"
        }
        Meaning::Invalid => "change the configuration as the message says, and apply again",
        Meaning::Failed if needs_policies_in_account(effect) => {
            "check that the policies the set names by path and name exist in that account, then apply again"
        }
        Meaning::Unsupported => {
            "this server lacks the operation; use the service itself or take the step out of the configuration"
        }
        Meaning::Retry | Meaning::Unknown | Meaning::NotFound | Meaning::Failed => {
            "run apply again; what is done already is not done twice"
        }
    })
}

fn needs_policies_in_account(effect: &Effect) -> bool {
    matches!(effect, Effect::Grant { .. } | Effect::Provision { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{GroupName, UserName};

    fn error(meaning: Meaning, code: &str) -> CallError {
        CallError {
            meaning,
            operation: "Operation".into(),
            code: code.into(),
            message: "".into(),
            request_id: None,
            missing_action: None,
        }
    }

    #[test]
    fn throttling_never_fails_and_conflicts_do_after_a_time() {
        assert_eq!(patience(&error(Meaning::Retry, "ThrottlingException")), None);
        assert_eq!(patience(&error(Meaning::Retry, "TooManyRequestsException")), None);
        assert_eq!(
            patience(&error(Meaning::Retry, "ConflictException")),
            Some(Duration::from_secs(3600))
        );
    }

    #[test]
    fn a_service_that_is_out_of_order_is_asked_for_ten_minutes_and_a_lost_answer_for_longer() {
        let ten = Some(Duration::from_secs(600));
        for (meaning, code) in [
            (Meaning::Unknown, "InternalServerException"),
            (Meaning::Retry, "InternalServerException"),
            (Meaning::Unknown, "ServiceException"),
            (Meaning::Unknown, "HTTP 503"),
            (Meaning::Unknown, "NoStatus"),
        ] {
            assert_eq!(patience(&error(meaning, code)), ten, "{code}");
        }
        // Requests in progress are looked at again like this.
        assert_eq!(
            patience(&error(Meaning::Unknown, "NoAnswer")),
            Some(Duration::from_secs(3600))
        );
    }

    #[test]
    fn time_in_which_a_call_was_throttled_is_no_time_out_of_order() {
        let at = |minute: i64| Timestamp::from_second(minute * 60).unwrap();
        let throttled = error(Meaning::Retry, "ThrottlingException");
        let fault = error(Meaning::Unknown, "InternalServerException");
        let mut attempts = Attempts::new(at(0));
        assert_eq!(attempts.lasted(&throttled, at(30)), Duration::from_secs(1800));
        assert_eq!(attempts.lasted(&fault, at(31)), Duration::ZERO);
        assert_eq!(attempts.lasted(&fault, at(33)), Duration::from_secs(120));
        attempts.lasted(&throttled, at(34));
        assert_eq!(attempts.lasted(&fault, at(40)), Duration::ZERO);
    }

    #[test]
    fn a_status_that_may_not_be_asked_names_the_action_and_what_to_do() {
        let denied = CallError {
            missing_action: Some("sso:DescribeAccountAssignmentCreationStatus".into()),
            ..error(Meaning::Unknown, "NoStatus")
        };
        assert!(is_unfollowed(&denied) && !is_fault(&denied));
        assert_eq!(patience(&denied), Some(Duration::from_secs(300)));
        let (group, user) = (GroupName::new("g").unwrap(), UserName::new("u").unwrap());
        let add = Effect::AddMember { group, user };
        assert_eq!(next(&add, &denied), Next::Look);
        assert!(
            remedy(&add, &denied)
                .unwrap()
                .contains("rolecall policy --for apply")
        );
    }

    #[test]
    fn gone_is_looked_at_for_a_removal_and_retried_for_an_addition() {
        let gone = error(Meaning::NotFound, "ResourceNotFoundException");
        let (group, user) = (GroupName::new("g").unwrap(), UserName::new("u").unwrap());
        let remove = Effect::RemoveMember {
            group: group.clone(),
            user: user.clone(),
        };
        assert_eq!(next(&remove, &gone), Next::Look);
        let add = Effect::AddMember { group, user };
        assert_eq!(next(&add, &gone), Next::Retry);
        // What the provider has no id for is no nearer a minute later.
        let unread = error(Meaning::NotFound, "UnknownId");
        assert_eq!(next(&remove, &unread), Next::Look);
        assert_eq!(next(&add, &unread), Next::Failed);
    }

    #[test]
    fn a_denial_that_may_pass_is_tried_again_for_a_minute() {
        let (group, user) = (GroupName::new("g").unwrap(), UserName::new("u").unwrap());
        let add = Effect::AddMember { group, user };
        let mut denied = error(Meaning::Denied, "FAILED");
        assert_eq!(next(&add, &denied), Next::Blocked);
        denied.message = "Access denied by IAM. Please check your policy, or wait for role propagation to \
                          complete."
            .into();
        assert_eq!(next(&add, &denied), Next::Retry);
        assert_eq!(patience(&denied), Some(Duration::from_secs(60)));
        // Whose role it is decides: no run gives the caller's another policy.
        let by = |role: &str| {
            let mut denied = denied.clone();
            denied.message = format!(
                "{} IAM Error: User: arn:aws:sts::111122223333:assumed-role/{role}/x is not authorized to perform: \
                 iam:CreateRole on resource: r",
                denied.message
            )
            .into();
            next(&add, &denied)
        };
        assert_eq!(by("ci"), Next::Blocked);
        assert_eq!(by("AWSServiceRoleForSSO"), Next::Retry);
    }

    #[test]
    fn a_page_of_a_gateway_is_nothing_that_another_configuration_helps_against() {
        let (group, user) = (GroupName::new("g").unwrap(), UserName::new("u").unwrap());
        let add = Effect::AddMember { group, user };
        let page = error(Meaning::Failed, "HTTP 403");
        assert_eq!(next(&add, &page), Next::Failed);
        assert!(remedy(&add, &page).unwrap().contains("proxy"));
        let invalid = error(Meaning::Invalid, "ValidationException");
        assert!(remedy(&add, &invalid).unwrap().contains("configuration"));
    }

    #[test]
    fn a_set_whose_change_was_cut_short_is_looked_at() {
        let gone = error(Meaning::NotFound, "ResourceNotFoundException");
        let name = crate::id::PermissionSetName::new("view").unwrap();
        let set = Box::new(crate::model::permission_set::PermissionSet::new(name));
        let update = Effect::UpdatePermissionSet {
            from: set.clone(),
            to: set,
        };
        assert_eq!(next(&update, &gone), Next::Look);
    }

    #[test]
    fn a_policy_that_is_not_there_is_not_waited_for_and_a_set_is() {
        let name = crate::id::PermissionSetName::new("view").unwrap();
        let permission_set = Box::new(crate::model::permission_set::PermissionSet::new(name));
        let create = Effect::CreatePermissionSet {
            permission_set: permission_set.clone(),
        };
        let update = Effect::UpdatePermissionSet {
            from: permission_set.clone(),
            to: permission_set,
        };
        let not_found = |operation: &str, message: &str| CallError {
            operation: operation.into(),
            message: message.into(),
            ..error(Meaning::NotFound, "ResourceNotFoundException")
        };
        let attach = "AttachManagedPolicyToPermissionSet";
        let missing = not_found(
            attach,
            "Policy does not exist with ARN: arn:aws:iam::aws:policy/Nope",
        );
        for effect in [&create, &update] {
            assert_eq!(next(effect, &missing), Next::Failed);
            let help = remedy(effect, &missing).unwrap();
            assert!(help.contains("get-policy"), "{help}");
        }
        // What was created just now may not be seen everywhere yet.
        let set = not_found(attach, "Could not find PermissionSet with id ps-1");
        assert_eq!(next(&create, &set), Next::Retry);
        let other = not_found("PutInlinePolicyToPermissionSet", "policy");
        assert_eq!(next(&create, &other), Next::Retry);
    }

    #[test]
    fn waits_grow_to_half_a_minute_and_differ_between_steps() {
        for attempt in 1..40 {
            let whole = Duration::from_millis(500)
                .saturating_mul(1 << (attempt - 1).min(10))
                .min(Duration::from_secs(30));
            let waited = delay(7, attempt);
            assert!(waited <= whole && waited * 2 >= whole, "{attempt}: {waited:?}");
            assert_eq!(waited, delay(7, attempt));
        }
        assert_ne!(delay(1, 9), delay(2, 9));
    }
}
