account "a" {
  id = "111122223333 #~ syntax-error
}

account "b" {
  id = "1111222233" #~ invalid-account-id
}
