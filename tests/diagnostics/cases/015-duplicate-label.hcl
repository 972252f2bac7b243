group "a" {}

group "a" { #~ duplicate-block
  display_name = "Other"
}
