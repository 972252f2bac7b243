account "a" {
  id = 012345678901 #~ unquoted-account-id
}
