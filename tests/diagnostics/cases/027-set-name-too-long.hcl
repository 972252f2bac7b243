permission_set "a" {
  name = "an-administrator-of-the-database-team" #~ invalid-name
}
