permission_set "p" {}

group "g" {
  description = permission_set.p #~ wrong-type
}
