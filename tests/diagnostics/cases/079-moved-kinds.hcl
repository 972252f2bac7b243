permission_set "b" {}

moved {
  from = group.a
  to   = permission_set.b #~ bad-move
}
