permission_set "p" {
  inline_policy = jsonencode({}) #~ invalid-policy

  policy { #~ two-inline-policies
    statement { #~ bad-statement
      effect  = "allow" #~ bad-statement
      actions = ["s3:Get*"]
    }
  }
}

permission_set "twice" {
  inline_policy = jsonencode({ #~ invalid-policy
    Version = "2012-10-17"
    Statement = [
      { Sid = "One", Effect = "Allow", Action = "s3:Get*", Resource = "*" },
      { Sid = "One", Effect = "Allow", Action = "s3:List*", Resource = "*" },
    ]
  })
}

variable "never" {
  type     = string
  nullable = false
  default  = null #~ bad-variable-value
}

output "never" {
  value = var.never
}
