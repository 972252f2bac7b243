group "a" { #~ duplicate-entity
  for_each     = toset(["x", "y"])
  display_name = "same"
}
