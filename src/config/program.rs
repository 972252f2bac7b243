//! The program: a stack's modules as tables of declarations, checked against the schema, not evaluated yet.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::address::Kind;
use crate::config::check::{self, head};
use crate::config::schema::{self, BLOCKS, BlockSchema};
use crate::config::syntax::{Attribute, Block, Body, Expr};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, did_you_mean};
use crate::source::{Location, SourceMap, Span};

/// A block type that does not exist.
const UNKNOWN_BLOCK: Code = Code("unknown-block");
/// An attribute outside of any block.
const TOP_LEVEL: Code = Code("attribute-outside-block");
/// Two blocks of one kind with one label.
const DUPLICATE: Code = Code("duplicate-block");
/// A label that could not be referred to.
const BAD_LABEL: Code = Code("bad-label");
/// A block that only the root module may have.
const ROOT_ONLY: Code = Code("root-module-only");

/// A stack, parsed and checked as far as that goes without evaluating anything.
#[derive(Debug, Clone, Default)]
pub struct Program {
    /// The modules, each once however often it is called; the first is the root.
    pub modules: Vec<Module>,
    /// What it was read from: in it, places within heredocs are found again.
    pub sources: SourceMap,
    /// Whether something in it could not be understood, so that more may be written than it says.
    pub has_errors: bool,
}

/// A directory's declarations.
#[derive(Debug, Clone, Default)]
pub struct Module {
    /// Path relative to the stack, with forward slashes; `.` for the stack itself.
    pub directory: Arc<str>,
    /// `variable` blocks.
    pub variables: Table<Variable>,
    /// Attributes of `locals` blocks.
    pub locals: Table<Attribute>,
    /// `output` blocks.
    pub outputs: Table<Declared>,
    /// `module` blocks.
    pub calls: Table<Call>,
    /// Blocks that declare or look up an entity, and assignments.
    pub blocks: Vec<EntityBlock>,
    /// `data "organization"` blocks.
    pub organizations: Table<Declared>,
    /// `moved` blocks.
    pub moved: Vec<Declared>,
    /// `guardrail` blocks, by their text.
    pub guardrails: Table<Declared>,
    /// `standing_approval` blocks, by their text.
    pub standing_approvals: Table<Declared>,
    /// The `rolecall` block.
    pub settings: Option<Declared>,
    /// The `state` block.
    pub state: Option<Declared>,
    /// The `provider` block.
    pub provider: Option<Declared>,
    labels: FxHashMap<(Kind, bool), FxHashMap<Arc<str>, u32>>,
}

/// Declarations by name, in the order written.
#[derive(Debug, Clone)]
pub struct Table<T> {
    /// Names and declarations.
    pub items: Vec<(Arc<str>, T)>,
    by_name: FxHashMap<Arc<str>, u32>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table {
            items: Vec::new(),
            by_name: FxHashMap::default(),
        }
    }
}

/// A block as written, with its place.
#[derive(Debug, Clone)]
pub struct Declared {
    /// The block.
    pub block: Block,
    /// Where it is written.
    pub location: Option<Location>,
    /// Where the blocks in it are written, in their order.
    pub nested: Vec<Option<Location>>,
}

/// A `variable` block.
#[derive(Debug, Clone)]
pub struct Variable {
    /// The block.
    pub block: Block,
}

/// A `module` block.
#[derive(Debug, Clone)]
pub struct Call {
    /// The block.
    pub block: Block,
    /// The module called, as an index into [`Program::modules`]; `None` if it could not be loaded.
    pub module: Option<usize>,
    /// Which instances it has.
    pub repeat: Repeat,
}

/// Which instances a block has.
#[derive(Debug, Clone, Default)]
pub enum Repeat {
    /// One, without a key.
    #[default]
    Once,
    /// `for_each`
    ForEach(Arc<Expr>),
    /// `count`
    Count(Arc<Expr>),
}

/// A block that declares or looks up an entity, or an assignment.
#[derive(Debug, Clone)]
pub struct EntityBlock {
    /// The block type.
    pub kind: Kind,
    /// Looked up, not declared.
    pub data: bool,
    /// The label.
    pub label: Arc<str>,
    /// The block type and labels.
    pub head: Span,
    /// Where it is written.
    pub location: Option<Location>,
    /// What it may contain.
    pub schema: &'static BlockSchema,
    /// The attributes written, in the order of the schema.
    pub attributes: Vec<Option<Attribute>>,
    /// The blocks in it.
    pub blocks: Vec<Block>,
    /// Which instances it has.
    pub repeat: Repeat,
}

