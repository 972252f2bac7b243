//! `apply`: plan, get a yes, do it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::Timestamp;

use crate::apply::event::{EVENT_FORMAT_VERSION, Event};
use crate::apply::{ApplyError, ApplyResult, RunOptions, recover};
use crate::cli::advice::shell_word;
use crate::cli::approval::{Approved, Consent, LAST_PEOPLE, approve, same_as_approved, without_asking};
use crate::cli::args::{ApplyArgs, LockArgs, StateArgs};
use crate::cli::asked;
use crate::cli::env::Env;
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::pipeline::Stack;
use crate::cli::planning::{Planned, make_plan};
use crate::cli::progress::{JsonLines, Progress};
use crate::cli::saved_plan::{self, Loaded, MadeWith};
use crate::cli::variables::Given;
use crate::model::record::{Recorded, Seen};
use crate::model::rules::Rules;
use crate::plan::Plan;
use crate::plan::approved_people::ApprovedPeople;
use crate::plan::change::ActionKind;
use crate::plan::input::{Mode, Options};
use crate::provider::ReadRequest;
use crate::report::apply_view;
use crate::report::escape::escape;
use crate::report::json::parts::outputs;
use crate::report::plan_view::PlanView;
use crate::report::terminal::plan::{Title, write};
use crate::report::wording::{counted, number};
use crate::state::entry::{Author, Noted, RunEnd};
use crate::state::local::LocalStore;
use crate::state::{Entry, Kinds, StateStore};

/// Runs it.
pub fn run(env: &Env, args: &ApplyArgs) -> Result<Exit, Failure> {
    let saved = args.plan.as_deref().map(|path| reviewed(env, path)).transpose()?;
    let made_with = match &saved {
        Some((_, saved)) => saved.made_with.clone(),
        None => MadeWith {
            max_removals: args.max_removals,
            variables: Given::read(env, &args.variables)?,
        },
    };
    let consent = match (saved, &args.digest, args.auto_approve) {
        (Some((path, saved)), ..) => Consent::Reviewed(path, saved),
        (None, Some(digest), _) => Consent::Digest(digest),
        _ if args.standing => Consent::Standing,
        (None, None, true) => Consent::Automatic {
            restore: args.restore,
            rules: args.accept_rules,
        },
        (None, None, false) => Consent::Ask,
    };
    // A saved plan says itself what it is narrowed to.
    let mode = match &consent {
        Consent::Reviewed(_, saved) => saved.plan.mode,
        _ if args.standing => Mode::Standing,
        _ => super::plan::mode(args.only),
    };
    let revision = args.revision.clone().or_else(|| env.revision());
    let job = Job {
        env,
        command: "apply",
        question: "Do this?",
        consent,
        json: args.format.is_json(),
        reason: args.reason.as_deref(),
        revision: revision.map(Arc::from),
        base_revision: args.base_revision.as_deref(),
        state: args.state.clone(),
    };
    let options = Options {
        mode,
        max_removals: made_with.max_removals,
        unrefreshed: false,
        base: false,
    };
    job.run(&made_with.variables, &args.lock, options)
}

/// A saved plan that was accepted when it was made.
fn reviewed<'a>(env: &Env, path: &'a Path) -> Result<(&'a Path, Box<Loaded>), Failure> {
    let saved = saved_plan::load(env, path)?;
    if saved.plan.is_refused() {
        let file = shell_word(&path.to_string_lossy());
        return Err(Failure::refused(format!(
            "{} is a refused plan, saved for reading only; nothing was done",
            path.display()
        ))
        .help(format!("`rolecall show {file}` says why it is refused")));
    }
    if let Some(options) = saved.made_with.summary() {
        env.say(&format!(
            "Planning with what the saved plan was made with: {}",
            escape(&options)
        ));
    }
    Ok((path, Box::new(saved)))
}

/// The people of the plan that was made here last, if it has this digest. They only say who is new: what a digest
/// approves is what it covers.
fn last_people(env: &Env, digest: &str) -> Option<ApprovedPeople> {
    let text = env.read_text(&env.own_directory().join(LAST_PEOPLE)).ok()?;
    let people: ApprovedPeople = serde_json::from_str(&text).ok()?;
    (*people.digest == *digest).then_some(people)
}

/// What became of an approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Approval {
    /// It is of this plan, or none was given.
    Holds,
    /// It was used, and there is nothing left to do.
    AppliedBefore,
}

