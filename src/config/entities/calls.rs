//! Module calls: their instances, arguments and outputs.

use std::rc::Rc;
use std::sync::Arc;

use crate::config::check::head;
use crate::config::entities::{Each, Engine, Instances, ModuleId, ModuleInstance, ModuleScope, Node, silent};
use crate::config::eval::{EvalResult, Failure, code, eval};
use crate::config::program::{Call, Module};
use crate::config::syntax::Attribute;
use crate::config::types::Type;
use crate::config::value::Value;
use crate::diagnostic::{Code, Diagnostic, did_you_mean};
use crate::source::Span;

/// An output with a sensitive value that is not declared sensitive.
const SENSITIVE_OUTPUT: Code = Code("sensitive-output");

/// The error for an output that a called module does not have.
pub(super) fn no_output(module: &Module, call: &str, name: &str, span: Span) -> Box<Failure> {
    let error = Diagnostic::error(
        code::UNKNOWN_ATTRIBUTE,
        format!("module `{call}` has no output `{name}`"),
    )
    .at(span, "");
    let help = did_you_mean(name, module.outputs.names()).unwrap_or_else(|| {
        format!(
            "declare it in `{}`: `output \"{name}\" {{ value = … }}`",
            module.directory
        )
    });
    Failure::always(error.help(help))
}

impl<'a> Engine<'a> {
    /// The instances of a module call.
    ///
    /// # Errors
    /// As [`Engine::force`].
    pub fn call_instances(
        &self,
        module: ModuleId,
        call: u32,
        span: Span,
    ) -> EvalResult<Rc<Instances<ModuleId>>> {
        self.force(Node::Call(module, call), span)?;
        self.calls
            .borrow()
            .get(&(module, call))
            .cloned()
            .ok_or_else(silent)
    }

    pub(super) fn call(&self, module: ModuleId, call: u32) -> Option<&'a (Arc<str>, Call)> {
        self.module(module)?.calls.at(call)
    }

    pub(super) fn expand_call(&self, caller: ModuleId, index: u32) -> EvalResult {
        let (name, call) = self.call(caller, index).ok_or_else(silent)?;
        let module = call.module.ok_or_else(silent)?;
        let (shape, keys) = self.keys(&call.repeat, &ModuleScope::new(self, caller))?;
        let path = self.instance(caller).path.clone();
        let items = keys
            .into_iter()
            .map(|(key, each)| {
                let instance = ModuleInstance {
                    module,
                    path: path.child(name.clone(), key.clone()),
                    call: Some((caller, index)),
                    each,
                };
                (key, self.add_module(instance))
            })
            .collect();
        self.keep_call(caller, index, shape, items);
        Ok(Value::TRUE)
    }

    /// The argument that a module instance's call gives for a variable, with the scope to evaluate it in.
    pub(super) fn argument(&self, id: ModuleId, variable: &str) -> Option<(&'a Attribute, ModuleId, Each)> {
        let instance = self.instance(id);
        let (caller, call) = instance.call?;
        let (_, call) = self.call(caller, call)?;
        let attributes = &call.block.body.attributes;
        let argument = attributes
            .iter()
            .find(|attribute| attribute.name.as_ref() == variable)?;
        Some((argument, caller, instance.each.clone()))
    }

    pub(super) fn call_head(&self, id: ModuleId) -> Option<Span> {
        let (caller, call) = self.instance(id).call?;
        self.call(caller, call).map(|(_, call)| head(&call.block))
    }

    pub(super) fn local(&self, id: ModuleId, index: u32) -> EvalResult {
        let (_, local) = self
            .module(id)
            .and_then(|module| module.locals.at(index))
            .ok_or_else(silent)?;
        self.kept(eval(&local.expr, &ModuleScope::new(self, id))?, local.expr.span)
    }

    pub(super) fn output(&self, id: ModuleId, index: u32) -> EvalResult {
        let (name, output) = self
            .module(id)
            .and_then(|module| module.outputs.at(index))
            .ok_or_else(silent)?;
        let attributes = &output.block.body.attributes;
        let find = |name: &str| {
            attributes
                .iter()
                .find(|attribute| attribute.name.as_ref() == name)
        };
        let value = find("value").ok_or_else(silent)?;
        let scope = ModuleScope::new(self, id);
        let result = self.kept(eval(&value.expr, &scope)?, value.expr.span)?;
        let declared = match find("sensitive") {
            Some(attribute) => self.flag(&attribute.expr, &scope, "sensitive")?,
            None => false,
        };
        let is_root = self.instance(id).path.is_root();
        if result.contains_sensitive() && !declared && is_root {
            return Err(Failure::always(
                Diagnostic::error(
                    SENSITIVE_OUTPUT,
                    format!("the output `{name}` holds a sensitive value"),
                )
                .at(value.expr.span, "part of this is sensitive")
                .help("add `sensitive = true` to the output, or use `nonsensitive(…)` if it may be shown"),
            ));
        }
        Ok(result.with_sensitive(declared))
    }

    /// One output of a module instance.
    pub(super) fn output_value(&self, id: ModuleId, call: &str, name: &str, span: Span) -> EvalResult {
        let module = self.module(id).ok_or_else(silent)?;
        if let Some(index) = module.outputs.index(name) {
            return self.force(Node::Output(id, index), span);
        }
        Err(no_output(module, call, name, span))
    }

    /// All outputs of a module instance.
    pub(super) fn outputs(&self, id: ModuleId, span: Span) -> EvalResult {
        let module = self.module(id).ok_or_else(silent)?;
        let mut fields = Vec::new();
        for (index, (name, _)) in (0..).zip(&module.outputs.items) {
            fields.push((name.clone(), self.force(Node::Output(id, index), span)?));
        }
        Ok(Value::object(fields.into_iter().collect()))
    }

    /// A known truth value.
    pub(super) fn flag(
        &self,
        expr: &crate::config::syntax::Expr,
        scope: &ModuleScope<'_, '_>,
        what: &str,
    ) -> EvalResult<bool> {
        let value = eval(expr, scope)?;
        let converted = crate::config::convert::convert(&value, &Type::Bool);
        let known = converted.ok().and_then(|value| value.as_bool());
        known.ok_or_else(|| {
            Failure::always(
                Diagnostic::error(code::WRONG_TYPE, format!("`{what}` is true or false"))
                    .at(expr.span, format!("this is a {}", value.friendly_type())),
            )
        })
    }
}
