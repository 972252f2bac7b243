permission_set "blocks" {
  policy {
    statement {
      actions = [
        "s3:PutObject", #~ statement-without-effect
        "s3:ListBucket",
      ]
      resources = ["arn:aws:s3:::bucket"]
    }
    statement {
      actions   = ["s3:ListBucketVersions"] #~ statement-without-effect
      resources = ["arn:aws:s3:::bucket/*"]
    }
    statement {
      actions   = ["dynamodb:GetItem"] #~ statement-without-effect
      resources = ["arn:aws:dynamodb:eu-west-1:111122223333:stream/x"]
    }
    statement {
      actions   = ["ec2:StartInstances"]
      resources = ["arn:aws:ec2:eu-west-1:111122223333:instance/*"]
      condition {
        test     = "StringEquals"
        variable = "aws:RequestedRegoin" #~ unknown-condition-key
        values   = ["eu-west-1"]
      }
      condition {
        test     = "StringEquals"
        variable = "aws:RequestedRegion"
        values   = ["eu-*"] #~ condition-type
      }
      condition {
        test     = "IpAddress"
        variable = "aws:SourceIp"
        values = [
          "10.0.0.0/8",
          "10.0.0.0/33", #~ condition-type
          "office",      #~ condition-type
        ]
      }
    }
    statement {
      not_actions   = ["s3:*"]
      not_resources = ["arn:aws:s3:::x"] #~ wide-statement
    }
  }
}

permission_set "json" {
  managed_policies = ["arn:aws:iam::aws:policy/AdministratorAccess"]
  inline_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Deny"
        Action   = "*" #~ statement-without-effect
        Resource = "*"
      },
      { Effect = "Allow", Action = "s3:GetObject", Resource = "arn:aws:s3:::b/x" }, #~ statement-without-effect
    ]
  })
}

permission_set "variable" {
  inline_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = "s3:GetObject", Resource = "arn:aws:s3:::b/x" },
      { Effect = "Allow", Action = "s3:GetObject", Resource = "arn:aws:s3:::b/$${aws:usrname}" }, #~ unknown-condition-key
    ]
  })
}
