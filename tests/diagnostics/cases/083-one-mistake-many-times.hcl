permission_set "p" {}
account "a" { id = "111122223333" }

locals {
  people = toset([for n in range(500) : "p${n}"])
}

group "team" {
  for_each     = local.people
  display_name = "${each.key}\u0007" #~ invalid-name
}

assignment "a" {
  for_each        = local.people
  principals      = [group.team[each.key]]
  permission_sets = [permission_set.p]
  accounts        = [account.a]
}
