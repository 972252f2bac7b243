# Who may do what where. Units are followed down the tree; a new account under one gets its access by itself.

assignment "everyone_looks" {
  principals      = [group.team["developers"]]
  permission_sets = [permission_set.view_only]
  accounts        = organizational_unit.workloads.accounts
  reason          = "everyone who builds may look"
}

assignment "platform_everywhere" {
  principals      = [group.team["platform"]]
  permission_sets = [permission_set.power_user, permission_set.read_only]
  accounts        = concat(organizational_unit.infrastructure.accounts, organizational_unit.nonprod.accounts)
}

assignment "platform_deploys" {
  principals      = [group.team["platform"]]
  permission_sets = [permission_set.deployer]
  accounts        = organizational_unit.prod.accounts
  reason          = "OPS-1007"
}

# Each product's team builds in its own accounts and deploys to its own production.
assignment "team_builds" {
  for_each = local.products

  principals      = [group.team[each.value.team]]
  permission_sets = [permission_set.power_user]
  accounts        = [account.dev[each.key], account.staging[each.key]]
}

assignment "team_deploys" {
  for_each = local.products

  principals      = [group.team[each.value.team]]
  permission_sets = [permission_set.deployer]
  accounts        = [account.prod[each.key]]
}

assignment "data_science" {
  principals      = [group.team["data"]]
  permission_sets = [permission_set.data_scientist, permission_set.database_administrator]
  accounts        = [account.dev["warehouse"], account.staging["warehouse"], account.prod["warehouse"]]
}

assignment "network" {
  principals      = [group.team["network"]]
  permission_sets = [permission_set.network_administrator]
  accounts        = [account.network, account.shared_services]
}

assignment "security_reads" {
  principals      = [group.team["security"], group.team["auditors"]]
  permission_sets = [permission_set.security_audit]
  accounts        = organizational_unit.root.accounts
  reason          = "SEC-1: read everywhere"
}

assignment "security_works" {
  principals      = [group.team["security"]]
  permission_sets = [permission_set.power_user]
  accounts        = organizational_unit.security.direct_accounts
}

assignment "incident" {
  principals      = [group.team["incident"]]
  permission_sets = [permission_set.incident_response]
  accounts        = [for a in organizational_unit.root.accounts : a if lookup(a.tags, "env", "") == "prod"]
  reason          = "SEC-9: on call"
}

assignment "support" {
  principals      = [group.team["support"]]
  permission_sets = [permission_set.support, permission_set.view_only]
  accounts        = organizational_unit.prod.accounts
}

assignment "finance" {
  principals      = [group.team["finance"]]
  permission_sets = [permission_set.billing]
  accounts        = [account.shared_services]
}

assignment "sandboxes" {
  principals      = [group.team["developers"]]
  permission_sets = [permission_set.sandbox_owner]
  accounts        = organizational_unit.sandbox.accounts
}

# One person, for one task, until a day.
assignment "crm_wind_down" {
  principals      = [user.person["grace.hopper@example.com"]]
  permission_sets = [permission_set.read_only]
  accounts        = [account.legacy_crm]
  expires         = "2030-06-30"
  reason          = "CRM-77: hand over the archive"
}

assignment "break_glass" {
  principals      = [group.team["break_glass"]]
  permission_sets = [permission_set.administrator]
  accounts        = organizational_unit.root.accounts
  reason          = "SEC-2: emergencies only"
}

guardrail "auditors only read" {
  deny {
    principals      = [group.team["auditors"]]
    permission_sets = [permission_set.administrator, permission_set.power_user, permission_set.deployer]
    accounts        = organizational_unit.root.accounts
  }
}

guardrail "few administrators" {
  limit {
    permission_sets = [permission_set.administrator]
    max_people      = 4
  }
}
