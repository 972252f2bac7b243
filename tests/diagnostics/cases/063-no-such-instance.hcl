group "team" {
  for_each     = toset(["red", "blue"])
  display_name = each.key
}

output "x" {
  value = group.team["rde"].display_name #~ invalid-index
}
