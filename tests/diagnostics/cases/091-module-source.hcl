module "team" {
  source = "git::https://example.com/team.git" #~ bad-module-source
}
