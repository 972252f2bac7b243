user "u" {
  user_name   = "u@example.com"
  given_name  = null #~ missing-attribute
  family_name = "U"
}

group "g" {
  display_name = "G"
  members      = null
}

permission_set "p" {}

account "a" {
  id = "111122223333"
}

assignment "x" {
  principals      = null #~ missing-attribute
  permission_sets = [permission_set.p]
  accounts        = null #~ missing-attribute
}
