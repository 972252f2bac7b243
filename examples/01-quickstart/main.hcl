# One account, one group, one permission set, and who may use it where.

account "sandbox" {
  id = "111122223333"
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

permission_set "view" {
  description      = "Look, do not touch"
  managed_policies = ["arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"]
}

assignment "developers_view" {
  principals      = [group.developers]
  permission_sets = [permission_set.view]
  accounts        = [account.sandbox]
  reason          = "everyone may look"
}
