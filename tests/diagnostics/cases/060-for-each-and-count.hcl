group "a" {
  for_each     = toset(["x"])
  count        = 1 #~ wrong-meta-argument
  display_name = "a"
}
