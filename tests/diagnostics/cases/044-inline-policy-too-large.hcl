permission_set "a" {
  inline_policy = jsonencode({ #~ policy-too-large
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = [for n in range(1000) : "service:Operation${n}"], Resource = "*" }]
  })
}
