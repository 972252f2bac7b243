permission_set "a" {
  name = "read only" #~ invalid-name
}
