//! Blocks that judge plans: guardrails, and what was agreed on beforehand.

use crate::address::Kind;
use crate::config::schema::Need::{Optional, Required};
use crate::config::schema::{ACCOUNTS, AttributeSchema, BlockSchema, PRINCIPALS, SETS, Ty, attr, block};

const UNITS: &[Kind] = &[Kind::OrganizationalUnit];

const WHO: AttributeSchema = attr(
    "principals",
    Ty::Entities(PRINCIPALS),
    Optional,
    "Who; none given: anyone.",
);

const WITH: AttributeSchema = attr(
    "permission_sets",
    Ty::Entities(SETS),
    Optional,
    "With which sets; none given: any.",
);

const WHERE: AttributeSchema = attr(
    "accounts",
    Ty::Entities(ACCOUNTS),
    Optional,
    "Where; none given: anywhere.",
);

const DENY: &[AttributeSchema] = &[
    WHO,
    WITH,
    WHERE,
    attr(
        "on_unknown",
        Ty::String,
        Optional,
        "What becomes of a plan that newly gives such access where nobody can tell to whom, because members cannot be read or a principal that is named here is not found: `refuse` (the default) or `warn`.",
    ),
];

const LIMIT: &[AttributeSchema] = &[
    WHO,
    WITH,
    WHERE,
    attr(
        "max_people",
        Ty::Number,
        Optional,
        "The most people that may have such access.",
    ),
    attr(
        "max_accounts",
        Ty::Number,
        Optional,
        "The most accounts in which one person may have such access.",
    ),
    attr(
        "max_session",
        Ty::String,
        Optional,
        "The longest session of a permission set that gives such access, like `PT2H` or `2h`.",
    ),
    attr(
        "on_unknown",
        Ty::String,
        Optional,
        "What becomes of a plan that newly gives such access where it cannot be counted, because members cannot be read or a principal that is named here is not found: `refuse` (the default) or `warn`.",
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
        "They must expire within this time, like `P90D` or `90d`.",
    ),
    attr("reason", Ty::Bool, Optional, "They must give a reason."),
    attr(
        "groups_only",
        Ty::Bool,
        Optional,
        "They must be granted to groups, not to users.",
    ),
    attr(
        "boundary",
        Ty::Bool,
        Optional,
        "The permission set must have a permissions boundary.",
    ),
    attr(
        "permission_set_tags",
        Ty::Strings,
        Optional,
        "The permission set must have tags with these keys.",
    ),
    attr(
        "account_tags",
        Ty::Strings,
        Optional,
        "The account must have tags with these keys.",
    ),
];

const EXCEPT: &[AttributeSchema] = &[
    WHO,
    WITH,
    WHERE,
    attr("reason", Ty::String, Required, "Why it is left out."),
    attr(
        "expires",
        Ty::String,
        Optional,
        "From this date (00:00 UTC) or time on it is left out no more.",
    ),
];

pub(super) const GUARDRAIL: BlockSchema = BlockSchema {
    attributes: &[
        attr(
            "severity",
            Ty::String,
            Optional,
            "`error` (the default) refuses the plan, `warning` only says so.",
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
            attributes: DENY,
            ..block(
                "deny",
                &[],
                "Access that nobody may have, at no step of the plan.",
            )
        },
        BlockSchema {
            attributes: LIMIT,
            ..block(
                "limit",
                &[],
                "How much of some access there may be, once the plan is carried out.",
            )
        },
        BlockSchema {
            attributes: REQUIRE,
            ..block(
                "require",
                &[],
                "What every declared grant of some kind must have.",
            )
        },
        BlockSchema {
            attributes: EXCEPT,
            ..block("except", &[], "What the guardrail does not apply to, and why.")
        },
    ],
    ..block(
        "guardrail",
        &["description"],
        "A rule over who has what access, judged over people once groups are expanded. What a plan would newly break \
         refuses it; what is broken already and gets no worse is a warning, and a plan that only takes access away is \
         never refused.",
    )
};

pub(super) const STANDING_APPROVAL: BlockSchema = BlockSchema {
    attributes: &[
        attr("reason", Ty::String, Required, "Why it was agreed on."),
        attr(
            "causes",
            Ty::Strings,
            Optional,
            "What may have made a grant necessary: `account_joined` (a block selects another account than before; the default), `principal_joined` (it names another principal) or `declared` (a block is new or changed).",
        ),
        attr(
            "permission_sets",
            Ty::Entities(SETS),
            Required,
            "Grants of which sets.",
        ),
        attr(
            "principals",
            Ty::Entities(PRINCIPALS),
            Optional,
            "To whom; none given: to anyone.",
        ),
        attr(
            "accounts",
            Ty::Entities(ACCOUNTS),
            Optional,
            "Where; none given: anywhere.",
        ),
        attr(
            "organizational_units",
            Ty::Entities(UNITS),
            Optional,
            "Only in accounts that the service shows in or below these units; accounts that join them later are meant too.",
        ),
        attr(
            "expires",
            Ty::String,
            Optional,
            "From this date (00:00 UTC) or time on it holds no more.",
        ),
    ],
    ..block(
        "standing_approval",
        &["description"],
        "Grants that were agreed on beforehand: `apply --standing` makes them alone and asks nobody. Those of the last \
         apply count, so that no change approves itself.",
    )
};
