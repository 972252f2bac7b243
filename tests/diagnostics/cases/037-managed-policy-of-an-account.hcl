permission_set "a" {
  managed_policies = ["arn:aws:iam::111122223333:policy/team/audit"] #~ invalid-managed-policy
}
