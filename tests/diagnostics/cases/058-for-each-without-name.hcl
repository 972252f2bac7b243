group "a" { #~ name-needed
  for_each = toset(["x", "y"])
}
