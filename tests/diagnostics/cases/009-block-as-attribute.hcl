permission_set "a" {
  policy = { } #~ unknown-attribute
}
