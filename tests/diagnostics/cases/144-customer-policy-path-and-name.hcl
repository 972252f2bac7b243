permission_set "x" {
  customer_managed_policies = [{ name = "x y", path = "nope" }] #~ invalid-customer-policy
}
