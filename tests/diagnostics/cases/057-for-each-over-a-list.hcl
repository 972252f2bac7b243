group "a" {
  for_each     = ["x", "y"] #~ bad-for-each
  display_name = each.key
}
