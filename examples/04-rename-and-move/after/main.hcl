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

# Another label for the same group: its display name is what counts.
group "operations" {
  display_name = "Operations"
  members      = [user.ada]
}

# Another label and another name: the service cannot rename a permission set, so rolecall makes the new one, grants
# it, and only then takes the old one away.
permission_set "administrator" {
  name             = "Administrator"
  description      = "Everything"
  managed_policies = ["arn:aws:iam::aws:policy/AdministratorAccess"]
}

moved {
  from = permission_set.admins
  to   = permission_set.administrator
}

permission_set "view" {
  managed_policies = ["arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"]
}

assignment "operations_administrate" {
  principals      = [group.operations]
  permission_sets = [permission_set.administrator]
  accounts        = [account.payments, account.search]
}

assignment "operations_look" {
  principals      = [group.operations]
  permission_sets = [permission_set.view]
  accounts        = [account.payments, account.search]
}
