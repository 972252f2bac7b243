permission_set "a" {
  inline_policy = "{ Version = 2012 }" #~ invalid-policy
}
