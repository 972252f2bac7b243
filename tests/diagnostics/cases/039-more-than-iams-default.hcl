permission_set "a" {
  managed_policies = [for n in range(11) : "arn:aws:iam::aws:policy/Policy${n}"] #~ too-many-policies
}

rolecall {
  lint {
    known_policies = ["arn:aws:iam::aws:policy/Policy*"]
  }
}
