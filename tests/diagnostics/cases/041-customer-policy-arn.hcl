permission_set "a" {
  customer_managed_policies = [{ name = "arn:aws:iam::111122223333:policy/audit" }] #~ invalid-customer-policy
}
