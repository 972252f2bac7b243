permission_set "a" {
  tags = { owner = "ann, bob" } #~ invalid-tag
}
