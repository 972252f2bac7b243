rolecall {
  lint {
    known_actions     = ["quantumleap:*"]
    ignore_statements = ["Legacy*"]
  }
}

permission_set "blocks" {
  policy {
    statement {
      actions = [
        "s3:GetObject",
        "s3:GetObjcet",     #~ unknown-action
        "dynamo:GetItem",   #~ unknown-action
        "dynamodb:GetItem", #~ statement-without-effect
        "quantumleap:Leap",
      ]
      resources = ["arn:aws:s3:::logs/*"]
      condition {
        test     = "Bool"
        variable = "aws:SecureTransport"
        values   = ["yes"] #~ condition-type
      }
    }
    statement {
      not_actions = ["iam:*"] #~ wide-statement
      resources   = ["*"]
    }
    statement {
      sid       = "LegacyThings"
      actions   = ["s4:*"]
      resources = ["*"]
    }
  }
}

permission_set "json" {
  inline_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = "iam:*", Resource = "*" }, #~ wide-statement
      { Effect = "Allow", Action = ["ec2:Descibe*"], Resource = "*" }, #~ unknown-action
    ]
  })
}
