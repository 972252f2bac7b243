//! Every code a finding about configuration can have, with what it means: the catalogue for readers.
//!
//! The constants themselves stand next to their use; a test holds this table against them.

/// Codes and their meanings, by name.
pub const CODES: &[(&str, &str)] = &[
    (
        "account-without-id",
        "an account that gives neither its id nor its e-mail address",
    ),
    ("ambiguous-name", "a look-up by name that finds several accounts"),
    ("arithmetic", "a number that does not exist, like 0 / 0"),
    ("attribute-outside-block", "an attribute outside of any block"),
    ("bad-count", "a `count` that is not a whole number from 0 up"),
    (
        "bad-for-each",
        "a `for_each` that is neither a map nor a set of strings",
    ),
    (
        "bad-guardrail",
        "a guardrail that says nothing, or something that does not exist",
    ),
    ("bad-label", "a label that could not be referred to"),
    (
        "bad-module-source",
        "a module's source that is not a local path written out",
    ),
    (
        "bad-move",
        "a `moved` block that does not name two blocks of one kind, or two modules",
    ),
    ("bad-setting", "a setting with a value that does not exist"),
    (
        "bad-standing-approval",
        "a standing approval for something that does not exist",
    ),
    ("bad-statement", "a policy statement that contradicts itself"),
    (
        "bad-time",
        "text that is neither a date nor a time with its offset",
    ),
    ("bad-type", "a type that does not exist or is not written as one"),
    (
        "bad-variable-value",
        "a variable's value that does not fit its type",
    ),
    (
        "block-in-variables",
        "a block in a file that gives variables values",
    ),
    (
        "boundary-allows-nothing",
        "a permissions boundary within which nothing is allowed",
    ),
    (
        "condition-type",
        "a condition of a policy that compares what cannot be compared",
    ),
    ("cycle", "a value that needs itself, perhaps by way of others"),
    ("duplicate-attribute", "one attribute twice in one block"),
    ("duplicate-block", "two blocks of one kind with one label"),
    ("duplicate-email", "one e-mail address for two accounts or users"),
    ("duplicate-entity", "two blocks for one thing of the service"),
    ("duplicate-key", "one key twice in a `for`"),
    ("empty-permission-set", "a permission set without any policy"),
    ("function-call", "a call that the function refuses"),
    ("incomplete-arn", "a resource of a policy that is no whole ARN"),
    (
        "inconsistent-conditional",
        "arms of a conditional that have nothing in common",
    ),
    ("invalid-account-id", "text that is not an account's id"),
    (
        "invalid-account-name",
        "an account name that Organizations does not take",
    ),
    (
        "invalid-customer-policy",
        "a reference to a customer-managed policy that the service does not take",
    ),
    (
        "invalid-description",
        "a description that the service does not take",
    ),
    ("invalid-email", "text that is not an account's e-mail address"),
    (
        "invalid-field",
        "a field of a user or group that the service does not take",
    ),
    (
        "invalid-index",
        "an index that is out of range, or no index at all",
    ),
    (
        "invalid-managed-policy",
        "text that is not the ARN of an AWS-managed policy",
    ),
    ("invalid-name", "a name that the service does not take"),
    ("invalid-policy", "an inline policy that IAM would refuse"),
    (
        "invalid-relay-state",
        "a relay state that the service does not take",
    ),
    (
        "invalid-session-duration",
        "a session duration that the service does not take",
    ),
    ("invalid-tag", "a tag that the service does not take"),
    (
        "invalid-variable",
        "a variable's value that its validation refuses",
    ),
    (
        "missing-attribute",
        "an attribute that must be written and is not",
    ),
    ("missing-variable", "a variable that needs a value and has none"),
    ("module-cycle", "a module that would contain itself"),
    (
        "moved-nowhere",
        "a `moved` block that leads to an address under which nothing is declared",
    ),
    ("name-needed", "instances of a block that would all have one name"),
    ("no-configuration", "a directory without any `*.hcl` file"),
    ("no-thread", "a machine that is too busy to evaluate"),
    ("not-found", "a look-up by name that finds nothing"),
    ("null-value", "null where a value is needed"),
    (
        "policy-too-large",
        "an inline policy that is larger than the service takes",
    ),
    ("quota-exceeded", "more of a kind than an instance holds"),
    ("read-only-attribute", "an attribute that is only read"),
    ("remove-needs-scope", "`unmanaged = \"remove\"` without a scope"),
    ("repeated-block", "a second block where there can be one"),
    ("repeated-policy", "one policy twice in a permission set"),
    (
        "root-module-only",
        "a block that only the stack's own directory may have",
    ),
    (
        "sensitive-attribute",
        "a sensitive value in what the service is told",
    ),
    ("sensitive-key", "a sensitive value that decides about instances"),
    (
        "sensitive-output",
        "a sensitive value in an output that does not say so",
    ),
    (
        "statement-without-effect",
        "a policy statement, or a part of one, that changes nothing",
    ),
    ("syntax-error", "text that is not HCL"),
    ("too-deep", "expressions or values nested too deeply"),
    (
        "too-large",
        "an evaluation that does or makes more than any configuration needs",
    ),
    (
        "too-many-names",
        "more names than the relation of grants can hold",
    ),
    (
        "too-many-policies",
        "more managed policies than a permission set or role takes",
    ),
    ("too-many-tags", "more tags than the service takes"),
    (
        "two-inline-policies",
        "two ways to write the inline policy at once",
    ),
    (
        "undeclared-variable",
        "a value for a variable that no block declares",
    ),
    (
        "unit-too-deep",
        "an organizational unit deeper than Organizations allows",
    ),
    (
        "unknown-action",
        "an action of a policy that is not in AWS's list",
    ),
    (
        "unknown-argument",
        "an argument for a variable that the module does not have",
    ),
    ("unknown-attribute", "an attribute that does not exist"),
    ("unknown-block", "a block that does not exist"),
    (
        "unknown-condition-key",
        "a condition key or policy variable of all services that AWS does not list",
    ),
    ("unknown-function", "a function that does not exist"),
    (
        "unknown-managed-policy",
        "an AWS-managed policy that is not in the list of them",
    ),
    ("unknown-name", "a name that nothing declares"),
    (
        "unknown-value",
        "a value known only after apply where a plan needs it",
    ),
    ("unquoted-account-id", "an account id without quotes"),
    ("unreadable-policy", "policy files in Rego that cannot be read"),
    ("unreadable-source", "a file or directory that cannot be read"),
    (
        "unsupported-version",
        "a stack that needs another version of rolecall",
    ),
    (
        "wide-statement",
        "a policy statement that allows nearly everything",
    ),
    ("wrong-entity", "something other than an entity of the right kind"),
    ("wrong-labels", "too few or too many labels"),
    (
        "wrong-meta-argument",
        "`for_each` or `count` where they have no meaning",
    ),
    ("wrong-type", "a value of the wrong type"),
];

/// The catalogue as Markdown.
pub fn reference() -> String {
    let rows = CODES
        .iter()
        .map(|(code, meaning)| format!("| `{code}` | {} |\n", meaning.replace('|', "\\|")));
    format!("| code | meaning |\n|---|---|\n{}", rows.collect::<String>())
}
