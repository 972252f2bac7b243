module "a" { #~ module-cycle
  source = "../a"
}
