//! What `for` expressions made, so that a filter that is written in many blocks goes through all accounts once.

use std::cell::{Cell, RefCell};

use rustc_hash::FxHashMap;

use super::ModuleId;
use crate::config::syntax::Wording;
use crate::config::value::{Data, Value};

/// So many elements are remembered at most, in all.
const ROOM: usize = 1 << 20;

/// Results by the module instance and the wording. Names mean the same everywhere in a module instance, but for those
/// that an instance of a block or another `for` binds.
#[derive(Default)]
pub(super) struct Loops {
    made: RefCell<FxHashMap<(ModuleId, Wording), Option<Value>>>,
    elements: Cell<usize>,
}

impl Loops {
    pub(super) fn recall(&self, module: ModuleId, wording: Wording) -> Option<Value> {
        self.made.borrow().get(&(module, wording)).cloned().flatten()
    }

    /// Keeps what is made for the second time: most are written once.
    pub(super) fn remember(&self, module: ModuleId, wording: Wording, made: &Value) {
        let mut known = self.made.borrow_mut();
        let Some(slot) = known.get_mut(&(module, wording)) else {
            known.insert((module, wording), None);
            return;
        };
        let elements = self.elements.get() + size(made);
        if elements <= ROOM {
            self.elements.set(elements);
            *slot = Some(made.clone());
        }
    }
}

/// How many elements a value has itself.
fn size(value: &Value) -> usize {
    match value.data() {
        Data::List(list) => list.items.len(),
        Data::Tuple(items) => items.len(),
        Data::Set(set) => set.items.len(),
        Data::Map(map) => map.fields.len(),
        Data::Object(fields) => fields.len(),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_twice_is_made_twice_and_no_more() {
        let (loops, here, there) = (Loops::default(), ModuleId(0), ModuleId(1));
        let (wording, made) = (
            Wording::of("[for a in b : a]"),
            Value::tuple(vec![Value::count(1)]),
        );
        loops.remember(here, wording, &made);
        assert_eq!(loops.recall(here, wording), None);
        loops.remember(here, wording, &made);
        assert_eq!(loops.recall(here, wording), Some(made));
        assert_eq!(loops.recall(there, wording), None);
        assert_eq!(loops.recall(here, Wording::of("[for a in c : a]")), None);
    }

    #[test]
    fn there_is_room_for_so_many_elements() {
        let (loops, module) = (Loops::default(), ModuleId(0));
        let huge = Value::tuple(vec![Value::NULL; ROOM]);
        let (first, second) = (Wording::of("first"), Wording::of("second"));
        for wording in [first, first, second, second] {
            loops.remember(module, wording, &huge);
        }
        assert_eq!(loops.recall(module, first), Some(huge));
        assert_eq!(loops.recall(module, second), None);
    }
}
