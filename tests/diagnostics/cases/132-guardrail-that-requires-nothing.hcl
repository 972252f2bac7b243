guardrail "required" {
  require { #~ bad-guardrail
    reason = false
  }
  require {
    expires_within = "90 days" #~ bad-guardrail
  }
}
