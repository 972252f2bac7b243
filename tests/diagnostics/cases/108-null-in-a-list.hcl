permission_set "a" {
  managed_policies = ["arn:aws:iam::aws:policy/ReadOnlyAccess", null] #~ null-value
}
