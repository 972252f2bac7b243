account "a" {
  id = "111122223333"
}

account "b" { #~ duplicate-entity
  id = "111122223333"
}