fn planned_event(planned: &Planned) -> Event {
    let plan = &planned.plan;
    Event::Planned {
        format_version: EVENT_FORMAT_VERSION,
        at: planned.provider.now(),
        digest: plan.digest.clone(),
        has_changes: !plan.is_empty(),
        refused: plan.is_refused(),
        findings: plan.findings.clone(),
    }
}

/// When, and by whom, the plan with this digest was carried out to its end. A history that cannot be read tells
/// nothing.
fn applied_before(store: &mut LocalStore, digest: &str) -> Option<(Timestamp, Arc<str>)> {
    let mut applied = Applied::default();
    let take = &mut |entry| {
        applied.take(entry, digest);
        true
    };
    store.read_each(Kinds::Story, take).ok()?;
    applied.found
}

/// Whether a plan was carried out, as the history tells it.
#[derive(Default)]
struct Applied {
    /// Who runs it, at the place that is being read.
    running: Option<Arc<str>>,
    found: Option<(Timestamp, Arc<str>)>,
}

impl Applied {
    fn take(&mut self, entry: Entry, digest: &str) {
        match entry {
            Entry::RunStarted(run) => {
                let same = *run.digest == *digest || run.rest.as_deref() == Some(digest);
                self.running = same.then_some(run.by.actor);
                // Carried out once, and begun once more: what counts is how that ended.
                if self.running.is_some() {
                    self.found = None;
                }
            }
            Entry::RunFinished { at, end, .. } => {
                let actor = self.running.take();
                if end == RunEnd::Complete && actor.is_some() {
                    self.found = actor.map(|actor| (at, actor));
                }
            }
            _ => {}
        }
    }
}

/// Whether two revisions are one: the same text, or one the beginning of the other, as short commit ids are.
fn same_revision(left: &str, right: &str) -> bool {
    let (short, long) = if left.len() < right.len() {
        (left, right)
    } else {
        (right, left)
    };
    let is_short_id = short.len() >= 7 && short.bytes().all(|byte| byte.is_ascii_hexdigit());
    left == right || is_short_id && long.starts_with(short)
}

/// A plan to be approved and carried out.
pub struct Job<'a> {
    /// The surroundings.
    pub env: &'a Env,
    /// `apply` or `destroy`.
    pub command: &'static str,
    /// What a person is asked.
    pub question: &'static str,
    /// Who says yes.
    pub consent: Consent<'a>,
    /// Events as JSON lines instead of text.
    pub json: bool,
    /// Why, for the history.
    pub reason: Option<&'a str>,
    /// The revision of the configuration, to be recorded.
    pub revision: Option<Arc<str>>,
    /// The revision that the change was based on.
    pub base_revision: Option<&'a str>,
    /// What the state must be.
    pub state: StateArgs,
}

