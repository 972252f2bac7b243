variable "name" {
  type        = string
  description = "The team's name, in lower case."
}

variable "members" {
  description = "Users of the team."
}

variable "build_in" {
  description = "Accounts the team builds in."
}

variable "read_in" {
  description = "Accounts the team reads in."
}

variable "read_only" {
  description = "The permission set for reading."
}

group "team" {
  display_name = title(var.name)
  members      = var.members
}

permission_set "build" {
  name             = "${title(var.name)}Build"
  description      = "What the ${var.name} team needs to build"
  session_duration = "PT8H"
  managed_policies = ["arn:aws:iam::aws:policy/PowerUserAccess"]
  tags             = { team = var.name }
}

assignment "build" {
  principals      = [group.team]
  permission_sets = [permission_set.build]
  accounts        = var.build_in
}

assignment "read" {
  principals      = [group.team]
  permission_sets = [var.read_only]
  accounts        = var.read_in
}

output "group" {
  value = group.team
}