impl<T> Table<T> {
    /// The index of a name.
    pub fn index(&self, name: &str) -> Option<u32> {
        self.by_name.get(name).copied()
    }

    /// The declaration at an index, with its name.
    pub fn at(&self, index: u32) -> Option<&(Arc<str>, T)> {
        self.items.get(index as usize)
    }

    /// The declaration of a name.
    pub fn get(&self, name: &str) -> Option<&T> {
        self.at(self.index(name)?).map(|(_, item)| item)
    }

    /// The names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.items.iter().map(|(name, _)| name.as_ref())
    }

    fn insert(&mut self, name: Arc<str>, item: T) -> Result<(), &T> {
        if let Some(index) = self.by_name.get(&name) {
            return match self.items.get(*index as usize) {
                Some((_, earlier)) => Err(earlier),
                None => Ok(()),
            };
        }
        let index = u32::try_from(self.items.len()).unwrap_or(u32::MAX);
        self.by_name.insert(name.clone(), index);
        self.items.push((name, item));
        Ok(())
    }
}

impl Program {
    /// The root module.
    pub fn root(&self) -> Option<&Module> {
        self.modules.first()
    }

    /// Whether some module looks at the organization as it is.
    pub fn asks_for_organization(&self) -> bool {
        let mut modules = self.modules.iter();
        modules.any(|module| !module.organizations.items.is_empty())
    }

    /// Whether anything is looked up in the service, so that some values are known only once it was read.
    pub fn looks_up(&self) -> bool {
        let data = |module: &Module| module.blocks.iter().any(|block| block.data);
        self.asks_for_organization() || self.modules.iter().any(data)
    }
}

impl Module {
    /// An empty module.
    pub fn new(directory: impl Into<Arc<str>>) -> Self {
        Module {
            directory: directory.into(),
            ..Module::default()
        }
    }

    /// The index of an entity block.
    pub fn block(&self, kind: Kind, data: bool, label: &str) -> Option<u32> {
        self.labels.get(&(kind, data))?.get(label).copied()
    }

    /// The labels of the blocks of a kind, in no order.
    pub fn labels(&self, kind: Kind, data: bool) -> impl Iterator<Item = (&Arc<str>, u32)> {
        let labels = self.labels.get(&(kind, data)).into_iter().flatten();
        labels.map(|(label, index)| (label, *index))
    }

    /// Adds a file's declarations.
    pub fn add(&mut self, body: Body, is_root: bool, map: &SourceMap, found: &mut Diagnostics) {
        for attribute in &body.attributes {
            found.push(
                Diagnostic::error(
                    TOP_LEVEL,
                    format!("`{}` stands outside of any block", attribute.name),
                )
                .at(attribute.name_span, "")
                .help("values have names inside a `locals { … }` block"),
            );
        }
        for block in body.blocks {
            let first = block.labels.first().map(|label| label.text.as_ref());
            let Some(schema) = schema::find(&block.kind, first) else {
                found.push(unknown_block(&block));
                continue;
            };
            check::check(&block, schema, found);
            if !is_root
                && matches!(
                    schema.kind,
                    "rolecall" | "state" | "provider" | "guardrail" | "standing_approval"
                )
            {
                found.push(
                    Diagnostic::error(
                        ROOT_ONLY,
                        format!("a `{}` block stands in the root module only", schema.kind),
                    )
                    .at(head(&block), "this is a module that is called")
                    .help("move the block to the stack's own directory"),
                );
                continue;
            }
            self.add_block(block, schema, map, found);
        }
    }

