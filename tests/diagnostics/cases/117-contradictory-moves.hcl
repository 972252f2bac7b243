group "g" {}

moved {
  from = group.x
  to   = group.g
}

moved { #~ bad-move
  from = group.y
  to   = group.g
}

moved { #~ bad-move
  from = group.x
  to   = group.z
}

moved {
  from = group.q
  to   = group.r #~ moved-nowhere
}

moved { #~ bad-move
  from = group.r
  to   = group.q
}
