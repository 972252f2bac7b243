guardrail "nobody" {} #~ bad-guardrail
