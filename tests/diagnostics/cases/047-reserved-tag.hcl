permission_set "a" {
  tags = { "aws:owner" = "me" } #~ invalid-tag
}
