permission_set "admin" {}

guardrail "few" {
  limit { #~ bad-guardrail
    permission_sets = [permission_set.admin]
  }
  limit {
    max_people = 2.5 #~ bad-guardrail
  }
  limit {
    max_session = "PT13H" #~ invalid-session-duration
  }
  limit {
    max_people = 3
    on_unknown = "ignore" #~ bad-guardrail
  }
}
