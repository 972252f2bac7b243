//! Everything a plan depends on, as one value that can be dumped and replayed.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::instance::Observed;
use crate::model::record::Recorded;
use crate::model::role_content::RoleContents;
use crate::model::stack::{Desired, Output, OutputValue};

/// The version of the input's JSON form.
pub const INPUT_VERSION: u32 = 1;

/// What a plan shall contain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Everything.
    #[default]
    All,
    /// `--only revokes`: revokes and membership removals alone.
    Revokes,
    /// `--only expired`: revokes of grants whose time has come, alone.
    Expired,
    /// `destroy`: remove what the state records.
    Destroy,
    /// `--standing`: grants alone that were agreed on beforehand.
    Standing,
    /// `freeze`: everything that frozen principals have goes, and nothing else happens.
    Freeze,
}

impl Mode {
    /// Whether nothing happens but that access is taken away, in an incident or because its time has come.
    pub fn takes_away(self) -> bool {
        matches!(self, Mode::Revokes | Mode::Expired | Mode::Freeze)
    }
}

/// What the command line adds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Options {
    /// Narrowing.
    pub mode: Mode,
    /// `--max-removals`, over the stack's own setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_removals: Option<u64>,
    /// `--refresh=false`: `observed` is what was last seen, not a fresh reading.
    #[serde(default)]
    pub unrefreshed: bool,
    /// `plan --base`: what is recorded and observed is what another configuration says, and nothing was applied.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub base: bool,
}

impl Options {
    /// What a rule is called that says so no more: `as last applied`.
    pub fn last(&self) -> &'static str {
        match self.base {
            true => "as in the base",
            false => "as last applied",
        }
    }
}

/// The one input of [`crate::plan::planner::plan`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PlanInput {
    /// [`INPUT_VERSION`].
    pub format_version: u32,
    /// The stack's name.
    pub stack: Arc<str>,
    /// The moment to plan for, by the provider's clock.
    pub now: Timestamp,
    /// What is declared.
    pub desired: Desired,
    /// What the state holds.
    pub recorded: Recorded,
    /// What the service answered.
    pub observed: Observed,
    /// What the command line adds.
    pub options: Options,
}

impl PlanInput {
    /// The roles that hold something else than their sets say, as observed.
    pub fn role_contents(&self) -> RoleContents {
        let older = self.recorded.older_roles_at(&self.observed);
        RoleContents::at((&self.observed).into(), &older)
    }

    /// Takes the sensitive values out, so that the input can be handed to others. What is left plans the same way in
    /// everything but its outputs; so it says that it is redacted, and is not to be replayed.
    pub fn redact(&mut self) {
        let outputs = self.desired.outputs.values_mut();
        for output in outputs.chain(self.recorded.outputs.values_mut()) {
            self.desired.redacted |= take_out(output);
        }
    }
}

fn take_out(output: &mut Output) -> bool {
    if output.sensitive {
        output.value = OutputValue::Null;
    }
    output.sensitive
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::text::Text;
    use crate::plan::testing::{Stack, World};

    fn output(text: &str, sensitive: bool) -> Output {
        Output {
            value: OutputValue::Text(Text::known(text)),
            sensitive,
            description: None,
        }
    }

    #[test]
    fn redacting_takes_out_sensitive_values_declared_and_recorded() {
        let mut input = World::new().input(Stack::new());
        input
            .desired
            .outputs
            .insert("plain".into(), output("seen", false));
        input.redact();
        assert!(!input.desired.redacted);

        input
            .desired
            .outputs
            .insert("new".into(), output("token-new", true));
        input
            .recorded
            .outputs
            .insert("old".into(), output("token-old", true));
        input.redact();
        assert!(input.desired.redacted);
        let dumped = serde_json::to_string(&input).unwrap();
        assert!(dumped.contains("seen") && !dumped.contains("token"));
    }
}
