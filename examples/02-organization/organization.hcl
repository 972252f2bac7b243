# Units as in AWS's Security Reference Architecture. They exist already; this stack refers to them.

organizational_unit "security" {
  name   = "Security"
  parent = organizational_unit.root
}

organizational_unit "infrastructure" {
  name   = "Infrastructure"
  parent = organizational_unit.root
}

organizational_unit "workloads" {
  name   = "Workloads"
  parent = organizational_unit.root
}

organizational_unit "prod" {
  name   = "Prod"
  parent = organizational_unit.workloads
}

organizational_unit "nonprod" {
  name   = "NonProd"
  parent = organizational_unit.workloads
}

organizational_unit "sandbox" {
  name   = "Sandbox"
  parent = organizational_unit.root
}

organizational_unit "suspended" {
  name   = "Suspended"
  parent = organizational_unit.root
}

locals {
  # Every product has a production account and two others; ids are assigned by AWS and never change.
  products = {
    payments  = { number = 1, team = "payments" }
    checkout  = { number = 2, team = "checkout" }
    catalog   = { number = 3, team = "catalog" }
    search    = { number = 4, team = "search" }
    warehouse = { number = 5, team = "data" }
    portal    = { number = 6, team = "portal" }
  }
}

# Foundations.

account "log_archive" {
  id    = "222200000001"
  name  = "log-archive"
  email = "aws+log-archive@example.com"
  ou    = organizational_unit.security
  tags  = { env = "prod", team = "security" }
}

account "security_tooling" {
  id    = "222200000002"
  name  = "security-tooling"
  email = "aws+security-tooling@example.com"
  ou    = organizational_unit.security
  tags  = { env = "prod", team = "security" }
}

account "network" {
  id    = "222200000003"
  name  = "network"
  email = "aws+network@example.com"
  ou    = organizational_unit.infrastructure
  tags  = { env = "prod", team = "platform" }
}

account "shared_services" {
  id    = "222200000004"
  name  = "shared-services"
  email = "aws+shared-services@example.com"
  ou    = organizational_unit.infrastructure
  tags  = { env = "prod", team = "platform" }
}

account "build" {
  id    = "222200000005"
  name  = "build"
  email = "aws+build@example.com"
  ou    = organizational_unit.infrastructure
  tags  = { env = "prod", team = "platform" }
}

account "backup" {
  id    = "222200000006"
  name  = "backup"
  email = "aws+backup@example.com"
  ou    = organizational_unit.infrastructure
  tags  = { env = "prod", team = "platform" }
}

# Products: one production account, a staging and a development one each.

account "prod" {
  for_each = local.products

  id    = format("3333%08d", each.value.number)
  name  = "${each.key}-prod"
  email = "aws+${each.key}-prod@example.com"
  ou    = organizational_unit.prod
  tags  = { env = "prod", team = each.value.team }
}

account "staging" {
  for_each = local.products

  id    = format("4444%08d", each.value.number)
  name  = "${each.key}-staging"
  email = "aws+${each.key}-staging@example.com"
  ou    = organizational_unit.nonprod
  tags  = { env = "staging", team = each.value.team }
}

account "dev" {
  for_each = local.products

  id    = format("5555%08d", each.value.number)
  name  = "${each.key}-dev"
  email = "aws+${each.key}-dev@example.com"
  ou    = organizational_unit.nonprod
  tags  = { env = "dev", team = each.value.team }
}

# Places to play, and one that is being wound down.

account "sandbox" {
  count = 5

  id    = format("6666%08d", count.index + 1)
  name  = "sandbox-${count.index + 1}"
  email = "aws+sandbox-${count.index + 1}@example.com"
  ou    = organizational_unit.sandbox
  tags  = { env = "sandbox" }
}

account "legacy_crm" {
  id    = "777700000001"
  name  = "legacy-crm"
  email = "aws+legacy-crm@example.com"
  ou    = organizational_unit.suspended
  tags  = { env = "none" }
}
