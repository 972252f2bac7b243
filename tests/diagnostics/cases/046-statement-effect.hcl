permission_set "a" {
  policy {
    statement {
      effect    = "allow" #~ bad-statement
      actions   = ["s3:*"]
      resources = ["*"]
    }
  }
}
