permission_set "a" {
  desciption = "x" #~ unknown-attribute
}