    fn add_block(
        &mut self,
        block: Block,
        schema: &'static BlockSchema,
        map: &SourceMap,
        found: &mut Diagnostics,
    ) {
        let at = head(&block);
        let location = map.location(at);
        let declared = |block: Block| Declared {
            nested: block
                .body
                .blocks
                .iter()
                .map(|block| map.location(head(block)))
                .collect(),
            location: location.clone(),
            block,
        };
        let label = |index: usize| {
            block
                .labels
                .get(index)
                .map(|label| (label.text.clone(), label.span))
        };
        let entity = match schema.kind {
            "data" => schema.of.and_then(Kind::from_name).map(|kind| (kind, true)),
            kind => Kind::from_name(kind).map(|kind| (kind, false)),
        };
        if let Some((kind, data)) = entity {
            let Some((name, span)) = label(usize::from(data)) else {
                return;
            };
            if check_label(&name, span, found) {
                self.add_entity(
                    entity_block(kind, data, name, location.clone(), schema, block),
                    found,
                );
            }
            return;
        }
        match schema.kind {
            "locals" => self.add_locals(block, found),
            "moved" => self.moved.push(declared(block)),
            "rolecall" => single(&mut self.settings, declared(block), found),
            "state" => single(&mut self.state, declared(block), found),
            "provider" => single(&mut self.provider, declared(block), found),
            kind => {
                let Some((name, span)) = label(usize::from(kind == "data")) else {
                    return;
                };
                if !matches!(kind, "guardrail" | "standing_approval") && !check_label(&name, span, found) {
                    return;
                }
                if let Some(earlier) = self.add_named(kind, name, declared(block)) {
                    found.push(duplicate(schema.kind, at, earlier));
                }
            }
        }
    }

    /// Adds a block with a name; returns where an earlier one of that name stands.
    fn add_named(&mut self, kind: &str, name: Arc<str>, declared: Declared) -> Option<Span> {
        match kind {
            "variable" => {
                let variable = Variable {
                    block: declared.block,
                };
                self.variables
                    .insert(name, variable)
                    .err()
                    .map(|it| head(&it.block))
            }
            "module" => {
                let call = Call {
                    repeat: repeat(&declared.block.body),
                    block: declared.block,
                    module: None,
                };
                self.calls.insert(name, call).err().map(|it| head(&it.block))
            }
            "output" => insert(&mut self.outputs, name, declared),
            "guardrail" => insert(&mut self.guardrails, name, declared),
            "standing_approval" => insert(&mut self.standing_approvals, name, declared),
            "data" => insert(&mut self.organizations, name, declared),
            _ => None,
        }
    }

    fn add_locals(&mut self, block: Block, found: &mut Diagnostics) {
        for attribute in block.body.attributes {
            let span = attribute.name_span;
            if let Err(earlier) = self.locals.insert(attribute.name.clone(), attribute) {
                found.push(duplicate("local", span, earlier.name_span));
            }
        }
    }

    fn add_entity(&mut self, block: EntityBlock, found: &mut Diagnostics) {
        if block.kind == Kind::OrganizationalUnit && block.label.as_ref() == "root" {
            found.push(
                Diagnostic::error(BAD_LABEL, "`organizational_unit.root` is built in")
                    .at(block.head, "")
                    .because("it is the organization's root, which is always there and cannot be declared")
                    .help("choose another label"),
            );
            return;
        }
        let labels = self.labels.entry((block.kind, block.data)).or_default();
        let index = u32::try_from(self.blocks.len()).unwrap_or(u32::MAX);
        match labels.get(&block.label) {
            Some(earlier) => {
                let earlier = self
                    .blocks
                    .get(*earlier as usize)
                    .map_or(block.head, |it| it.head);
                found.push(duplicate(block.kind.name(), block.head, earlier));
            }
            None => {
                labels.insert(block.label.clone(), index);
                self.blocks.push(block);
            }
        }
    }
}

fn entity_block(
    kind: Kind,
    data: bool,
    label: Arc<str>,
    location: Option<Location>,
    schema: &'static BlockSchema,
    block: Block,
) -> EntityBlock {
    let at = head(&block);
    let repeat = repeat(&block.body);
    let mut attributes: Vec<Option<Attribute>> = schema.attributes.iter().map(|_| None).collect();
    for attribute in block.body.attributes {
        let slot = schema
            .attribute(&attribute.name)
            .and_then(|(index, _)| attributes.get_mut(index));
        if let Some(slot) = slot {
            slot.get_or_insert(attribute);
        }
    }
    EntityBlock {
        kind,
        data,
        label,
        head: at,
        location,
        schema,
        attributes,
        blocks: block.body.blocks,
        repeat,
    }
}

