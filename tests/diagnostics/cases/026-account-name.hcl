account "a" {
  id     = "111122223333"
  name   = "zürich" #~ invalid-account-name
  manage = true
}
