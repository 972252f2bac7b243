group "old" {
  display_name = "A"
}

group "new" {
  display_name = "B"
}

moved {
  from = group.old #~ bad-move
  to   = group.new
}
