//! `apply`: plan, get a yes, do it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::apply::{ApplyError, ApplyResult, RunOptions, recover};
use crate::cli::approval::{Consent, approve, same_as_approved};
use crate::cli::args::{ApplyArgs, LockArgs, VariableArgs};
use crate::cli::env::Env;
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::pipeline::{Planned, Stack, make_plan};
use crate::cli::progress::{JsonLines, Progress};
use crate::cli::saved_plan;
use crate::model::record::{Recorded, Seen};
use crate::plan::Plan;
use crate::plan::input::Options;
use crate::provider::ReadRequest;
use crate::report::apply_view;
use crate::report::json::parts::outputs;
use crate::report::plan_view::PlanView;
use crate::report::terminal::plan::{Title, write};
use crate::state::entry::{Author, RunEnd};
use crate::state::local::LocalStore;
use crate::state::{Entry, StateStore};

/// Runs it.
pub fn run(env: &Env, args: &ApplyArgs) -> Result<Exit, Failure> {
    let consent = match (&args.plan, &args.digest, args.auto_approve) {
        (Some(path), ..) => Consent::Reviewed(path, Box::new(saved_plan::load(env, path)?)),
        (None, Some(digest), _) => Consent::Digest(digest),
        (None, None, true) => Consent::Automatic {
            restore: args.restore,
        },
        (None, None, false) => Consent::Ask,
    };
    // A saved plan says itself what it is narrowed to.
    let mode = match &consent {
        Consent::Reviewed(_, plan) => plan.mode,
        _ => super::plan::mode(args.only),
    };
    let job = Job {
        env,
        command: "apply",
        question: "Do this?",
        consent,
        json: args.format.is_json(),
        reason: args.reason.as_deref(),
    };
    let options = Options {
        mode,
        max_removals: args.max_removals,
        unrefreshed: false,
    };
    job.run(&args.variables, &args.lock, options)
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
}

impl Job<'_> {
    /// Plans under the lock, gets a yes, and does it.
    ///
    /// # Errors
    /// As planning and approving; and when the state or the service fails.
    pub fn run(&self, variables: &VariableArgs, lock: &LockArgs, options: Options) -> Result<Exit, Failure> {
        let env = self.env;
        let stack = Stack::load(env, variables)?;
        let offline = stack.evaluated(env, env.now(), None)?;
        if self.json && matches!(self.consent, Consent::Ask) {
            return Err(Failure::new("--json leaves nothing to ask with")
                .help("approve a reviewed plan (apply FILE, or --digest), or use --auto-approve"));
        }
        env.create_own_directory()?;
        let mut store = env.store(&offline.state)?;
        store.lock(&env.lock_request(&format!("rolecall {}", self.command), lock.lock_timeout))?;
        let recorded = store.load()?;
        super::tell_remarks(env, &mut store);
        let recorded = self.recovered(&stack, recorded, &mut store)?;
        let planned = make_plan(env, &stack, recorded, options)?;
        self.check_digest(&planned)?;
        if !self.json {
            let command = format!("rolecall {}", self.command);
            let title = Title {
                command: &command,
                provider: Some(planned.provider.name()),
            };
            env.print(|out| write(&PlanView::new(&planned.plan), title, env.out, out))?;
        }
        if planned.plan.is_refused() {
            return self.refused(&planned.plan);
        }
        if planned.plan.is_empty() && planned.input.recorded.unfinished.is_none() {
            return self.observe(&planned, &mut store);
        }
        approve(env, &planned.plan, &self.consent, self.question)?;
        self.carry_out(&planned, &mut store)
    }

    /// What is recorded once it is known what became of the calls that a crashed run had under way.
    fn recovered(
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
        recover(&recorded, provider.as_ref(), &mut watched, &request).map_err(|error| match error {
            ApplyError::Stale(why) => Failure::new(why.join("; ")),
            ApplyError::State(error) => error.into(),
            ApplyError::Provider(error) => error.into(),
        })?;
        Ok(store.load()?)
    }

    fn check_digest(&self, planned: &Planned) -> Result<(), Failure> {
        let (plan, recorded) = (&planned.plan, &planned.input.recorded);
        match &self.consent {
            Consent::Reviewed(_, reviewed) => {
                let text = crate::cli::approval::rendered_in_full(reviewed);
                same_as_approved(self.env, plan, recorded, &reviewed.digest, Some(&text))
            }
            Consent::Digest(digest) => {
                let last = self.env.own_directory().join("last-plan.txt");
                let text = self.env.read_text(&last).ok();
                let text = text.filter(|text| text.contains(&format!("Digest {digest}")));
                same_as_approved(self.env, plan, recorded, digest, text.as_deref())
            }
            Consent::Automatic { .. } | Consent::Ask => Ok(()),
        }
    }

    fn refused(&self, plan: &Plan) -> Result<Exit, Failure> {
        if self.json {
            super::print_json(
                self.env,
                &crate::report::json::plan::PlanJson::new(&PlanView::new(plan)),
            )?;
        }
        Ok(Exit::Refused)
    }

    /// Nothing to do but to record what was read.
    fn observe(&self, planned: &Planned, store: &mut LocalStore) -> Result<Exit, Failure> {
        let observed = &planned.input.observed;
        if planned.input.recorded.lineage.is_some() {
            let seen = Seen::of(observed.clone());
            store.append(&[Entry::Observed(Box::new(seen))])?;
            store.sync()?;
            let recorded = store.load()?;
            store.checkpoint(&recorded)?;
        }
        Ok(Exit::Done)
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
        self.finished(result)
    }

    fn finished(&self, result: Result<ApplyResult, ApplyError>) -> Result<Exit, Failure> {
        let result = match result {
            Ok(result) => result,
            Err(ApplyError::Stale(changes)) => {
                let changes = changes.join("\n  ");
                return Err(Failure::refused(format!(
                    "the service changed since this was planned:\n  {changes}"
                ))
                .help("plan again, and review that plan"));
            }
            Err(ApplyError::State(error)) => return Err(error.into()),
            Err(ApplyError::Provider(error)) => return Err(error.into()),
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
