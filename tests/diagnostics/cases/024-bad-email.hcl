account "a" {
  email  = "not an address" #~ invalid-email
  create = true
}
