permission_set "blocks" {
  policy {
    statement {
      sid           = "bad sid!"                  #~ bad-statement
      effect        = "allow"                     #~ bad-statement
      actions       = ["S3", "s3:Get*", "s3 :Put"] #~ bad-statement
      not_resources = ["not-an-arn"]              #~ bad-statement

      condition {
        test     = "StringEqual" #~ bad-statement
        variable = "team" #~ bad-statement
        values   = []
      }
    }

    statement { #~ bad-statement
      actions     = []      #~ bad-statement
      not_actions = ["s3:*"] #~ bad-statement
    }
  }
}

permission_set "none" {
  policy {} #~ invalid-policy
}

permission_set "json" {
  inline_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Sid = "a b", Effect = "Allow", Action = "s3:Get*", Resource = "bucket" }, #~ invalid-policy
      { Effect = "Deny", Action = [], Resource = "*", Condition = { IpAdress = { "aws:SourceIp" = ["10.0.0.0/8"] } } }, #~ invalid-policy
    ]
  })
}
