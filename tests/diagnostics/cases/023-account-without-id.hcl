account "a" { #~ account-without-id
  name = "a"
}
