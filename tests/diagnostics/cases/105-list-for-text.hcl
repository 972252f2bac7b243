permission_set "a" {
  description = ["x"] #~ wrong-type
}
