permission_set "a" {
  customer_managed_policies = [{ name = "audit", path = "team" }] #~ invalid-customer-policy
}
