permission_set "admin" {}

guardrail "few" {
  limit { #~ bad-guardrail
    permission_sets = [permission_set.admin]
  }
  limit { #~ bad-guardrail
    max_people = 2.5
  }
  limit {
    max_session = "PT13H" #~ invalid-session-duration
  }
  limit {
    max_people = 3
    on_unknown = "ignore" #~ bad-guardrail
  }
}
