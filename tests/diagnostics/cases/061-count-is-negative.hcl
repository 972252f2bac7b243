group "a" {
  count        = -1 #~ bad-count
  display_name = "g${count.index}"
}
