permission_set "a" {
  managed_policies = "arn:aws:iam::aws:policy/ReadOnlyAccess" #~ wrong-type
}
