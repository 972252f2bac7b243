permission_set "a" {
  permissions_boundary = "arn:aws:iam::111122223333:policy/team/limit" #~ invalid-managed-policy
}
