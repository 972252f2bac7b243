//! Blocks of the stack itself: settings, names, modules and moves.

use crate::config::schema::Need::{Optional, Required};
use crate::config::schema::{
    ACCOUNTS, AttributeSchema, BlockSchema, PRINCIPALS, SETS, Ty, UNITS, attr, block,
};

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

const PRODUCTION: &[AttributeSchema] = &[
    attr(
        "accounts",
        Ty::Patterns(ACCOUNTS),
        Optional,
        "Account ids and names.",
    ),
    attr(
        "organizational_units",
        Ty::Patterns(UNITS),
        Optional,
        "Paths like `Workloads/Prod`, where a `/` in a name is written `%2F`; with all that lies below them.",
    ),
    attr(
        "tags",
        Ty::Tags,
        Optional,
        "Accounts that carry one of these tags; a value may be a glob.",
    ),
];

const LINT: &[AttributeSchema] = &[
    attr(
        "policies",
        Ty::Bool,
        Optional,
        "`false`: no permission set is looked at for what its policies may not mean.",
    ),
    attr(
        "known_actions",
        Ty::Strings,
        Optional,
        "Actions that are there though the list of actions does not have them; `*` and `?` as in policies.",
    ),
    attr(
        "known_policies",
        Ty::Strings,
        Optional,
        "ARNs of AWS-managed policies that are there though the list of policies does not have them; `*` and `?` as in \
         policies.",
    ),
    attr(
        "ignore_statements",
        Ty::Strings,
        Optional,
        "Statements that are left alone, by `Sid`; `*` and `?` as in policies.",
    ),
];

const POLICY: &[AttributeSchema] = &[attr(
    "rego",
    Ty::String,
    Required,
    "A directory of `.rego` files, and of JSON and YAML files that become `data`, or one `.rego` file.",
)];

const RISK: &[AttributeSchema] = &[
    attr(
        "permission_sets",
        Ty::Patterns(SETS),
        Optional,
        "Sets that are a risk whatever they attach, for policies that cannot be read here.",
    ),
    attr(
        "wide_accounts",
        Ty::Number,
        Optional,
        "Access to so many accounts at once is marked as wide; 20 unless given.",
    ),
    attr(
        "stop_for",
        Ty::String,
        Optional,
        "Who stops an approved plan by newly gaining access through a group: `risk_marked` (the default: whoever gains \
         a set that is marked as a risk), `anyone` or `nobody`.",
    ),
];

pub(super) const ROLECALL: BlockSchema = BlockSchema {
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
        BlockSchema {
            repeats: false,
            attributes: PRODUCTION,
            ..block(
                "production",
                &[],
                "Which accounts are production: whoever gains access there is marked. One match is enough.",
            )
        },
        BlockSchema {
            repeats: false,
            attributes: LINT,
            ..block(
                "lint",
                &[],
                "What is not warned about in policies of permission sets.",
            )
        },
        BlockSchema {
            repeats: false,
            attributes: POLICY,
            ..block(
                "policy",
                &[],
                "Rules over plans in Rego, as Open Policy Agent reads it: `deny` and `violation` refuse a plan, `warn` \
                 warns.",
            )
        },
        BlockSchema {
            repeats: false,
            attributes: RISK,
            ..block(
                "risk",
                &[],
                "What else is marked as a risk, and what follows from it.",
            )
        },
    ],
    ..block("rolecall", &[], "Settings of the stack.")
};

pub(super) const STATE_LOCAL: BlockSchema = BlockSchema {
    of: Some("local"),
    attributes: &[attr(
        "path",
        Ty::String,
        Optional,
        "Where the state is kept; `.rolecall` unless given. No configuration reads files there.",
    )],
    ..block(
        "state",
        &[],
        "State in a directory next to the stack. This is the default.",
    )
};

pub(super) const STATE_POSTGRES: BlockSchema = BlockSchema {
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
};

pub(super) const STATE_S3: BlockSchema = BlockSchema {
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
};

pub(super) const PROVIDER_SIMULATOR: BlockSchema = BlockSchema {
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
            "Accounts with an id, units that are referred to and look-ups are not taken to exist. Otherwise they are, from the start; what was deleted or renamed since is not made again. AWS-managed policies that are not in the list of them that warnings of policies go by do not exist.",
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
};

pub(super) const PROVIDER_AWS: BlockSchema = BlockSchema {
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
            "A profile of the AWS configuration files; it comes before keys in the environment.",
        ),
        attr(
            "role_arn",
            Ty::String,
            Optional,
            "A role to assume with the credentials that are found.",
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
        attr(
            "read_by",
            Ty::String,
            Optional,
            "How assignments are read: `pairs` (account and set), `principals` (misses those of deleted users and groups), or the cheaper of the two, unless given.",
        ),
    ],
    ..block("provider", &[], "IAM Identity Center itself.")
};

pub(super) const VARIABLE: BlockSchema = BlockSchema {
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
};

pub(super) const LOCALS: BlockSchema = BlockSchema {
    open: true,
    ..block("locals", &[], "Names for expressions.")
};

pub(super) const OUTPUT: BlockSchema = BlockSchema {
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
};

pub(super) const MODULE: BlockSchema = BlockSchema {
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
};

pub(super) const MOVED: BlockSchema = BlockSchema {
    attributes: &[
        attr("from", Ty::Address, Required, "The address in the state."),
        attr("to", Ty::Address, Required, "The address now."),
    ],
    ..block(
        "moved",
        &[],
        "A block has a new address; it is still the same thing.",
    )
};
