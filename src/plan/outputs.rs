//! Outputs: what the state will hold, and how that differs from what it holds.
//!
//! They are part of what apply records, so a changed output alone is a change. They grant nothing, and the digest
//! does not cover them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::stack::Output;

use super::input::Mode;
use super::sources::Sources;

/// An output that is not what it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct OutputChange {
    /// As recorded; absent for a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Output>,
    /// As it will be, as far as that is known; absent for one that goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Output>,
}

/// The outputs as they will be: those declared, with every id filled in that the service has given already. A plan
/// that is narrowed to some changes leaves the recorded ones, and one that removes everything leaves none.
pub(super) fn outputs(sources: &Sources<'_>) -> BTreeMap<Arc<str>, Output> {
    match sources.input.options.mode {
        Mode::Revokes | Mode::Expired | Mode::Standing | Mode::Freeze => {
            sources.input.recorded.outputs.clone()
        }
        Mode::Destroy => BTreeMap::new(),
        Mode::All => {
            let filled = |(name, output): (&Arc<str>, &Output)| {
                let value = output.value.resolve(&|reference| sources.lookup(reference));
                (
                    Arc::clone(name),
                    Output {
                        value,
                        ..output.clone()
                    },
                )
            };
            sources.input.desired.outputs.iter().map(filled).collect()
        }
    }
}

/// How outputs differ from those recorded.
pub(super) fn output_changes(
    recorded: &BTreeMap<Arc<str>, Output>,
    outputs: &BTreeMap<Arc<str>, Output>,
) -> BTreeMap<Arc<str>, OutputChange> {
    let names: BTreeSet<&Arc<str>> = recorded.keys().chain(outputs.keys()).collect();
    let change = |name: &Arc<str>| {
        let (before, after) = (recorded.get(name), outputs.get(name));
        (before != after).then(|| {
            let change = OutputChange {
                before: before.cloned(),
                after: after.cloned(),
            };
            (Arc::clone(name), change)
        })
    };
    names.into_iter().filter_map(change).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::stack::OutputValue;
    use crate::model::text::Text;
    use crate::plan::plan;
    use crate::plan::testing::{Stack, World};

    fn output(text: &str) -> Output {
        Output {
            value: OutputValue::Text(Text::known(text)),
            sensitive: false,
            description: None,
        }
    }

    #[test]
    fn outputs_alone_are_a_change_that_touches_nothing_in_the_service() {
        let mut input = World::new().input(Stack::new());
        input.desired.outputs.insert("new".into(), output("n"));
        input.desired.outputs.insert("same".into(), output("s"));
        input.desired.outputs.insert("other".into(), output("after"));
        input.recorded.outputs.insert("same".into(), output("s"));
        input.recorded.outputs.insert("other".into(), output("before"));
        input.recorded.outputs.insert("old".into(), output("o"));
        let made = plan(&input);
        let changes: Vec<(&str, bool, bool)> = made
            .output_changes
            .iter()
            .map(|(name, change)| (&**name, change.before.is_some(), change.after.is_some()))
            .collect();
        assert_eq!(
            changes,
            [("new", false, true), ("old", true, false), ("other", true, true)]
        );
        assert!(!made.is_empty() && made.changes_nothing_in_the_service());

        input.recorded.outputs = input.desired.outputs.clone();
        assert!(plan(&input).is_empty());
    }

    #[test]
    fn what_is_narrowed_keeps_the_outputs_and_what_destroys_drops_them() {
        let mut input = World::new().input(Stack::new());
        input.desired.outputs.insert("new".into(), output("n"));
        input.recorded.outputs.insert("old".into(), output("o"));
        input.options.mode = Mode::Expired;
        assert!(plan(&input).output_changes.is_empty());
        input.options.mode = Mode::Destroy;
        let made = plan(&input);
        assert!(made.outputs.is_empty());
        assert_eq!(made.output_changes.len(), 1);
        assert!(made.output_changes.values().all(|change| change.after.is_none()));
    }
}
