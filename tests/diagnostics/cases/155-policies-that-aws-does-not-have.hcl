rolecall {
  lint {
    known_policies = ["arn:aws:iam::aws:policy/QuantumLeap*"]
  }
}

permission_set "reader" {
  managed_policies = [
    "arn:aws:iam::aws:policy/ReadOnlyAccess",
    "arn:aws:iam::aws:policy/ViewOnlyAccess", #~ unknown-managed-policy
    "arn:aws:iam::aws:policy/SecurtyAudit",   #~ unknown-managed-policy
    "arn:aws:iam::aws:policy/QuantumLeapReadOnly",
    "arn:aws-cn:iam::aws:policy/OnlyInChina",
  ]
  permissions_boundary = "arn:aws:iam::aws:policy/NothingLikeIt" #~ unknown-managed-policy
}

permission_set "empty" { #~ empty-permission-set
  description          = "Has a boundary, which gives nothing"
  permissions_boundary = "arn:aws:iam::aws:policy/PowerUserAccess"
}

permission_set "customer" {
  customer_managed_policies = ["audit"]
}

data "permission_set" "theirs" {
  name = "TheirSet"
}