fn insert(table: &mut Table<Declared>, name: Arc<str>, declared: Declared) -> Option<Span> {
    table.insert(name, declared).err().map(|it| head(&it.block))
}

fn single(slot: &mut Option<Declared>, declared: Declared, found: &mut Diagnostics) {
    match slot {
        Some(earlier) => found.push(
            Diagnostic::error(
                DUPLICATE,
                format!("a stack has one `{}` block", declared.block.kind),
            )
            .at(head(&declared.block), "a second one")
            .also(head(&earlier.block), "the first one")
            .help("keep one of them"),
        ),
        None => *slot = Some(declared),
    }
}

fn repeat(body: &Body) -> Repeat {
    let find = |name: &str| {
        let attribute = body
            .attributes
            .iter()
            .find(|attribute| attribute.name.as_ref() == name);
        attribute.map(|attribute| attribute.expr.clone())
    };
    match (find("for_each"), find("count")) {
        (Some(each), _) => Repeat::ForEach(each),
        (None, Some(count)) => Repeat::Count(count),
        (None, None) => Repeat::Once,
    }
}

fn check_label(label: &str, span: Span, found: &mut Diagnostics) -> bool {
    let mut chars = label.chars();
    let starts = chars.next().is_some_and(|c| c.is_alphabetic() || c == '_');
    if starts && chars.all(|c| c.is_alphanumeric() || c == '_' || c == '-') {
        return true;
    }
    found.push(
        Diagnostic::error(
            BAD_LABEL,
            format!("`{label}` is not a name that can be referred to"),
        )
        .at(span, "")
        .because("a label begins with a letter or `_` and goes on with letters, digits, `_` and `-`")
        .help(
            "what the service calls it can be any text: give that as `name` (or `display_name`, `user_name`)",
        ),
    );
    false
}

/// `a` or `an`, as the kind of a block is spoken.
fn article(kind: &str) -> &'static str {
    match kind.starts_with(['a', 'e', 'i', 'o']) {
        true => "an",
        false => "a",
    }
}

fn duplicate(kind: &str, at: Span, earlier: Span) -> Diagnostic {
    Diagnostic::error(
        DUPLICATE,
        format!(
            "{} `{kind}` of this name is declared twice in this module",
            article(kind)
        ),
    )
    .at(at, "declared again here")
    .also(earlier, "first declared here")
    .help("rename or remove one of them")
}

fn unknown_block(block: &Block) -> Diagnostic {
    let kind = block.kind.as_ref();
    let label = block.labels.first();
    if let (true, Some(label)) = (matches!(kind, "data" | "state" | "provider"), label) {
        let known = || {
            BLOCKS
                .iter()
                .filter(|known| known.kind == kind)
                .filter_map(|known| known.of)
        };
        let error = Diagnostic::error(UNKNOWN_BLOCK, format!("there is no `{kind} \"{}\"`", label.text))
            .at(label.span, "");
        let listed = || {
            known()
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        return error
            .help(did_you_mean(&label.text, known()).unwrap_or_else(|| format!("there are {}", listed())));
    }
    if matches!(kind, "data" | "state" | "provider") {
        return Diagnostic::error(
            UNKNOWN_BLOCK,
            format!("`{kind}` needs a label that says of what kind"),
        )
        .at(block.kind_span, "");
    }
    let error =
        Diagnostic::error(UNKNOWN_BLOCK, format!("there is no block `{kind}`")).at(block.kind_span, "");
    let advice = match kind {
        "resource" => Some("entities are blocks of their own: `permission_set \"admin\" { … }`"),
        "terraform" => Some("settings of the stack stand in a `rolecall { … }` block"),
        "import" => Some("`rolecall import` takes what exists into the state"),
        _ => None,
    };
    match advice
        .map(str::to_owned)
        .or_else(|| did_you_mean(kind, BLOCKS.iter().map(|known| known.kind)))
    {
        Some(advice) => error.help(advice),
        None => {
            let mut names: Vec<&str> = BLOCKS.iter().map(|known| known.kind).collect();
            names.dedup();
            error.help(format!("there are {}", names.join(", ")))
        }
    }
}
