permission_set "a" { #~ syntax-error
  description = "x"

permission_set "b" {
  description = ""  #~ invalid-description
}
