//! Outputs of the root module.

use std::sync::Arc;

use crate::config::decode::Decoder;
use crate::config::decode::reader::to_text;
use crate::config::entities::{ModuleId, ModuleScope, Node};
use crate::config::eval::eval;
use crate::config::value::{Data, Value};
use crate::model::stack::{Output, OutputValue};
use crate::model::text::Text;

impl Decoder<'_, '_> {
    pub(super) fn outputs(&mut self) {
        let engine = self.engine;
        let Some(root) = engine.program.root() else { return };
        for (index, (name, declared)) in (0..).zip(&root.outputs.items) {
            let span = crate::config::check::head(&declared.block);
            let Some(value) = engine.settle(engine.force(Node::Output(ModuleId(0), index), span)) else {
                continue;
            };
            let attributes = &declared.block.body.attributes;
            let description = attributes
                .iter()
                .find(|attribute| attribute.name.as_ref() == "description");
            let scope = ModuleScope::new(engine, ModuleId(0));
            let description = description.and_then(|attribute| engine.settle(eval(&attribute.expr, &scope)));
            let sensitive = value.contains_sensitive();
            let output = Output {
                value: output_value(&value),
                sensitive,
                description: description.and_then(|value| value.as_str().map(Arc::from)),
            };
            self.out.desired.outputs.insert(name.clone(), output);
        }
    }
}

/// A value as outputs keep it; an entity is its address.
fn output_value(value: &Value) -> OutputValue {
    match value.data() {
        Data::Null(_) => OutputValue::Null,
        Data::Bool(flag) => OutputValue::Bool(*flag),
        Data::Number(number) => OutputValue::Number(Arc::from(number.to_string())),
        Data::String(text) => OutputValue::Text(Text::Known(text.clone())),
        Data::Entity(entity) => OutputValue::Text(Text::known(entity.address.to_string())),
        Data::Unknown(_) => to_text(value).map_or(OutputValue::Null, OutputValue::Text),
        Data::List(_) | Data::Set(_) | Data::Tuple(_) => {
            OutputValue::List(value.children().map(output_value).collect())
        }
        Data::Map(_) | Data::Object(_) => {
            let fields = value.fields().into_iter().flat_map(|fields| fields.iter());
            OutputValue::Map(
                fields
                    .map(|(key, value)| (key.clone(), output_value(value)))
                    .collect(),
            )
        }
    }
}
