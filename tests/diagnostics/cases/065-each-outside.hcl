group "a" {
  display_name = each.key #~ unknown-name
}
