group "a" {
  display_name = Platform #~ unknown-name
}
