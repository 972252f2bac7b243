permission_set "a" {
  managed_policies = [
    "arn:aws:iam::aws:policy/ReadOnlyAccess",
    "arn:aws:iam::aws:policy/ReadOnlyAccess", #~ repeated-policy
  ]
}
