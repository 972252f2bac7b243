permission_set "view" {}

standing_approval "accounts" {
  reason          = "every account has it"
  permission_sets = [permission_set.view]
  causes          = ["account_join"] #~ bad-standing-approval
}

standing_approval "anything" { #~ missing-attribute
  reason = "why not"
}
