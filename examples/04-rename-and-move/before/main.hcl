rolecall {
  name = "rename-and-move"
}

account "payments" {
  id = "111100000001"
}

account "search" {
  id = "111100000002"
}

user "ada" {
  user_name   = "ada@example.com"
  given_name  = "Ada"
  family_name = "Lovelace"
}

group "ops" {
  display_name = "Operations"
  members      = [user.ada]
}

permission_set "admins" {
  description      = "Everything"
  managed_policies = ["arn:aws:iam::aws:policy/AdministratorAccess"]
}

permission_set "view" {
  managed_policies = ["arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"]
}

assignment "operations" {
  principals      = [group.ops]
  permission_sets = [permission_set.admins, permission_set.view]
  accounts        = [account.payments, account.search]
}
