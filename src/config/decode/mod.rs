//! Decoding: from evaluated blocks to the model that is planned with.

mod access;
mod account;
mod blocks;
mod guardrail;
mod json_places;
mod lint;
mod merge;
mod moved;
mod output;
mod permission_set;
mod policy;
mod policy_files;
mod policy_place;
mod principal;
mod reader;
mod risk;
pub mod settings;
mod standing;
mod time;

use std::sync::Arc;

use crate::address::Kind;
use crate::config::check::head;
use crate::config::entities::{Engine, ModuleId, Node};
use crate::config::evaluate::Referred;
use crate::config::rules::{policy_lint, quota};
use crate::id::PermissionSetName;
use crate::model::access::{Access, Block};
use crate::model::stack::Desired;
use crate::source::{Location, Span};

use merge::Seen;
pub(super) use merge::hold_unanswered;
use reader::Reader;
use settings::{ProviderSettings, StateSettings};

/// More names than the relation of grants can hold.
const CAPACITY: crate::diagnostic::Code = crate::diagnostic::Code("too-many-names");

/// What decoding makes.
#[derive(Debug, Default)]
pub struct Decoded {
    /// What is declared.
    pub desired: Desired,
    /// What is referred to but not created.
    pub references: Vec<Referred>,
    /// The stack's name, if it says one.
    pub name: Option<Arc<str>>,
    /// Where state is kept.
    pub state: StateSettings,
    /// Which service is meant.
    pub provider: ProviderSettings,
    /// Where that is written.
    pub provider_at: Option<Location>,
    /// Whether a reading of the service would change anything of this but what is held.
    pub needs_reading: bool,
}

/// Evaluates and decodes everything a program declares. What is wrong is in the engine's findings.
pub fn decode(engine: &Engine<'_>) -> Decoded {
    let mut decoder = Decoder::new(engine);
    decoder.settings();
    let mut next = 0;
    while next < engine.instance_count() {
        decoder.module(ModuleId(next));
        next += 1;
    }
    engine.survey_idle_modules();
    decoder.finish()
}

/// Evaluates and decodes where state is kept and which service is meant, and nothing else.
pub fn places(engine: &Engine<'_>) -> (StateSettings, ProviderSettings) {
    let mut decoder = Decoder::new(engine);
    decoder.state();
    decoder.provider();
    (decoder.out.state, decoder.out.provider)
}

struct Decoder<'e, 'a> {
    engine: &'e Engine<'a>,
    out: Decoded,
    blocks: Vec<Block>,
    seen: Seen,
    moves: Vec<moved::Rule>,
    lint: policy_lint::Settings,
    /// Permission sets without any policy.
    empty: Vec<(Span, PermissionSetName)>,
}

impl<'e, 'a> Decoder<'e, 'a> {
    fn new(engine: &'e Engine<'a>) -> Self {
        Decoder {
            engine,
            out: Decoded::default(),
            blocks: Vec::new(),
            seen: Seen::default(),
            moves: Vec::new(),
            lint: policy_lint::Settings::default(),
            empty: Vec::new(),
        }
    }

    /// Everything a module instance declares; expands its calls, so that their instances come later.
    fn module(&mut self, id: ModuleId) {
        let engine = self.engine;
        let Some(module) = engine.module(id) else { return };
        for (index, (_, call)) in (0..).zip(&module.calls.items) {
            if call.module.is_some() {
                let calls = engine.settle(engine.call_instances(id, index, head(&call.block)));
                if calls.is_some_and(|calls| calls.items.is_empty()) {
                    engine.survey_call(module, call);
                }
            }
        }
        for (index, (_, variable)) in (0..).zip(&module.variables.items) {
            engine.settle(engine.force(Node::Variable(id, index), head(&variable.block)));
        }
        for (index, (_, local)) in (0..).zip(&module.locals.items) {
            engine.settle(engine.force(Node::Local(id, index), local.name_span));
        }
        for (index, block) in (0..).zip(&module.blocks) {
            let Some(instances) = engine.settle(engine.instances(id, index, block.head)) else {
                continue;
            };
            if instances.items.is_empty() {
                engine.survey_block(module, block);
            }
            for (_, entity) in &instances.items {
                if let Some(reader) = Reader::new(engine, *entity) {
                    self.block(&reader);
                }
            }
        }
        for (index, (_, output)) in (0..).zip(&module.outputs.items) {
            engine.settle(engine.force(Node::Output(id, index), head(&output.block)));
        }
        self.moved(id, module);
    }

    fn block(&mut self, reader: &Reader<'_, '_>) {
        match reader.block.kind {
            Kind::Assignment => self.assignment(reader),
            Kind::PermissionSet => self.permission_set(reader),
            Kind::User => self.user(reader),
            Kind::Group => self.group(reader),
            Kind::Account => self.account(reader),
            Kind::OrganizationalUnit => self.organizational_unit(reader),
        }
    }

    fn finish(mut self) -> Decoded {
        self.outputs();
        self.guardrails();
        self.standing_approvals();
        if let Some(observed) = self.engine.options.observed {
            hold_unanswered(&mut self.out.desired, observed);
        }
        self.quotas();
        self.finish_moves();
        // Where something else is wrong, a policy may have been meant that could not be read.
        if !self.engine.has_errors() {
            self.empty
                .drain(..)
                .for_each(|(head, name)| lint::nothing_given(self.engine, head, &name));
        }
        match Access::from_blocks(std::mem::take(&mut self.blocks)) {
            Ok(access) => self.out.desired.snapshot.access = access,
            Err(error) => self
                .engine
                .report(crate::diagnostic::Diagnostic::error(CAPACITY, error.to_string())),
        }
        self.out.references = self.references();
        self.out.needs_reading = self.engine.needs_reading();
        self.out
    }

    fn quotas(&self) {
        let snapshot = &self.out.desired.snapshot;
        let counts = [
            (Kind::PermissionSet, snapshot.permission_sets.len()),
            (Kind::Account, snapshot.accounts.len()),
            (Kind::User, snapshot.users.len()),
            (Kind::Group, snapshot.groups.len()),
        ];
        for (kind, count) in counts {
            if let (Some(finding), Some(span)) = (quota::count(kind, count), self.seen.last(kind)) {
                self.engine.report(finding.at(span, ""));
            }
        }
    }
}
