permission_set "p" {}

group "a" {
  for_each     = toset([permission_set.p.arn]) #~ unknown-value
  display_name = each.key
}
