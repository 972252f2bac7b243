variable "s" {
  type      = string
  default   = "hush-hush"
  sensitive = true
}

account "a" {
  id = "111122223333"
}

user "u" {
  user_name   = "u@example.com"
  given_name  = "U"
  family_name = "U"
}

group "g" {
  members = sensitive([user.u]) #~ sensitive-attribute
}

permission_set "p" {}

assignment "marked" {
  principals      = [sensitive(group.g)] #~ sensitive-attribute
  permission_sets = [permission_set.p]
  accounts        = sensitive([account.a]) #~ sensitive-attribute
}

assignment "chosen" {
  principals      = [for each in [group.g] : each if var.s == "x"] #~ sensitive-attribute
  permission_sets = [permission_set.p]
  accounts        = var.s == "x" ? [account.a] : [] #~ sensitive-attribute
}

output "named" {
  value     = account[var.s].id #~ unknown-name
  sensitive = true
}
