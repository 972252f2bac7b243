permission_set "a" {
  inline_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "*", Resource = "*" }] })

  policy { #~ two-inline-policies
    statement {
      actions   = ["s3:*"]
      resources = ["*"]
    }
  }
}