impl Job<'_> {
    /// Plans under the lock, gets a yes, and does it.
    ///
    /// # Errors
    /// As planning and approving; and when the state or the service fails.
    pub fn run(&self, variables: &Given, lock: &LockArgs, options: Options) -> Result<Exit, Failure> {
        let env = self.env;
        let stack = Stack::load_given(env, variables)?;
        let offline = stack.evaluated(env, env.now(), None)?;
        self.can_ask()?;
        env.create_own_directory()?;
        let mut store = env.store(&offline.state)?;
        store.lock(&env.lock_request(&format!("rolecall {}", self.command), lock.lock_timeout))?;
        let recorded = store.load()?;
        super::tell_remarks(env, &mut store);
        super::tell_state(env, &store, &recorded);
        super::check_state(&self.state, &store, &recorded)?;
        self.check_base(&recorded)?;
        super::tell_history(env, &store);
        let recorded = self.recovered(&stack, recorded, &mut store)?;
        let planned = make_plan(env, &stack, offline, recorded, options)?;
        if self.check_digest(&planned, &mut store)? == Approval::AppliedBefore {
            return self.observe(&planned, &mut store);
        }
        self.settle(planned, &mut store, None)
    }

    /// Says when nobody can be asked.
    ///
    /// # Errors
    /// When a person is to be asked, and the output is for a program.
    pub(super) fn can_ask(&self) -> Result<(), Failure> {
        if self.json && matches!(self.consent, Consent::Ask) {
            return Err(Failure::new("--json leaves nothing to ask with").help(without_asking(self.command)));
        }
        Ok(())
    }

    /// Shows a plan, gets a yes, and does it. `first` is written once there is a yes, before anything is done.
    ///
    /// # Errors
    /// As [`Job::run`].
    pub(super) fn settle(
        &self,
        mut planned: Planned,
        store: &mut LocalStore,
        first: Option<Entry>,
    ) -> Result<Exit, Failure> {
        let env = self.env;
        if self.json {
            self.event(&planned_event(&planned))?;
        } else {
            let command = format!("rolecall {}", self.command);
            let title = Title {
                command: &command,
                provider: Some(planned.provider.name()),
            };
            env.print(|out| write(&PlanView::new(&planned.plan), title, env.out, out))?;
        }
        if planned.plan.is_refused() {
            return Ok(Exit::Refused);
        }
        let nothing = planned.plan.is_empty() && planned.input.recorded.unfinished.is_none();
        if !nothing || first.is_some() {
            let question = self.question(&planned.plan);
            approve(env, &planned.plan, &self.consent, self.command, &question)?;
        }
        if let Some(first) = first {
            store.append(&[first])?;
            store.sync()?;
            planned.input.recorded = store.load()?;
        }
        if nothing {
            return self.observe(&planned, store);
        }
        self.carry_out(&planned, store)
    }

    /// What a person is asked. `destroy` is not held by `max_removals`, so it says how much it removes.
    fn question(&self, plan: &Plan) -> String {
        if plan.mode != Mode::Destroy {
            return self.question.to_owned();
        }
        let deleted = plan
            .actions
            .iter()
            .filter(|action| action.kind == ActionKind::Delete)
            .count() as u64;
        let assignments = counted(plan.revokes.len() as u64, "assignment");
        let entities = match deleted {
            0 => String::new(),
            1 => " and 1 other thing".to_owned(),
            more => format!(" and {} other things", number(more)),
        };
        format!(
            "This removes {assignments}{entities} from the service. {}",
            self.question
        )
    }

    /// What is recorded once it is known what became of the calls that a crashed run had under way.
    pub(super) fn recovered(
        &self,
        stack: &Stack,
        recorded: Recorded,
        store: &mut LocalStore,
    ) -> Result<Recorded, Failure> {
        let unfinished = recorded.unfinished.as_ref();
        if unfinished.is_none_or(|run| run.in_doubt.is_empty()) {
            return Ok(recorded);
        }
        let settings = stack.evaluated(self.env, self.env.now(), None)?.provider;
        let provider = self.env.provider(&settings)?;
        let request = ReadRequest::default();
        let mut watched = self.env.watched(store);
        recover(&recorded, provider.as_ref(), &mut watched, &request)?;
        Ok(store.load()?)
    }

    fn check_digest(&self, planned: &Planned, store: &mut LocalStore) -> Result<Approval, Failure> {
        let (plan, recorded) = (&planned.plan, &planned.input.recorded);
        let digest: &str = match &self.consent {
            Consent::Reviewed(_, saved) => &saved.plan.digest,
            Consent::Digest(digest) => digest,
            Consent::Automatic { .. } | Consent::Standing | Consent::Ask => return Ok(Approval::Holds),
        };
        let before = match *plan.digest == *digest {
            true => None,
            false => applied_before(store, digest),
        };
        if let (Some((at, actor)), true) = (&before, plan.is_empty() && !plan.is_refused()) {
            self.env.say(&format!(
                "That plan was applied already, at {at} by {}. There is nothing to do.",
                escape(actor)
            ));
            if self.json {
                self.event(&planned_event(planned))?;
            }
            return Ok(Approval::AppliedBefore);
        }
        if let Some((at, actor)) = before {
            self.env.say(&format!(
                "That plan was applied already, at {at} by {}; since then something changed.",
                escape(&actor)
            ));
        }
        let last = self.env.own_directory().join("last-plan.txt");
        let text = self.env.read_text(&last).ok();
        let text = text.filter(|text| text.contains(&format!("Digest {digest}")));
        let approved = match &self.consent {
            Consent::Reviewed(_, saved) => Approved::Plan(&saved.plan),
            _ => text.as_deref().map_or(Approved::Unknown, Approved::Text),
        };
        let people = match &self.consent {
            Consent::Reviewed(_, saved) => Some(ApprovedPeople::of(&saved.plan)),
            _ => last_people(self.env, digest),
        };
        same_as_approved(self.env, plan, recorded, digest, approved, people.as_ref())?;
        Ok(Approval::Holds)
    }

    /// One line of JSON.
    fn event(&self, event: &Event) -> Result<(), Failure> {
        let line = serde_json::to_string(event).unwrap_or_default();
        self.env.print(|out| writeln!(out, "{line}"))
    }

    /// Nothing to do but to record what was read.
    fn observe(&self, planned: &Planned, store: &mut LocalStore) -> Result<Exit, Failure> {
        let observed = &planned.input.observed;
        if planned.input.recorded.lineage.is_some() {
            let seen = Seen::of(observed.clone());
            let recorded = planned.input.recorded.seen.as_ref();
            store.append(&[Entry::of_reading(recorded, seen)])?;
            store.append(self.noted(planned).as_slice())?;
            store.sync()?;
            let recorded = store.load()?;
            store.checkpoint(&recorded)?;
        }
        if self.json {
            self.event(&Event::RunFinished {
                at: planned.provider.now(),
                end: RunEnd::Complete,
                done: 0,
                failed: 0,
                not_run: 0,
            })?;
        }
        Ok(Exit::Done)
    }

    /// Refuses to go on from another configuration than the one that was applied last: what another change brought
    /// meanwhile would be taken back without anybody having looked at that.
    fn check_base(&self, recorded: &Recorded) -> Result<(), Failure> {
        let (Some(base), Some(applied)) = (self.base_revision, recorded.revision.as_deref()) else {
            if self.base_revision.is_some() {
                self.env
                    .say("note: the state records no revision yet, so nothing can be said about what this is based on");
            }
            return Ok(());
        };
        if recorded.revision_outdated {
            return Err(Failure::refused(format!(
                "the last revision that the state records is {}, and something was applied since then without \
                 --revision, so nobody can tell what this change is based on; nothing was done",
                escape(applied)
            ))
            .help("review the plan as it is now, and apply it with --revision and without --base-revision"));
        }
        let own = self.revision.as_deref();
        if same_revision(base, applied) || own.is_some_and(|own| same_revision(own, applied)) {
            return Ok(());
        }
        Err(Failure::refused(format!(
            "this change is based on revision {}, and the last apply was of revision {}; nothing was done",
            escape(base),
            escape(applied)
        ))
        .help("bring the change up to date with what was applied, and review its plan again"))
    }

    /// What a configuration that asks for no change leaves in the state, if that is not there yet.
    fn noted(&self, planned: &Planned) -> Option<Entry> {
        let recorded = &planned.input.recorded;
        if planned.plan.mode != Mode::All {
            return None;
        }
        let declared = Rules::of(&planned.input.desired);
        // Accounts that joined a unit that a guardrail is over change no rule, and are covered from now on.
        let known = recorded.rules.as_ref();
        let known = known.is_some_and(|rules| {
            // States of earlier versions have no texts of policies.
            rules.selected_accounts() == declared.selected_accounts() && rules.policies == declared.policies
        });
        let rules = (!known).then(|| Box::new(declared));
        let revision = self.revision.clone();
        let is_new =
            |revision: &Arc<str>| recorded.revision_outdated || recorded.revision.as_ref() != Some(revision);
        let revision = revision.filter(is_new);
        (rules.is_some() || revision.is_some()).then(|| {
            Entry::Noted(Box::new(Noted {
                by: Author {
                    at: planned.provider.now(),
                    actor: self.env.actor().into(),
                },
                rules,
                revision,
            }))
        })
    }

    fn carry_out(&self, planned: &Planned, store: &mut LocalStore) -> Result<Exit, Failure> {
        let env = self.env;
        let serial = planned.input.recorded.serial;
        let options = RunOptions {
            run: env.unique(&format!("run {serial}")).into(),
            by: Author {
                at: planned.provider.now(),
                actor: env.actor().into(),
            },
            command: self.command.into(),
            reason: self.reason.map(Arc::from),
            revision: self.revision.clone(),
            new_lineage: env.unique("lineage").into(),
        };
        let stop = env.stop_flag();
        let stop = || stop.load(Ordering::SeqCst);
        let provider = planned.provider.as_ref();
        let result = if self.json {
            let mut sink = JsonLines {
                out: env.stdout(),
                failed: None,
            };
            crate::apply::apply(
                &planned.plan,
                &planned.input,
                provider,
                &mut env.watched(store),
                &mut sink,
                &stop,
                &options,
            )
        } else {
            let mut sink = Progress::new(env);
            crate::apply::apply(
                &planned.plan,
                &planned.input,
                provider,
                &mut env.watched(store),
                &mut sink,
                &stop,
                &options,
            )
        };
        super::tell_remarks(env, store);
        crate::cli::pipeline::tell_notices(env, provider);
        let result = match result {
            Err(ApplyError::Provider(error)) => {
                let known = (&planned.input.desired.snapshot, &planned.input.recorded);
                return Err(asked::failure(error, provider, known, None));
            }
            result => result,
        };
        self.finished(result)
    }

    fn finished(&self, result: Result<ApplyResult, ApplyError>) -> Result<Exit, Failure> {
        let result = match result {
            Ok(result) => result,
            Err(ApplyError::Stale { why, came_back }) => {
                let changes = why.join("\n  ");
                return Err(Failure::refused(format!(
                    "the service changed since this was planned:\n  {changes}"
                ))
                .help(match came_back {
                    false => "plan again, and review that plan",
                    true => {
                        "plan again, and review that plan; should it not show what is there either, plan with \
                         `read_by = \"pairs\"` in the provider block, which reads every assignment"
                    }
                }));
            }
            Err(error) => return Err(error.into()),
        };
        let exit = match result.end {
            RunEnd::Complete => Exit::Done,
            RunEnd::Partial | RunEnd::Interrupted => Exit::Partial,
        };
        if self.json {
            return Ok(exit);
        }
        let counts = &result.counts;
        let summary = apply_view::summary(
            result.end,
            counts.done,
            counts.failed,
            counts.blocked,
            self.env.out,
        );
        let shown = outputs(&result.recorded.outputs, false);
        self.env.print(|out| {
            writeln!(out, "\n{summary}")?;
            if exit == Exit::Done && !shown.is_empty() {
                writeln!(out, "\nOutputs:")?;
            }
            for (name, output) in shown.iter().filter(|_| exit == Exit::Done) {
                writeln!(out, "  {name} = {}", super::output::text(output, 2))?;
            }
            Ok(())
        })?;
        Ok(exit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::access::Names;
    use crate::model::snapshot::Snapshot;
    use crate::state::entry::RunStarted;
    use crate::state::testing::started;

    /// What the history says about the plan `d` after these runs: a digest, and how it ended if it did.
    fn applied(runs: &[(&str, Option<&str>, Option<RunEnd>)]) -> Option<i64> {
        let mut applied = Applied::default();
        for (second, (digest, rest, end)) in (0..).zip(runs) {
            let at = Timestamp::from_second(second).unwrap();
            let started = RunStarted {
                digest: (*digest).into(),
                rest: rest.map(Arc::from),
                ..started("r", Names::default(), &[], Vec::new(), Snapshot::default())
            };
            applied.take(Entry::RunStarted(Box::new(started)), "d");
            if let Some(end) = *end {
                let finished = Entry::RunFinished {
                    at,
                    end,
                    outputs: Default::default(),
                    counts: None,
                };
                applied.take(finished, "d");
            }
        }
        applied.found.map(|(at, _)| at.as_second())
    }

    #[test]
    fn a_plan_was_applied_when_its_last_run_came_to_its_end() {
        let (complete, partial) = (Some(RunEnd::Complete), Some(RunEnd::Partial));
        assert_eq!(applied(&[("d", None, complete)]), Some(0));
        assert_eq!(applied(&[("d", None, complete), ("e", None, None)]), Some(0));
        assert_eq!(applied(&[("d", None, None), ("e", None, complete)]), None);
        assert_eq!(
            applied(&[("d", None, partial), ("d", Some("e"), complete)]),
            Some(1)
        );
        assert_eq!(applied(&[("c", Some("d"), complete)]), Some(0));
        // Begun once more, and cut off: it is on the way, and nobody may say that it is done.
        for end in [None, partial, Some(RunEnd::Interrupted)] {
            assert_eq!(
                applied(&[("d", None, complete), ("d", None, end)]),
                None,
                "{end:?}"
            );
            assert_eq!(
                applied(&[("d", None, complete), ("d", None, end), ("e", None, complete)]),
                None
            );
        }
    }

    #[test]
    fn short_commit_ids_are_those_of_the_long_ones() {
        let long = "3f2a9c1d7b8e4f5061728394a5b6c7d8e9f00112";
        assert!(same_revision(long, long));
        assert!(same_revision("3f2a9c1", long) && same_revision(long, "3f2a9c1"));
        assert!(!same_revision("3f2a9c", long), "too short to be told apart");
        assert!(!same_revision("3f2a9c2", long));
        assert!(!same_revision("", "main") && !same_revision("release", "release-2"));
    }
}
