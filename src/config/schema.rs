//! What may be written: every block with its labels, attributes and nested blocks, in one table.
//!
//! Diagnostics about unknown or missing names, the types that attributes are converted to, and the reference for
//! readers are all made from this table, so none of them can disagree with the others.

use std::fmt::Write as _;

use crate::address::Kind;

use Need::{Computed, Optional, Required};

/// A kind of block.
#[derive(Debug, Clone, Copy)]
pub struct BlockSchema {
    /// The block type as written; for look-ups `data` with `of` saying what is looked up.
    pub kind: &'static str,
    /// For `data`, `state` and `provider` blocks: the first label that this schema is for.
    pub of: Option<&'static str>,
    /// What the labels (after `of`) are, for messages.
    pub labels: &'static [&'static str],
    /// What it declares, in one or two sentences.
    pub doc: &'static str,
    /// Its attributes.
    pub attributes: &'static [AttributeSchema],
    /// The blocks inside it.
    pub blocks: &'static [BlockSchema],
    /// Whether there can be more than one.
    pub repeats: bool,
    /// Whether it takes `for_each` and `count`.
    pub instances: bool,
    /// Whether it takes attributes that are not in the table (`locals`, arguments of a `module`).
    pub open: bool,
}

/// An attribute.
#[derive(Debug, Clone, Copy)]
pub struct AttributeSchema {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub ty: Ty,
    /// Whether it must or can be written.
    pub need: Need,
    /// What it means, in one or two sentences.
    pub doc: &'static str,
}

/// Whether an attribute is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// It must be.
    Required,
    /// It may be.
    Optional,
    /// It cannot be: it is only read.
    Computed,
}

