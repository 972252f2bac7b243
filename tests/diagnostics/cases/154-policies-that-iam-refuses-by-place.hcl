permission_set "blocks" {
  policy {
    statement {
      actions = [
        "ec2:StartInstances",
        "s3", #~ bad-statement
      ]
      resources = ["*"]
      condition {
        test     = "StringEquals"
        variable = "aws:RequestedRegion"
        values   = ["eu-west-1"]
      }
      condition {
        test     = "StringEqualz" #~ bad-statement
        variable = "aws:RequestedRegion"
        values   = ["eu-west-1"]
      }
    }
  }
}

permission_set "json" {
  inline_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = "ec2:*", Resource = "*" },
      { Effect = "Allow", Action = "s3", Resource = "*" }, #~ invalid-policy
      { Effect = "allow", Action = "s3:*", Resource = "*" }, #~ invalid-policy
    ]
  })
}
