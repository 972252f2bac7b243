# Who works here, from a file that the people department can edit.

locals {
  people = csvdecode(file("${path.module}/people.csv"))

  groups = {
    platform    = "Platform"
    security    = "Security"
    incident    = "Incident Response"
    network     = "Network"
    developers  = "Developers"
    payments    = "Payments"
    checkout    = "Checkout"
    catalog     = "Catalog"
    search      = "Search"
    data        = "Data"
    portal      = "Portal"
    support     = "Support"
    finance     = "Finance"
    auditors    = "Auditors"
    break_glass = "Break Glass"
  }

  # What the CSV calls the groups of each person, by display name. A misspelt one is an error here: `groups` has no
  # such key.
  groups_of = {
    for person in local.people : person.user_name => [
      for key in compact(split(" ", person.groups)) : local.groups[key]
    ]
  }
}

user "person" {
  for_each = { for person in local.people : person.user_name => person }

  user_name   = each.key
  given_name  = each.value.given_name
  family_name = each.value.family_name
  email       = each.key
}

group "team" {
  for_each = local.groups

  display_name = each.value
  members = [
    for person in local.people : user.person[person.user_name]
    if contains(local.groups_of[person.user_name], each.value)
  ]
}
