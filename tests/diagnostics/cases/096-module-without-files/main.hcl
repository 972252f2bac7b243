module "a" {
  source = "./nowhere" #~ unreadable-source
}
