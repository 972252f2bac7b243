group "a" {
  owner = "x" #~ unknown-attribute
}
