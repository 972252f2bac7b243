permission_set "a" {
  description = "Read – only" #~ invalid-description
}
