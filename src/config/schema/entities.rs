//! Blocks for things of the service: declared, looked up, and assignments.

use crate::address::Kind;
use crate::config::schema::Need::{Computed, Optional, Required};
use crate::config::schema::{ACCOUNTS, AttributeSchema, BlockSchema, PRINCIPALS, SETS, Ty, attr, block};

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

pub(super) const ORGANIZATIONAL_UNIT: BlockSchema = BlockSchema {
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
            "The names from the root down, like `Workloads/Prod`; a `/` in a name is written `%2F`.",
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

pub(super) const ACCOUNT: BlockSchema = BlockSchema {
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

pub(super) const USER: BlockSchema = BlockSchema {
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

pub(super) const GROUP: BlockSchema = BlockSchema {
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

pub(super) const PERMISSION_SET: BlockSchema = BlockSchema {
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
            "How long a session lasts, `PT1H` (the default) to `PT12H`, or for short `1h` to `12h`.",
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

pub(super) const ASSIGNMENT: BlockSchema = BlockSchema {
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
    "The directory's id, which what is found must carry. In the simulator, what is taken to exist carries it; without it, its own name.",
);

const fn data(of: &'static str, doc: &'static str) -> BlockSchema {
    BlockSchema {
        of: Some(of),
        instances: true,
        ..block("data", &["label"], doc)
    }
}

pub(super) const DATA_ACCOUNT: BlockSchema = BlockSchema {
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

pub(super) const DATA_USER: BlockSchema = BlockSchema {
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

pub(super) const DATA_GROUP: BlockSchema = BlockSchema {
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

pub(super) const DATA_PERMISSION_SET: BlockSchema = BlockSchema {
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

pub(super) const DATA_ORGANIZATION: BlockSchema = BlockSchema {
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
