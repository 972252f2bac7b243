moved {
  from = "group.a" #~ bad-move
  to   = group.b
}

group "b" {}
