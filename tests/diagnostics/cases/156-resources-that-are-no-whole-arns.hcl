permission_set "blocks" {
  policy {
    statement {
      actions = ["iam:GetRole"]
      resources = [
        "arn:aws:iam::111122223333:role/app",
        "arn:aws:iam::111122223333", #~ incomplete-arn
        "arn:aws:iam::*",
      ]
    }
  }
}

permission_set "json" {
  inline_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = "sqs:SendMessage", Resource = "arn:aws:sqs" }, #~ incomplete-arn
    ]
  })
}
