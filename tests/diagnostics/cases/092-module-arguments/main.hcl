module "team" {
  source  = "./team"
  nmae    = "x" #~ unknown-argument
  members = "ada" #~ bad-variable-value
}

module "other" { #~ missing-variable
  source = "./team"
}