/// What an attribute takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ty {
    /// `true` or `false`
    Bool,
    /// A number.
    Number,
    /// A text that must be known when planning.
    String,
    /// A text that may contain what is known only after apply.
    Text,
    /// A list or set of texts.
    Strings,
    /// A map of texts.
    Tags,
    /// An entity of a kind.
    Entity(Kind),
    /// Entities of these kinds: a list, nested as one likes, a map of them, or a single one.
    Entities(&'static [Kind]),
    /// Names with globs, or entities of these kinds.
    Patterns(&'static [Kind]),
    /// A list of `{ name, path }`.
    CustomerPolicies,
    /// An AWS-managed policy's ARN or `{ name, path }`.
    Boundary,
    /// Any value.
    Any,
    /// A type, like `list(string)`.
    Type,
    /// A block's address, not evaluated.
    Address,
}

impl Ty {
    /// As shown in the reference.
    pub fn shown(self) -> String {
        let kinds = |kinds: &[Kind]| {
            kinds
                .iter()
                .map(|kind| kind.name())
                .collect::<Vec<_>>()
                .join(" or ")
        };
        match self {
            Ty::Bool => "bool".to_owned(),
            Ty::Number => "number".to_owned(),
            Ty::String | Ty::Text => "string".to_owned(),
            Ty::Strings => "list of strings".to_owned(),
            Ty::Tags => "map of strings".to_owned(),
            Ty::Entity(kind) => kind.name().to_owned(),
            Ty::Entities(of) => format!("list of {}", kinds(of)),
            Ty::Patterns(of) => format!("list of globs or {}", kinds(of)),
            Ty::CustomerPolicies => "list of { name, path }".to_owned(),
            Ty::Boundary => "string or { name, path }".to_owned(),
            Ty::Any => "any".to_owned(),
            Ty::Type => "type".to_owned(),
            Ty::Address => "address".to_owned(),
        }
    }
}

const fn block(kind: &'static str, labels: &'static [&'static str], doc: &'static str) -> BlockSchema {
    BlockSchema {
        kind,
        of: None,
        labels,
        doc,
        attributes: &[],
        blocks: &[],
        repeats: true,
        instances: false,
        open: false,
    }
}

const fn attr(name: &'static str, ty: Ty, need: Need, doc: &'static str) -> AttributeSchema {
    AttributeSchema { name, ty, need, doc }
}

const PRINCIPALS: &[Kind] = &[Kind::Group, Kind::User];
const SETS: &[Kind] = &[Kind::PermissionSet];
const ACCOUNTS: &[Kind] = &[Kind::Account];

const MATCHER: &[AttributeSchema] = &[
    attr(
        "permission_sets",
        Ty::Patterns(SETS),
        Optional,
        "Permission set names; none given: all.",
    ),
    attr(
        "principals",
        Ty::Patterns(PRINCIPALS),
        Optional,
        "Group display names and user names; none given: all.",
    ),
    attr(
        "accounts",
        Ty::Patterns(ACCOUNTS),
        Optional,
        "Account ids and names; none given: all.",
    ),
];

const SELECTOR: &[AttributeSchema] = &[
    attr(
        "principals",
        Ty::Entities(PRINCIPALS),
        Optional,
        "Who; none given: anyone.",
    ),
    attr(
        "permission_sets",
        Ty::Entities(SETS),
        Optional,
        "With which sets; none given: any.",
    ),
    attr(
        "accounts",
        Ty::Entities(ACCOUNTS),
        Optional,
        "Where; none given: anywhere.",
    ),
];

const LIMIT: &[AttributeSchema] = &[
    attr(
        "principals",
        Ty::Entities(PRINCIPALS),
        Optional,
        "Who; none given: anyone.",
    ),
    attr(
        "permission_sets",
        Ty::Entities(SETS),
        Optional,
        "With which sets; none given: any.",
    ),
    attr(
        "accounts",
        Ty::Entities(ACCOUNTS),
        Optional,
        "Where; none given: anywhere.",
    ),
    attr(
        "max_people",
        Ty::Number,
        Required,
        "The most people that may have such access.",
    ),
];

const REQUIRE: &[AttributeSchema] = &[
    attr(
        "principals",
        Ty::Entities(PRINCIPALS),
        Optional,
        "Which grants: of whom; none given: of anyone.",
    ),
    attr(
        "permission_sets",
        Ty::Entities(SETS),
        Optional,
        "Which grants: of which sets; none given: of any.",
    ),
    attr(
        "accounts",
        Ty::Entities(ACCOUNTS),
        Optional,
        "Which grants: where; none given: anywhere.",
    ),
    attr(
        "expires_within",
        Ty::String,
        Optional,
        "They must expire within this time, like `P90D`.",
    ),
    attr("reason", Ty::Bool, Optional, "They must give a reason."),
    attr(
        "groups_only",
        Ty::Bool,
        Optional,
        "They must be granted to groups, not to users.",
    ),
];

const STATEMENT: BlockSchema = BlockSchema {
    attributes: &[
        attr(
            "sid",
            Ty::String,
            Optional,
            "The statement's id: letters and digits.",
        ),
        attr("effect", Ty::String, Optional, "`Allow` (the default) or `Deny`."),
        attr(
            "actions",
            Ty::Strings,
            Optional,
            "What may be done, like `s3:Get*`.",
        ),
        attr("not_actions", Ty::Strings, Optional, "Everything but this."),
        attr(
            "resources",
            Ty::Strings,
            Optional,
            "On what; `[\"*\"]` for everything.",
        ),
        attr("not_resources", Ty::Strings, Optional, "On everything but this."),
    ],
    blocks: &[BlockSchema {
        attributes: &[
            attr("test", Ty::String, Required, "The operator, like `StringEquals`."),
            attr(
                "variable",
                Ty::String,
                Required,
                "The condition key, like `aws:RequestedRegion`.",
            ),
            attr(
                "values",
                Ty::Strings,
                Required,
                "The values, any of which must match.",
            ),
        ],
        ..block("condition", &[], "When the statement applies.")
    }],
    ..block("statement", &[], "One statement.")
};

/// Every block that can stand at the top level of a file, in the order readers meet them.
pub const BLOCKS: &[BlockSchema] = &[
    BlockSchema {
        repeats: false,
        attributes: &[
            attr(
                "required_version",
                Ty::String,
                Optional,
                "The versions of rolecall that can read this stack, like `>= 0.1, < 2`.",
            ),
            attr(
                "name",
                Ty::String,
                Optional,
                "What the stack is called in plans; the directory's name unless given.",
            ),
            attr(
                "unmanaged",
                Ty::String,
                Optional,
                "What to do about access that no one declared: `report` (the default), `remove` (needs a scope) or `ignore`.",
            ),
            attr(
                "max_removals",
                Ty::Number,
                Optional,
                "A plan that removes more grants is refused without `--max-removals`; 100 unless given.",
            ),
            attr(
                "scope",
                Ty::String,
                Optional,
                "`\"instance\"`: the stack is responsible for the whole instance. A `scope` block narrows it.",
            ),
        ],
        blocks: &[
            BlockSchema {
                repeats: false,
                attributes: MATCHER,
                ..block("scope", &[], "What the stack is responsible for.")
            },
            BlockSchema {
                attributes: MATCHER,
                ..block(
                    "ignore",
                    &["label"],
                    "Access that others run; hidden from drift and removal.",
                )
            },
            BlockSchema {
                attributes: MATCHER,
                ..block("protect", &["label"], "Access that no plan may remove.")
            },
        ],
        ..block("rolecall", &[], "Settings of the stack.")
    },
    BlockSchema {
        of: Some("local"),
        attributes: &[attr(
            "path",
            Ty::String,
            Optional,
            "Where the state is kept; `.rolecall` unless given.",
        )],
        ..block(
            "state",
            &[],
            "State in a directory next to the stack. This is the default.",
        )
    },
    BlockSchema {
        of: Some("postgres"),
        attributes: &[
            attr(
                "url",
                Ty::String,
                Required,
                "The connection URL, without a password.",
            ),
            attr(
                "schema",
                Ty::String,
                Optional,
                "The schema; `rolecall` unless given.",
            ),
        ],
        ..block("state", &[], "State in a PostgreSQL database, shared by a team.")
    },
    BlockSchema {
        of: Some("s3"),
        attributes: &[
            attr("bucket", Ty::String, Required, "The bucket."),
            attr("key", Ty::String, Required, "The prefix of the objects in it."),
            attr("region", Ty::String, Optional, "The bucket's Region."),
            attr(
                "endpoint_url",
                Ty::String,
                Optional,
                "Another endpoint than AWS's.",
            ),
        ],
        ..block("state", &[], "State in an S3 bucket, shared by a team.")
    },
    BlockSchema {
        of: Some("simulator"),
        attributes: &[
            attr(
                "seed",
                Ty::Number,
                Optional,
                "Where the simulated ids come from; fixed unless given.",
            ),
            attr(
                "strict",
                Ty::Bool,
                Optional,
                "Accounts with an id and look-ups are not taken to exist.",
            ),
            attr("region", Ty::String, Optional, "The simulated instance's Region."),
            attr(
                "world",
                Ty::String,
                Optional,
                "The file that holds the simulated world.",
            ),
        ],
        ..block(
            "provider",
            &[],
            "The embedded simulator of IAM Identity Center. This is the default.",
        )
    },
    BlockSchema {
        of: Some("aws"),
        attributes: &[
            attr(
                "region",
                Ty::String,
                Optional,
                "The Region of the Identity Center instance.",
            ),
            attr(
                "profile",
                Ty::String,
                Optional,
                "A profile of the AWS configuration files.",
            ),
            attr(
                "endpoint_url",
                Ty::String,
                Optional,
                "Another endpoint than AWS's.",
            ),
            attr(
                "rate",
                Ty::Number,
                Optional,
                "Calls a second; half the service's quota unless given.",
            ),
        ],
        ..block("provider", &[], "IAM Identity Center itself.")
    },
    BlockSchema {
        attributes: &[
            attr(
                "type",
                Ty::Type,
                Optional,
                "What values it takes; any unless given.",
            ),
            attr(
                "default",
                Ty::Any,
                Optional,
                "The value when none is given; without it, one must be.",
            ),
            attr("description", Ty::String, Optional, "What it is for."),
            attr("sensitive", Ty::Bool, Optional, "Never shown."),
            attr(
                "nullable",
                Ty::Bool,
                Optional,
                "Whether null can be given; true unless said otherwise.",
            ),
        ],
        blocks: &[BlockSchema {
            attributes: &[
                attr("condition", Ty::Any, Required, "True for good values."),
                attr("error_message", Ty::Any, Required, "What is said about bad ones."),
            ],
            ..block("validation", &[], "A rule for the value.")
        }],
        ..block("variable", &["name"], "A value given from outside.")
    },
    BlockSchema {
        open: true,
        ..block("locals", &[], "Names for expressions.")
    },
    BlockSchema {
        attributes: &[
            attr("value", Ty::Any, Required, "The value."),
            attr("description", Ty::String, Optional, "What it is for."),
            attr("sensitive", Ty::Bool, Optional, "Not shown."),
        ],
        ..block(
            "output",
            &["name"],
            "A value for others: the caller of a module, or `rolecall output`.",
        )
    },
    BlockSchema {
        instances: true,
        open: true,
        attributes: &[attr(
            "source",
            Ty::String,
            Required,
            "The module's directory, like `./modules/team`.",
        )],
        ..block(
            "module",
            &["name"],
            "Blocks from another directory; other attributes are values of its variables.",
        )
    },
    ORGANIZATIONAL_UNIT,
    ACCOUNT,
    USER,
    GROUP,
    PERMISSION_SET,
    ASSIGNMENT,
    DATA_ACCOUNT,
    DATA_USER,
    DATA_GROUP,
    DATA_PERMISSION_SET,
    DATA_ORGANIZATION,
    BlockSchema {
        attributes: &[
            attr("from", Ty::Address, Required, "The address in the state."),
            attr("to", Ty::Address, Required, "The address now."),
        ],
        ..block(
            "moved",
            &[],
            "A block has a new address; it is still the same thing.",
        )
    },
    BlockSchema {
        attributes: &[
            attr(
                "severity",
                Ty::String,
                Optional,
                "`error` (the default) refuses the plan, `warning` only says so.",
            ),
            attr(
                "except",
                Ty::Entities(PRINCIPALS),
                Optional,
                "Groups and users it does not apply to.",
            ),
            attr(
                "description",
                Ty::String,
                Optional,
                "Why it is there; shown with what breaks it.",
            ),
        ],
        blocks: &[
            BlockSchema {
                attributes: SELECTOR,
                ..block("deny", &[], "Access that nobody may have.")
            },
            BlockSchema {
                attributes: LIMIT,
                ..block("limit", &[], "How many people may have some access.")
            },
            BlockSchema {
                attributes: REQUIRE,
                ..block("require", &[], "What every grant of some kind must have.")
            },
        ],
        ..block("guardrail", &["description"], "A rule over who has what access.")
    },
];

const ID: &str = "The id the service gives it; known after it exists.";
const MANAGE: AttributeSchema = attr(
    "manage",
    Ty::Bool,
    Optional,
    "Write its name, unit and tags; otherwise it is only referred to.",
);
const CREATE: AttributeSchema = attr(
    "create",
    Ty::Bool,
    Optional,
    "Create it if it does not exist; implies `manage`.",
);

const ORGANIZATIONAL_UNIT: BlockSchema = BlockSchema {
    instances: true,
    attributes: &[
        attr(
            "name",
            Ty::String,
            Optional,
            "Its name, 1 to 128 characters; the label unless given.",
        ),
        attr(
            "parent",
            Ty::Entity(Kind::OrganizationalUnit),
            Optional,
            "The unit above; `organizational_unit.root` unless given.",
        ),
        MANAGE,
        CREATE,
        attr(
            "path",
            Ty::String,
            Computed,
            "The names from the root down, like `Workloads/Prod`.",
        ),
        attr(
            "accounts",
            Ty::Entities(ACCOUNTS),
            Computed,
            "The declared accounts in it and in the units below.",
        ),
        attr(
            "direct_accounts",
            Ty::Entities(ACCOUNTS),
            Computed,
            "The declared accounts directly in it.",
        ),
        attr("id", Ty::Text, Computed, ID),
        attr("arn", Ty::Text, Computed, "Its ARN; known after it exists."),
    ],
    ..block(
        "organizational_unit",
        &["label"],
        "An organizational unit. `organizational_unit.root` is built in.",
    )
};

const ACCOUNT: BlockSchema = BlockSchema {
    instances: true,
    attributes: &[
        attr(
            "id",
            Ty::String,
            Optional,
            "The account's id: 12 digits, in quotes. Either this or `email` is needed.",
        ),
        attr(
            "name",
            Ty::String,
            Optional,
            "What people call it; the label unless given.",
        ),
        attr("email", Ty::String, Optional, "The root user's e-mail address."),
        attr(
            "ou",
            Ty::Entity(Kind::OrganizationalUnit),
            Optional,
            "The unit it is in.",
        ),
        attr("tags", Ty::Tags, Optional, "Its tags."),
        MANAGE,
        CREATE,
    ],
    ..block(
        "account",
        &["label"],
        "An AWS account. It is referred to, written with `manage = true`, created with `create = true`, never closed.",
    )
};

const USER: BlockSchema = BlockSchema {
    instances: true,
    attributes: &[
        attr(
            "user_name",
            Ty::String,
            Optional,
            "The name to sign in with, 1 to 128 characters without spaces; the label unless given.",
        ),
        attr("given_name", Ty::String, Required, "First name."),
        attr("family_name", Ty::String, Required, "Last name."),
        attr(
            "display_name",
            Ty::String,
            Optional,
            "How the portal calls the person; both names unless given.",
        ),
        attr("email", Ty::String, Optional, "The e-mail address."),
        attr("id", Ty::Text, Computed, ID),
        attr("user_id", Ty::Text, Computed, "The same as `id`."),
    ],
    ..block("user", &["label"], "A user of the identity store.")
};

const GROUP: BlockSchema = BlockSchema {
    instances: true,
    attributes: &[
        attr(
            "display_name",
            Ty::String,
            Optional,
            "Its name, 1 to 1024 characters; the label unless given.",
        ),
        attr(
            "description",
            Ty::String,
            Optional,
            "Free text, 1 to 1024 characters.",
        ),
        attr(
            "members",
            Ty::Entities(&[Kind::User]),
            Optional,
            "Who is in it; without it, membership is left alone.",
        ),
        attr("id", Ty::Text, Computed, ID),
        attr("group_id", Ty::Text, Computed, "The same as `id`."),
    ],
    ..block("group", &["label"], "A group of the identity store.")
};

const PERMISSION_SET: BlockSchema = BlockSchema {
    instances: true,
    attributes: &[
        attr(
            "name",
            Ty::String,
            Optional,
            "Its name, 1 to 32 of letters, digits and `_+=,.@-`; the label unless given.",
        ),
        attr(
            "description",
            Ty::Text,
            Optional,
            "Free text, 1 to 700 Latin-1 characters.",
        ),
        attr(
            "session_duration",
            Ty::String,
            Optional,
            "How long a session lasts, `PT1H` (the default) to `PT12H`.",
        ),
        attr(
            "relay_state",
            Ty::Text,
            Optional,
            "Where the console opens, 1 to 240 characters.",
        ),
        attr(
            "managed_policies",
            Ty::Strings,
            Optional,
            "ARNs of AWS-managed policies.",
        ),
        attr(
            "customer_managed_policies",
            Ty::CustomerPolicies,
            Optional,
            "Policies that exist in every account it is used in.",
        ),
        attr(
            "inline_policy",
            Ty::Text,
            Optional,
            "A policy document as JSON; `policy` blocks are another way to write it.",
        ),
        attr(
            "permissions_boundary",
            Ty::Boundary,
            Optional,
            "The most it can give, whatever its policies say.",
        ),
        attr(
            "tags",
            Ty::Tags,
            Optional,
            "Its tags; the service does not copy them to the roles.",
        ),
        attr(
            "keep_old_until",
            Ty::String,
            Optional,
            "After a rename, the old set stays until this date or time.",
        ),
        attr("arn", Ty::Text, Computed, "Its ARN; known after it exists."),
        attr("id", Ty::Text, Computed, "The same as `arn`."),
    ],
    blocks: &[BlockSchema {
        repeats: false,
        blocks: &[STATEMENT],
        ..block("policy", &[], "The inline policy, as statements.")
    }],
    ..block(
        "permission_set",
        &["label"],
        "What a person may do: provisioned as a role in every account it is assigned in.",
    )
};

const ASSIGNMENT: BlockSchema = BlockSchema {
    instances: true,
    attributes: &[
        attr("principals", Ty::Entities(PRINCIPALS), Required, "Who."),
        attr(
            "permission_sets",
            Ty::Entities(SETS),
            Required,
            "With which sets.",
        ),
        attr("accounts", Ty::Entities(ACCOUNTS), Required, "Where."),
        attr(
            "expires",
            Ty::String,
            Optional,
            "Planned away from then on: a date (00:00 UTC at its start) or a time.",
        ),
        attr(
            "reason",
            Ty::String,
            Optional,
            "Why; shown in plans, reports and the history.",
        ),
        attr(
            "allow_empty",
            Ty::Bool,
            Optional,
            "Selecting nothing, after having selected something, is meant.",
        ),
    ],
    ..block(
        "assignment",
        &["label"],
        "Access: every principal gets every set in every account.",
    )
};

const EXTERNAL_ID: AttributeSchema = attr(
    "external_id",
    Ty::String,
    Optional,
    "The directory's id, which what is found must carry.",
);

const fn data(of: &'static str, doc: &'static str) -> BlockSchema {
    BlockSchema {
        of: Some(of),
        instances: true,
        ..block("data", &["label"], doc)
    }
}

const DATA_ACCOUNT: BlockSchema = BlockSchema {
    attributes: &[
        attr(
            "id",
            Ty::String,
            Optional,
            "The account's id. One of `id`, `name` and `email` is needed.",
        ),
        attr("name", Ty::String, Optional, "The account's name."),
        attr("email", Ty::String, Optional, "The root user's e-mail address."),
        attr(
            "ou",
            Ty::Entity(Kind::OrganizationalUnit),
            Computed,
            "The unit it is in.",
        ),
        attr("tags", Ty::Tags, Computed, "Its tags."),
    ],
    ..data("account", "Looks an account up.")
};

const DATA_USER: BlockSchema = BlockSchema {
    attributes: &[
        attr(
            "user_name",
            Ty::String,
            Optional,
            "The name to sign in with; the label unless given.",
        ),
        EXTERNAL_ID,
        attr(
            "display_name",
            Ty::String,
            Computed,
            "How the portal calls the person.",
        ),
        attr("given_name", Ty::String, Computed, "First name."),
        attr("family_name", Ty::String, Computed, "Last name."),
        attr("email", Ty::String, Computed, "The e-mail address."),
        attr("id", Ty::Text, Computed, ID),
        attr("user_id", Ty::Text, Computed, "The same as `id`."),
    ],
    ..data(
        "user",
        "Looks a user up that lives in a directory; never written.",
    )
};

const DATA_GROUP: BlockSchema = BlockSchema {
    attributes: &[
        attr(
            "display_name",
            Ty::String,
            Optional,
            "Its name; the label unless given.",
        ),
        EXTERNAL_ID,
        attr("description", Ty::String, Computed, "Free text."),
        attr("id", Ty::Text, Computed, ID),
        attr("group_id", Ty::Text, Computed, "The same as `id`."),
    ],
    ..data(
        "group",
        "Looks a group up that lives in a directory; never written.",
    )
};

const DATA_PERMISSION_SET: BlockSchema = BlockSchema {
    attributes: &[
        attr("name", Ty::String, Optional, "Its name; the label unless given."),
        attr("description", Ty::String, Computed, "Free text."),
        attr(
            "session_duration",
            Ty::String,
            Computed,
            "How long a session lasts.",
        ),
        attr("arn", Ty::Text, Computed, "Its ARN."),
        attr("id", Ty::Text, Computed, "The same as `arn`."),
    ],
    ..data(
        "permission_set",
        "Looks a permission set up that someone else manages.",
    )
};

const DATA_ORGANIZATION: BlockSchema = BlockSchema {
    attributes: &[
        attr(
            "accounts",
            Ty::Entities(ACCOUNTS),
            Computed,
            "All accounts of the organization.",
        ),
        attr(
            "ou",
            Ty::Any,
            Computed,
            "The units by path; each has `accounts` and `direct_accounts`.",
        ),
    ],
    instances: false,
    ..data("organization", "The organization as it is, not as declared.")
};

/// The schema of a top-level block, by its type and first label.
pub fn find(kind: &str, first_label: Option<&str>) -> Option<&'static BlockSchema> {
    BLOCKS
        .iter()
        .find(|block| block.kind == kind && (block.of.is_none() || block.of == first_label))
}

/// The schema of an entity block.
pub fn entity(kind: Kind, data: bool) -> Option<&'static BlockSchema> {
    if data {
        find("data", Some(kind.name()))
    } else {
        find(kind.name(), None)
    }
}

