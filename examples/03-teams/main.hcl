locals {
  teams = {
    payments = { lead = "ada@example.com", members = ["ada@example.com", "alan@example.com"] }
    search   = { lead = "grace@example.com", members = ["grace@example.com", "barbara@example.com"] }
  }
}

user "person" {
  for_each = toset(flatten([for team in local.teams : team.members]))

  user_name   = each.key
  given_name  = title(split("@", each.key)[0])
  family_name = "Example"
}

account "payments_dev" {
  id = "111100000001"
}

account "payments_prod" {
  id = "111100000002"
}

account "search_dev" {
  id = "111100000003"
}

account "search_prod" {
  id = "111100000004"
}

permission_set "read_only" {
  name             = "ReadOnly"
  managed_policies = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
}

module "team" {
  source   = "./team"
  for_each = local.teams

  name      = each.key
  members   = [for name in each.value.members : user.person[name]]
  build_in  = [account["${each.key}_dev"]]
  read_only = permission_set.read_only
  read_in   = [account["${each.key}_prod"]]
}

# What modules return are entities again: the leads' groups read each other's production.
assignment "neighbours" {
  principals      = [for team in module.team : team.group]
  permission_sets = [permission_set.read_only]
  accounts        = [account.payments_prod, account.search_prod]
  reason          = "teams may look at each other"
}

output "groups" {
  value = { for name, team in module.team : name => team.group.display_name }
}
