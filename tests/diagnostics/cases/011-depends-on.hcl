permission_set "a" {
  depends_on = [permission_set.b] #~ unknown-attribute
}

permission_set "b" {}
