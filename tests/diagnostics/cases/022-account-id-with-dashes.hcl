account "a" {
  id = "1111-2222-3333" #~ invalid-account-id
}
