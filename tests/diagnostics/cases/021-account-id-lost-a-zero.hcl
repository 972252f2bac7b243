account "a" {
  id = "12345678901" #~ invalid-account-id
}
