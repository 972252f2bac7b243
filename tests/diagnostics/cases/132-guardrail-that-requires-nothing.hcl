guardrail "required" {
  require { #~ bad-guardrail
    reason = false
  }
  require {
    expires_within = "soon" #~ bad-guardrail
  }
}
