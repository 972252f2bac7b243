//! From a stack, its state and a reading to a checked plan.

use crate::config::evaluate::Evaluation;
use crate::model::freeze::withhold;
use crate::model::record::Recorded;
use crate::plan::input::{INPUT_VERSION, Options, PlanInput};
use crate::plan::{Plan, check::check, plan};
use crate::provider::frozen::Frozen;
use crate::provider::{Provider, ReadRequest};
use crate::report::wording::counted;

use super::env::Env;
use super::error::Failure;
use super::pipeline::{Look, Reading, Stack, read_with};
use super::policies;

/// A checked plan with what it was made from.
pub struct Planned {
    /// The provider that was asked.
    pub provider: Box<dyn Provider>,
    /// Everything the plan depends on.
    pub input: PlanInput,
    /// The plan.
    pub plan: Plan,
}

/// Plans, and has the plan checked.
///
/// # Errors
/// As [`pipeline::read`](super::pipeline::read), and [`Failure::Unsound`].
pub fn make_plan(
    env: &Env,
    stack: &Stack,
    offline: Evaluation,
    recorded: Recorded,
    options: Options,
) -> Result<Planned, Failure> {
    let provider = env.provider(&offline.provider)?;
    plan_with(env, stack, offline, provider, recorded, options)
}

/// As [`make_plan`], with a provider of the caller's.
///
/// # Errors
/// As [`make_plan`].
pub fn plan_with(
    env: &Env,
    stack: &Stack,
    offline: Evaluation,
    provider: Box<dyn Provider>,
    recorded: Recorded,
    options: Options,
) -> Result<Planned, Failure> {
    let look = if options.unrefreshed {
        Look::LastSeen
    } else {
        Look::Fresh
    };
    let reading = read_with(env, stack, offline, provider, &recorded, look)?;
    plan_on(env, reading, recorded, options)
}

/// Plans with an earlier reading in the place of the service, which nobody asks. `offline` spares an evaluation.
///
/// # Errors
/// As [`make_plan`].
pub fn make_plan_with(
    env: &Env,
    stack: &Stack,
    offline: Option<Evaluation>,
    recorded: Recorded,
    options: Options,
    frozen: Frozen,
) -> Result<Planned, Failure> {
    let observed = frozen.read(&ReadRequest::default())?;
    let mut evaluation = match offline {
        Some(offline) => stack.in_view_of(env, offline, frozen.now(), &observed)?,
        None => stack.evaluated(env, frozen.now(), Some(&observed))?,
    };
    withhold(&mut evaluation.desired, &recorded, &observed.snapshot);
    let reading = Reading {
        name: stack.name(&evaluation),
        desired: evaluation.desired,
        provider: Box::new(frozen),
        observed,
    };
    plan_on(env, reading, recorded, options)
}

/// Plans on a reading.
///
/// # Errors
/// [`Failure::Unsound`]; when a policy cannot be evaluated.
pub fn plan_on(
    env: &Env,
    reading: Reading,
    recorded: Recorded,
    options: Options,
) -> Result<Planned, Failure> {
    let (input, provider) = input_of(reading, recorded, options);
    let (input, plan) = plan_of(env, input)?;
    Ok(Planned {
        provider,
        input,
        plan,
    })
}

/// As [`plan_with`], where nobody is asked anything after: of the provider, its name is left.
///
/// # Errors
/// As [`make_plan`].
pub fn plan_and_leave(
    env: &Env,
    stack: &Stack,
    offline: Evaluation,
    provider: Box<dyn Provider>,
    recorded: Recorded,
    options: Options,
) -> Result<(String, PlanInput, Plan), Failure> {
    let reading = read_with(env, stack, offline, provider, &recorded, Look::Fresh)?;
    let (input, provider) = input_of(reading, recorded, options);
    let name = provider.name().to_owned();
    // A simulated world is as large as all that was read of it, and planning has better use for that memory.
    rayon::spawn(move || drop(provider));
    let (input, plan) = plan_of(env, input)?;
    Ok((name, input, plan))
}

fn input_of(reading: Reading, recorded: Recorded, options: Options) -> (PlanInput, Box<dyn Provider>) {
    let input = PlanInput {
        format_version: INPUT_VERSION,
        stack: reading.name,
        now: reading.provider.now(),
        desired: reading.desired,
        recorded,
        observed: reading.observed,
        options,
    };
    (input, reading.provider)
}

fn plan_of(env: &Env, input: PlanInput) -> Result<(PlanInput, Plan), Failure> {
    let mut plan = env.timed("planning", || plan(&input));
    let violations = env.timed("checking", || violations(&plan, &input));
    if !violations.is_empty() {
        let input = Box::new(input);
        return Err(Failure::Unsound { violations, input });
    }
    env.detail(&format!(
        "planned and checked: {}, {}, {}, {} of the state alone",
        counted(plan.actions.len() as u64, "action"),
        counted(plan.grants.len() as u64, "grant"),
        counted(plan.revokes.len() as u64, "revoke"),
        counted(plan.records.len() as u64, "change"),
    ));
    policies::judge(env, &mut plan, &input)?;
    Ok((input, plan))
}

/// The plan of an input, once the checker has found nothing.
///
/// # Errors
/// [`Failure::Unsound`]; when a policy cannot be evaluated.
pub fn checked_plan(env: &Env, input: PlanInput) -> Result<Plan, Failure> {
    plan_of(env, input).map(|(_, plan)| plan)
}

/// What the checker finds.
fn violations(plan: &Plan, input: &PlanInput) -> Vec<String> {
    let found = check(plan, input);
    found.iter().map(ToString::to_string).collect()
}
