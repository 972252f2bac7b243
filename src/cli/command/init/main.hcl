# A stack: every *.hcl file in this directory, read in no particular order.
#
#   rolecall validate   everything that is wrong with it
#   rolecall plan       what would change, in people
#   rolecall apply      shows the plan, asks, and does it
#
# It runs against an embedded simulator of the service until you say otherwise:
#
#   provider "aws" { region = "eu-west-1" }

rolecall {
  # What to do about access that no block here declares: "report", "remove" or "ignore".
  unmanaged = "report"

  # A plan that removes more assignments than this is refused without --max-removals.
  max_removals = 20
}

# Accounts are referred to, not created.
account "sandbox" {
  id   = "111122223333"
  name = "sandbox"
}

user "ada" {
  user_name   = "ada@example.com"
  given_name  = "Ada"
  family_name = "Lovelace"
}

group "developers" {
  display_name = "Developers"
  members      = [user.ada]
}

# A group that your directory synchronises is looked up instead:
#
#   data "group" "auditors" {
#     display_name = "Auditors"
#   }

permission_set "view" {
  description      = "Look, do not touch"
  session_duration = "PT4H"
  managed_policies = ["arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"]
}

# Who may use which permission set in which accounts.
assignment "developers_view" {
  principals      = [group.developers]
  permission_sets = [permission_set.view]
  accounts        = [account.sandbox]
  reason          = "everyone may look"
}
