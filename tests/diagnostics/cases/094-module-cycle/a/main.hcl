module "b" { 
  source = "../b"
}
