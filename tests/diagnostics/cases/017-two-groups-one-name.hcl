group "a" {
  display_name = "Ops"
}

group "b" { #~ duplicate-entity
  display_name = "Ops"
}
