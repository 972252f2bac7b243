//! What commands say at the end of their help, and at its beginning where that is long.

/// `import`
pub const IMPORT: &str = "\
Examples:
  rolecall -C aws import --out access
      what the service holds that the `provider` block in aws/ names, as a stack in access/
  rolecall -C aws import --out access --infer
      the same, with accounts selected by unit and tag where that means the same today

Only reads the service. The `scope` and `ignore` blocks of the stack of -C say what is left out; what could not be read \
is listed, in stack.hcl too. `rolecall policy --for plan` prints what the caller must be allowed.";

/// `policy`
pub const POLICY: &str = "\
Examples:
  rolecall policy --for plan > look.json
      for a role that can look and cannot write
  rolecall policy --for apply > change.json
      for the one that applies; take out the statements of what this stack does not manage

Nothing is asked of AWS, and no stack is needed.";

/// What `sim serve` is.
pub const SERVE_ABOUT: &str = "\
Serve the simulated service to AWS clients, in AWS's own protocols

IAM Identity Center (sso-admin), the identity store, Organizations, and the parts of IAM and STS that show the roles in \
the accounts. The first line on standard output is the address; point AWS_ENDPOINT_URL at it.

Signatures are not verified. The access key id says who calls: twelve digits are that account, keys that sts AssumeRole \
gave out the role's account, all others the management account. The Region it is signed for must be the instance's own.

Examples:
  rolecall sim serve --world acme-world --clock fast
      a world of its own, kept in acme-world, in which nobody waits
  rolecall sim serve --deny sso:ListAccountAssignments
      what a caller sees who lacks a permission
  rolecall sim serve --fault throttle,p=0.2 --seed 7
      every fifth call is throttled, the same ones each time";
