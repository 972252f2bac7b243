organizational_unit "prod" {
  name = "Workloads/Prod" #~ invalid-name
}
