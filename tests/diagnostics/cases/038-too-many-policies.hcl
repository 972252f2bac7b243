permission_set "a" {
  managed_policies = [for n in range(21) : "arn:aws:iam::aws:policy/Policy${n}"] #~ too-many-policies
}
