group "ops" {
  display_name = "Ops"
}

data "group" "ops" { #~ duplicate-entity
  display_name = "Ops"
}
