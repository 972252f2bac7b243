module "team" {
  source = "./team"
}

output "x" {
  value = module.team.gruop #~ unknown-attribute
}