impl BlockSchema {
    /// The attribute with a name, and its index.
    pub fn attribute(&self, name: &str) -> Option<(usize, &'static AttributeSchema)> {
        self.attributes
            .iter()
            .enumerate()
            .find(|(_, attribute)| attribute.name == name)
    }

    /// The nested block with a name.
    pub fn block(&self, kind: &str) -> Option<&'static BlockSchema> {
        self.blocks.iter().find(|block| block.kind == kind)
    }

    /// `data "group" "label"`, as written, with placeholders for labels.
    pub fn heading(&self) -> String {
        let mut heading = self.kind.to_owned();
        for label in self.of.iter().chain(self.labels) {
            let _ = write!(heading, " \"{label}\"");
        }
        heading
    }
}

/// The reference of every block and attribute, as Markdown.
pub fn reference() -> String {
    let mut out = String::new();
    for block in BLOCKS {
        let _ = writeln!(out, "### `{}`\n\n{}\n", block.heading(), block.doc);
        if block.instances {
            out.push_str("Takes `for_each` and `count`.\n\n");
        }
        reference_of(block, "", &mut out);
        while out.ends_with("\n\n") {
            out.pop();
        }
        out.push('\n');
    }
    out.pop();
    out
}

fn reference_of(block: &BlockSchema, prefix: &str, out: &mut String) {
    if !block.attributes.is_empty() {
        out.push_str("| name | type | | meaning |\n|---|---|---|---|\n");
        for attribute in block.attributes {
            let need = match attribute.need {
                Required => "required",
                Optional => "",
                Computed => "read only",
            };
            let doc = attribute.doc.replace('|', "\\|");
            let _ = writeln!(
                out,
                "| `{prefix}{}` | {} | {need} | {doc} |",
                attribute.name,
                attribute.ty.shown()
            );
        }
        out.push('\n');
    }
    for nested in block.blocks {
        let _ = writeln!(out, "`{prefix}{} {{ … }}`: {}\n", nested.heading(), nested.doc);
        reference_of(nested, &format!("{prefix}{}.", nested.kind), out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(blocks: &'static [BlockSchema], visit: &mut dyn FnMut(&'static BlockSchema)) {
        for block in blocks {
            visit(block);
            walk(block.blocks, visit);
        }
    }

    #[test]
    fn names_are_unique_and_everything_is_documented() {
        walk(BLOCKS, &mut |block| {
            assert!(block.doc.ends_with('.'), "{}", block.heading());
            let mut names: Vec<&str> = block.attributes.iter().map(|attribute| attribute.name).collect();
            assert!(
                block
                    .attributes
                    .iter()
                    .all(|attribute| attribute.doc.ends_with('.')),
                "{}",
                block.heading()
            );
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), block.attributes.len(), "{}", block.heading());
        });
    }

    #[test]
    fn every_entity_kind_has_a_schema() {
        for kind in Kind::ALL {
            assert!(entity(kind, false).is_some_and(|schema| schema.instances));
        }
        assert!(entity(Kind::Group, true).is_some());
        assert!(entity(Kind::Assignment, true).is_none());
    }

    #[test]
    fn the_reference_names_every_attribute() {
        let text = reference();
        walk(BLOCKS, &mut |block| {
            for attribute in block.attributes {
                assert!(
                    text.contains(&format!("{}` |", attribute.name)),
                    "{}",
                    attribute.name
                );
            }
        });
        assert!(text.contains("### `data \"group\" \"label\"`"));
    }
}
