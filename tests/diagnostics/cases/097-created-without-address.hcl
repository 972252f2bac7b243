account "a" {
  id     = "111122223333"
  create = true #~ missing-attribute
}
