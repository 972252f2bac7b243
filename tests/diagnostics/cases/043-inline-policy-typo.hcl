permission_set "a" {
  inline_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Actions = ["s3:*"], Resource = "*" }] #~ invalid-policy
  })
}
