guardrail "nobody" {
  deny {} #~ bad-guardrail
}
